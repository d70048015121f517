//! SIGINT and SIGTERM: once, in order; twice, at once.

use nix::sys::signal::Signal::{SIGINT, SIGTERM};

use super::place::{MINUTES, Place, npy};
use super::started::{Started, all_end, wait_until};

/// On a grid of 2000 x 2000, a chunk of this takes minutes: nobody waits for its end.
const LONG_CHUNKS: &str = "[inputs.plain]
file = \"plain.npy\"
cell = [1, 1]
[steps.sky_view]
in = \"plain\"
params = { azimuths = 3600, radius = 1000 }
save = \"sky_view.npy\"
";

#[test]
fn once_ends_the_job_in_order() {
    for (signal, status) in [(SIGINT, 130), (SIGTERM, 143)] {
        let place = Place::with_steps(MINUTES);
        let mut job = Started::new(&place, "run job.toml --out o");
        let workers = job.computing_workers(2);
        job.signal(signal);
        assert_eq!(job.end().code(), Some(status), "{}", job.messages());
        assert!(job.messages().contains("interrupted: finishing"), "{}", job.messages());
        all_end(&workers);
        // What was done is whole, what was not is absent, and the report says so.
        assert_eq!(
            place.names("o"),
            [".gristmill-unfinished", ".gristmill.lock", "report.json", "slope.npy"]
        );
        assert_eq!(place.report("o")["status"], "interrupted");
        let slope: ndarray::Array2<f64> = ndarray_npy::read_npy(place.path("o/slope.npy")).unwrap();
        assert_eq!(slope.dim(), (344, 403));
    }
}

/// A place with a grid for [`LONG_CHUNKS`].
fn with_long_chunks() -> Place {
    let place = Place::with_steps(LONG_CHUNKS);
    place.file("plain.npy", npy("<f8", "(2000, 2000)", &[]));
    let plain = std::fs::OpenOptions::new().append(true).open(place.path("plain.npy")).unwrap();
    plain.set_len(plain.metadata().unwrap().len() + 8 * 2000 * 2000).unwrap();
    place
}

#[test]
fn twice_stops_at_once() {
    let place = with_long_chunks();
    let mut job = Started::new(&place, "run job.toml --out o");
    let workers = job.computing_workers(2);
    job.signal(SIGINT);
    wait_until("an answer to the first", || job.messages().contains("again to stop at once"));
    job.signal(SIGINT);
    assert_eq!(job.end().code(), Some(130), "{}", job.messages());
    all_end(&workers);
    assert_eq!(place.names("o"), [".gristmill-unfinished", ".gristmill.lock"]);
}

/// As with `2>&1 | less`, where nobody pages on.
#[test]
fn a_full_pipe_as_standard_error_keeps_neither_signal_from_being_heeded() {
    let place = Place::with_steps(MINUTES);
    let (mut job, _pipe) = Started::unheard(&place, "run job.toml --out o");
    let workers = job.computing_workers(2);
    job.signal(SIGINT);
    wait_until("the report", || place.has("o/report.json"));
    assert_eq!(place.report("o")["status"], "interrupted");
    // It waits for somebody to read why.
    job.signal(SIGINT);
    assert_eq!(job.end().code(), Some(130));
    all_end(&workers);

    let place = with_long_chunks();
    let (mut job, _pipe) = Started::unheard(&place, "run job.toml --out o");
    let workers = job.computing_workers(2);
    // Two that are sent at once may be one for whom they are sent to.
    wait_until("the end", || {
        job.signal(SIGINT);
        job.has_ended()
    });
    assert_eq!(job.end().code(), Some(130));
    all_end(&workers);
}

/// A job of one step whose file takes a while, and a job that has come to writing it.
fn writing(place: &Place) -> Started {
    let length = 8 * 2000 * 4000;
    place.file("plain.npy", npy("<f8", "(2000, 4000)", &[]));
    let plain = std::fs::OpenOptions::new().append(true).open(place.path("plain.npy")).unwrap();
    plain.set_len(plain.metadata().unwrap().len() + length).unwrap();
    let job = Started::new(place, "run job.toml --out o");
    let marker = place.path("o/.gristmill-unfinished");
    wait_until("a file that is being written", || {
        std::fs::read_to_string(&marker).is_ok_and(|text| text.contains("temporary "))
    });
    job
}

