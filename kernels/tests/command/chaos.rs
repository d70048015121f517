//! `--chaos`: workers are killed, stopped and slowed during the job, and its files are the same.

use super::place::{Place, SECONDS};

#[test]
fn chaos_changes_no_file_and_is_no_attempt() {
    let place = Place::with_steps(SECONDS);
    place.gristmill("run job.toml --out calm --workers 2").ends_with(0);
    let words = "run job.toml --out wild --workers 2 --chaos";
    let told = place.gristmill(&format!("{words} 7:10")).ends_with(0);
    assert_eq!(place.hashes("wild"), place.hashes("calm"));
    assert_eq!(place.names("wild"), place.names("calm"));

    let report = place.report("wild");
    let chaos = &report["chaos"];
    assert_eq!((&chaos["seed"], &chaos["kills_per_second"]), (&7.into(), &10.0.into()));
    let [kills, stops, slowed] =
        ["kills", "stops", "slowed"].map(|what| chaos[what].as_u64().unwrap());
    assert!(kills > 3, "{chaos}");
    assert_eq!((&report["deaths"], &report["retries"]), (&0.into(), &0.into()));
    assert_eq!(report["poisoned"], serde_json::json!([]));
    assert_eq!(place.report("calm").get("chaos"), None);

    let in_all = format!("chaos: seed 7: {kills} kills, {stops} stops, {slowed} slowed\n");
    let lines = told.err.lines().count();
    let told = told.says(" s: killed worker ").says(" (pid ").says(&in_all);
    assert!(told.err.lines().all(|line| line.starts_with("chaos: ")), "{}", told.err);
    assert!(lines <= 60, "{}", told.err);

    let quiet = place.gristmill(&format!("{words} 8 --quiet")).ends_with(0);
    assert!(quiet.err.starts_with("chaos: seed 8: ") && quiet.err.lines().count() == 1);
    assert_eq!(place.hashes("wild"), place.hashes("calm"));
}

#[test]
fn a_wrong_seed_or_rate_starts_nothing() {
    let place = Place::with_steps(SECONDS);
    for (chaos, reason) in [
        ("--chaos seven", "the seed is a whole number up to 18446744073709551615, not `seven`"),
        ("--chaos 7:0", "the kills per second behind the colon are a number from 0.001 to 1000"),
        ("--chaos", "a value is required for '--chaos <SEED[:KILLS_PER_SECOND]>'"),
    ] {
        place.gristmill(&format!("run job.toml --out o {chaos}")).ends_with(2).says(reason);
    }
    assert!(!place.has("o"));
}
