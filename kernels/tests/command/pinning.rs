//! `--pin`: where workers run, and two jobs at once.

use std::path::Path;

use super::place::{MINUTES, Place, may_start, skipped};
use super::started::Started;

const SLOPE: &str = "[steps.slope]\nin = \"elevation\"\nsave = \"slope.npy\"\n";

/// The CPUs that a process may run on, as the system writes them.
fn cpus_of(pid: i32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.unwrap().trim().into()
}

fn own_cpus() -> String {
    cpus_of(std::process::id() as i32)
}

/// The first two CPUs that are allowed here.
fn two_cpus() -> Option<[String; 2]> {
    let place = Place::new();
    let info = place.gristmill("info").ends_with(0).out;
    let line = info.lines().find(|line| line.contains("CPUs allowed")).unwrap().to_string();
    let numbers = line.split_once('(').unwrap().1.split_once(')').unwrap().0.to_string();
    let mut numbers = numbers.split(' ').map(String::from);
    let two = Some([numbers.next()?, numbers.next()?]);
    two.or_else(|| {
        skipped("one CPU alone is allowed here");
        None
    })
}

#[test]
fn workers_run_on_the_cpus_that_are_named_in_their_order() {
    let Some([first, second]) = two_cpus() else { return };
    let place = Place::with_steps(MINUTES);
    let mut job = Started::new(&place, &format!("run job.toml --out o --pin {second},{first}"));
    let workers = job.computing_workers(2);
    assert_eq!(workers.iter().map(|&pid| cpus_of(pid)).collect::<Vec<_>>(), [second, first]);
}

#[test]
fn unpinned_workers_may_run_everywhere() {
    let place = Place::with_steps(MINUTES);
    let mut job = Started::new(&place, "run job.toml --out o --pin no");
    for worker in job.computing_workers(2) {
        assert_eq!(cpus_of(worker), own_cpus());
    }
}

#[test]
fn a_cpu_that_is_not_allowed_is_refused_with_those_that_are_before_anything_is_made() {
    let place = Place::with_steps(SLOPE);
    place
        .gristmill("run job.toml --out o --pin 0,60000-60001")
        .ends_with(2)
        .prints_nothing()
        .says("this process may not use 60000-60001: it may use ")
        .says("see `gristmill info`");
    assert!(!place.has("o"));
    for wrong in ["some", "1-", "3-1", "0,,1"] {
        place
            .gristmill(&format!("run job.toml --pin {wrong}"))
            .ends_with(2)
            .says("write auto, no, or CPUs");
    }
}

#[test]
fn files_are_the_same_wherever_workers_run() {
    let place = Place::with_steps(SLOPE);
    place.gristmill("run job.toml --out whole").ends_with(0);
    for pin in ["auto", "no", "0"] {
        if pin == "0" && !own_cpus().starts_with('0') {
            continue;
        }
        place.gristmill(&format!("run job.toml --out o --workers 3 --pin {pin}")).ends_with(0);
        assert_eq!(place.hashes("o"), place.hashes("whole"), "{pin}");
    }
}

#[test]
fn info_says_what_auto_would_do() {
    let place = Place::new();
    let info = place.gristmill("info").ends_with(0).out;
    let line = info.lines().find(|line| line.contains("pinning")).unwrap().to_string();
    assert!(line.contains("auto: CPUs ") || line.contains("auto: none is free"), "{line}");
    let claims = ["no other engine has claimed one", "other engines have claimed "];
    assert!(claims.iter().any(|claim| line.contains(claim)), "{line}");
}

/// Claims are seen within a network namespace; in one of their own these two are alone.
#[test]
fn two_jobs_at_once_run_on_different_cpus() {
    if two_cpus().is_none() || !may_start("unshare --net") {
        return;
    }
    let [one, other] = [0, 1].map(|_| Place::with_steps(MINUTES));
    let run = format!("{} run job.toml --out o --workers 1", env!("CARGO_BIN_EXE_gristmill"));
    let mut first = Started::of(&one, Path::new("unshare"), &format!("--net {run}"));
    let a = first.computing_workers(1);
    let namespace = format!("--net=/proc/{}/ns/net", first.pid());
    let mut second = Started::of(&other, Path::new("nsenter"), &format!("{namespace} {run}"));
    let b = second.computing_workers(1);
    let cpus = [cpus_of(a[0]), cpus_of(b[0])];
    assert!(cpus.iter().all(|cpu| cpu.parse::<usize>().is_ok()) && cpus[0] != cpus[1], "{cpus:?}");
    // The second sees what the first has.
    let info = one.gristmill_under(&format!("nsenter {namespace}"), "info").ends_with(0);
    assert!(info.out.contains(&format!("other engines have claimed {}", cpus[0])), "{}", info.out);
}