fn has_nameless_files(folder: &std::path::Path) -> bool {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = nix::libc::O_TMPFILE;
    std::fs::OpenOptions::new().write(true).custom_flags(flags).open(folder).is_ok()
}

/// The names in its folder, but for those of half files where the file system has no nameless files:
/// old overlays and NFS.
fn whole_names(place: &Place) -> Vec<String> {
    let mut names = place.names("o");
    if has_nameless_files(&place.path("o")) {
        return names;
    }
    names.retain(|name| !name.ends_with(".gristmill-tmp"));
    names
}

const LARGE_FILE: &str = "[inputs.plain]
file = \"plain.npy\"
[steps.copy]
in = \"plain\"
save = \"copy.npy\"
";

#[test]
fn twice_while_a_file_is_written_leaves_no_half_file() {
    let place = Place::with_steps(LARGE_FILE);
    let mut job = writing(&place);
    job.signal(SIGINT);
    wait_until("an answer to the first", || job.messages().contains("again to stop at once"));
    job.signal(SIGINT);
    assert_eq!(job.end().code(), Some(130), "{}", job.messages());
    assert_eq!(whole_names(&place), [".gristmill-unfinished", ".gristmill.lock"]);
}

#[test]
fn sigkill_while_a_file_is_written_leaves_no_half_file() {
    let place = Place::with_steps(LARGE_FILE);
    let mut job = writing(&place);
    let workers = super::started::workers_of(job.pid());
    job.signal(nix::sys::signal::Signal::SIGKILL);
    job.end();
    all_end(&workers);
    assert_eq!(whole_names(&place), [".gristmill-unfinished", ".gristmill.lock"]);
}

/// All is computed, so there is nothing to leave out: the file is finished, and the job with it.
#[test]
fn once_while_the_last_file_is_written_lets_it_be_finished() {
    let place = Place::with_steps(LARGE_FILE);
    let mut job = writing(&place);
    job.signal(SIGINT);
    assert_eq!(job.end().code(), Some(0), "{}", job.messages());
    assert_eq!(place.names("o"), [".gristmill.lock", "copy.npy", "report.json"]);
    let copy: ndarray::Array2<f64> = ndarray_npy::read_npy(place.path("o/copy.npy")).unwrap();
    assert_eq!(copy.dim(), (2000, 4000));
}

#[test]
fn workers_leave_signals_to_the_coordinator() {
    // As a terminal does it: to all processes of the group.
    let place = Place::with_steps(MINUTES);
    let mut job = Started::new(&place, "run job.toml --out o");
    let workers = job.computing_workers(2);
    workers.iter().for_each(|&worker| super::started::send(worker, SIGINT));
    workers.iter().for_each(|&worker| super::started::send(worker, SIGTERM));
    job.signal(SIGINT);
    assert_eq!(job.end().code(), Some(130), "{}", job.messages());
    assert_eq!(place.report("o")["steps"][1]["deaths"], 0);
}

#[test]
fn there_is_no_bad_moment_for_a_signal() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    for moment in 0..40 {
        let place = Place::with_steps(MINUTES);
        let mut command = place.command(&["run", "job.toml", "--out", "o", "--quiet"]);
        // A group of its own: all of it gets the signal, as from a terminal.
        command.process_group(0).stderr(std::process::Stdio::piped());
        // In a shell's background the signal is ignored until the program listens: then it is lost.
        // SAFETY: one system call, as is allowed between fork and exec.
        unsafe { command.pre_exec(|| Ok(signal(Signal::SIGINT, SigHandler::SigDfl).map(drop)?)) };
        let child = command.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(1500 * moment));
        super::started::send(-(child.id() as i32), SIGINT);
        let output = child.wait_with_output().unwrap();
        let early = output.status.signal() == Some(2);
        assert!(early || output.status.code() == Some(130), "{output:?}");
        if early {
            assert!(!place.has("o/.gristmill-unfinished"), "killed before it could listen");
        }
    }
}
