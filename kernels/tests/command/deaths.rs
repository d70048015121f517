//! SIGKILL, to the coordinator and to workers, in the middle of a job.

use nix::sys::signal::Signal::{SIGKILL, SIGSEGV, SIGSTOP};

use super::place::{MINUTES, Place, SECONDS};
use super::started::{Started, all_end, send, uses_shm};

fn shm() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/dev/shm") else { return vec![] };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_killed_coordinator_leaves_no_process_and_no_half_file() {
    let place = Place::with_steps(MINUTES);
    let before = shm();
    let mut job = Started::new(&place, "run job.toml --out o");
    let workers = job.computing_workers(2);
    assert!(!uses_shm(job.pid()) && !workers.iter().any(|&worker| uses_shm(worker)));
    job.signal(SIGKILL);
    job.end();
    all_end(&workers);
    // Others may use it meanwhile, but not under our name.
    let new = |name: &&String| !before.contains(name) && name.contains("gristmill");
    assert_eq!(shm().iter().find(new), None);
    assert!(!place.has("o/sky_view.npy") && !place.has("o/report.json"));
    if place.has("o/slope.npy") {
        ndarray_npy::read_npy::<_, ndarray::Array2<f64>>(place.path("o/slope.npy")).unwrap();
    }

    place.gristmill("run job.toml --out o").ends_with(2).says("unfinished run of job `t`");
    let text = std::fs::read_to_string(place.path("job.toml")).unwrap();
    place.file("job.toml", text.replace("azimuths = 7200", "azimuths = 2"));
    place.gristmill("run job.toml --out o --fresh").ends_with(0);
    assert_eq!(
        place.names("o"),
        [".gristmill.lock", "report.json", "sky_view.npy", "sky_view.png", "slope.npy"]
    );
}

#[test]
fn a_stopped_worker_ends_with_its_coordinator() {
    let place = Place::with_steps(MINUTES);
    let mut job = Started::new(&place, "run job.toml --out o");
    let workers = job.computing_workers(2);
    send(workers[0], SIGSTOP);
    job.signal(SIGKILL);
    job.end();
    all_end(&workers);
}

#[test]
fn a_killed_worker_changes_nothing_but_the_report() {
    let place = Place::with_steps(SECONDS);
    place.gristmill("run job.toml --out whole --workers 3").ends_with(0);
    for signal in [SIGKILL, SIGSEGV] {
        // Quiet, too: it is a warning.
        let mut job = Started::new(&place, "run job.toml --out o --workers 2 --quiet");
        let workers = job.computing_workers(2);
        // In the order of their ranks.
        send(workers[1], signal);
        assert_eq!(job.end().code(), Some(0), "{}", job.messages());
        all_end(&workers);
        let notice = format!("gristmill: worker 1 was killed by {}", signal.as_str());
        let messages = job.messages();
        let notices: Vec<&str> = messages.lines().filter(|l| l.starts_with(&notice)).collect();
        assert!(notices.len() == 1 && messages.lines().count() == 1, "{messages}");
        assert!(notices[0].contains("of step `sky_view`; the chunk is tried again"), "{messages}");
        assert_eq!(place.report("o")["deaths"], 1);
        assert_eq!(place.hashes("o"), place.hashes("whole"));
        let step = &place.report("o")["steps"][0];
        assert_eq!(step["deaths"], 1, "{step}");
        assert!(step["retries"].as_u64().unwrap() <= 1, "{step}");
        assert_eq!(place.report("o")["poisoned"], serde_json::json!([]));
        assert_eq!(place.names("o"), place.names("whole"));
    }
}

#[test]
fn all_workers_killed_are_all_replaced() {
    let place = Place::with_steps(SECONDS);
    place.gristmill("run job.toml --out whole --workers 2").ends_with(0);
    let mut job = Started::new(&place, "run job.toml --out o --workers 2");
    let workers = job.computing_workers(2);
    workers.iter().for_each(|&worker| send(worker, SIGKILL));
    assert_eq!(job.end().code(), Some(0), "{}", job.messages());
    assert_eq!(place.hashes("o"), place.hashes("whole"));
    assert_eq!(place.report("o")["steps"][0]["deaths"], 2);
}
