//! `gristmill top`, while a job runs and after it.

use nix::sys::signal::Signal::{SIGKILL, SIGSTOP};

use super::place::{MINUTES, Place};
use super::started::{Started, all_end, send, wait_until};

/// What is shown of the job with this process; other tests run jobs as well.
fn shown(place: &Place, pid: i32) -> Option<String> {
    let answer = place.gristmill("top").ends_with(0).says_nothing();
    let own = format!("t (pid {pid}), ");
    let job = answer.out.split("\n\n").find(|job| job.starts_with(&own));
    job.map(str::to_string)
}

#[test]
fn a_job_is_shown_with_what_its_workers_are_about() {
    let place = Place::with_steps(MINUTES);
    let mut job = Started::new(&place, "run job.toml --out o");
    let workers = job.computing_workers(2);
    send(workers[1], SIGSTOP);
    let mut last = String::new();
    wait_until("both workers are seen in chunks, one of them stopped", || {
        last = shown(&place, job.pid()).unwrap();
        let lines: Vec<&str> = last.lines().collect();
        assert_eq!(lines.len(), 4, "{last}");
        assert!(workers.iter().all(|pid| last.contains(&pid.to_string())), "{last}");
        let in_chunks = lines[2].contains("chunk ") && lines[3].contains("chunk ");
        lines[0].contains("step sky_view, ") && in_chunks && lines[3].contains("(stopped)")
    });
    assert!(last.contains("MiB") || last.contains("KiB") || last.contains("kB"), "{last}");
    job.signal(SIGSTOP);
    let silent = format!("a job (pid {}) does not answer: is it stopped?\n", job.pid());
    assert!(place.gristmill("top").ends_with(0).out.contains(&silent));
    job.signal(SIGKILL);
    job.end();
    all_end(&workers);
    assert_eq!(shown(&place, job.pid()), None);
}
