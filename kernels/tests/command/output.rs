//! What goes to standard output and standard error.

use super::place::{Place, SHORT};

const SLOPE: &str =
    "[steps.slope]\nin = \"elevation\"\nsave = \"slope.npy\"\n[steps.summary]\nin = \"slope\"\n";

#[test]
fn json_is_the_report_and_nothing_else() {
    let place = Place::with_steps(SHORT);
    let answer = place.gristmill("run job.toml --out o --json").ends_with(0).says_nothing();
    assert_eq!(answer.out, std::fs::read_to_string(place.path("o/report.json")).unwrap());
    let document: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(document["status"], "done");
}

#[test]
fn json_and_quiet_together_are_json() {
    let place = Place::with_steps(SLOPE);
    let answer = place.gristmill("run job.toml --quiet --json").ends_with(0).says_nothing();
    serde_json::from_str::<serde_json::Value>(&answer.out).unwrap();
}

#[test]
fn quiet_prints_nothing() {
    let place = Place::with_steps(SLOPE);
    place.gristmill("run job.toml --quiet").ends_with(0).prints_nothing().says_nothing();
}

#[test]
fn in_a_pipe_there_are_tables_without_bars_and_without_escape_codes() {
    let place = Place::with_steps(SHORT);
    let answer = place.gristmill("run job.toml").ends_with(0).says_nothing();
    for part in ["throughput", "sky_view", "summary", "mean", "histogram", "below"] {
        assert!(answer.out.contains(part), "{part} is not in\n{}", answer.out);
    }
    assert!(!answer.out.contains(['\u{1b}', '\r', '━', '│']), "{}", answer.out);
}

#[test]
fn more_workers_than_cpus_get_a_warning() {
    let place = Place::with_steps(SLOPE);
    place
        .gristmill("run job.toml --workers 256 --quiet")
        .ends_with(0)
        .prints_nothing()
        .says("256 workers share")
        .says("results are the same, but slower");
}

#[test]
fn a_reader_who_goes_away_is_no_failure() {
    let place = Place::with_steps(SLOPE);
    for words in ["run job.toml", "run job.toml --json", "kernels", "check job.toml", "init"] {
        // The reading end is closed before the command begins to write.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = place.command(&words.split(' ').collect::<Vec<_>>());
        let child = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
        drop(command);
        super::place::Answer::from(child.wait_with_output().unwrap()).ends_with(0).says_nothing();
    }
}

#[test]
fn output_that_cannot_be_written_is_said() {
    let place = Place::with_steps(SLOPE);
    for words in ["run job.toml", "run job.toml --json", "kernels", "kernels sum", "info", "init"] {
        place
            .gristmill_after("exec >/dev/full", words)
            .ends_with(1)
            .says("cannot write to standard output");
    }
    // The results are there all the same.
    place.gristmill("run job.toml --quiet").ends_with(0);
    assert_eq!(place.report("out/t")["status"], "done");
    // And messages that cannot be written are no reason to fall over.
    place.gristmill_after("exec 2>/dev/full", "run none.toml").ends_with(2);
    place.gristmill_after("exec 2>/dev/full", "run job.toml --workers 8").ends_with(0);
}
