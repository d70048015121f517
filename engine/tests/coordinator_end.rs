//! The coordinator ends in the middle of its work, in every way that a process can: no worker is
//! left, nothing in /dev/shm, and no half file. Stopped and continued, it goes on.
//!
//! Workers outlive it by 200 ms at most. Machines stall, so one of a few attempts must show that.

mod support;

use gristmill::{Chunk, Engine, In, Kernel, Out, Shapes, Sum};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::engine;
use support::processes::{children_of, is_dead, part, skipped, state_of, this_binary, wait_until};

const FOLDER: &str = "GRISTMILL_TEST_FOLDER";
const WORKERS: usize = 2;

/// How long workers may outlive their coordinator, and attempts in which to show it.
const OUTLIVE_MAX: Duration = Duration::from_millis(200);
const ATTEMPTS: u32 = 5;

/// Leaves a file that names its process, then computes for ever.
#[derive(Serialize, Deserialize)]
struct Endless {
    folder: PathBuf,
}

impl Endless {
    fn go_on(&self) -> ! {
        std::fs::write(self.folder.join(format!("busy-{}", std::process::id())), "").unwrap();
        loop {
            std::hint::spin_loop();
        }
    }
}

impl Kernel for Endless {
    type Args = Out<u8>;
    type Output = ();

    fn run(&self, _: Chunk, _: &mut [u8]) {
        self.go_on();
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

/// The workers that have come to the endless part.
fn busy(folder: &Path) -> Vec<i32> {
    let names = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.strip_prefix("busy-")?.parse().ok()).collect()
}

fn shm() -> Vec<std::ffi::OsString> {
    let Ok(entries) = std::fs::read_dir("/dev/shm") else { return vec![] };
    // Others may use it meanwhile, but not under our name.
    let ours = |name: &std::ffi::OsString| name.to_string_lossy().contains("gristmill");
    entries.flatten().map(|entry| entry.file_name()).filter(ours).collect()
}

/// The coordinator's part: a launch that never ends, in a thread; once all workers are in it, `end`.
fn play(end: impl FnOnce(Arc<Engine>)) {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let engine = Arc::new(engine(WORKERS));
    let (launching, kernel) = (Arc::clone(&engine), Endless { folder: folder.clone() });
    let launch = move || launching.run(&kernel, &mut launching.zeros(WORKERS).unwrap());
    std::thread::spawn(launch);
    wait_until("busy workers", || busy(&folder).len() == WORKERS);
    end(engine);
}

/// Starts a coordinator, in a process group of its own as a shell does it.
fn start(test: &str, folder: &Path) -> Child {
    let mut command: Command = this_binary(test, "coordinator");
    command.env(FOLDER, folder).stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0).spawn().unwrap()
}

/// Plays the coordinator that `end`s itself, or is ended by `from_outside`, and has a look at what
/// is left; again, if the workers outlive it by too much.
fn comes_to_an_end(
    test: &str,
    end: impl FnOnce(Arc<Engine>),
    from_outside: impl Fn(Pid, &[i32]),
) -> Option<ExitStatus> {
    if part().is_some() {
        play(end);
        return None;
    }
    for attempt in 1..=ATTEMPTS {
        let (status, outlived) = ends_once(test, &from_outside);
        println!("{test}: {status}; no worker is left {outlived:?} later, attempt {attempt}");
        if outlived <= OUTLIVE_MAX {
            return Some(status);
        }
    }
    panic!("{test}: in {ATTEMPTS} attempts workers have outlived it by more than {OUTLIVE_MAX:?}");
}

/// How it ended, and how long it took until the workers were dead.
fn ends_once(test: &str, from_outside: impl Fn(Pid, &[i32])) -> (ExitStatus, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(test, folder.path());
    wait_until("busy workers", || busy(folder.path()).len() == WORKERS);
    let workers = busy(folder.path());
    from_outside(Pid::from_raw(child.id() as i32), &workers);
    let status = child.wait().unwrap();
    let ended = Instant::now();
    wait_until("the end of the workers", || workers.iter().all(|&worker| is_dead(worker)));
    let outlived = ended.elapsed();
    assert_eq!(shm(), [""; 0]);
    (status, outlived)
}

fn for_ever(_: Arc<Engine>) {
    loop {
        std::thread::park();
    }
}

/// It ends by itself.
fn nothing(_: Pid, _: &[i32]) {}

#[test]
fn a_coordinator_that_is_killed_leaves_nothing() {
    let by_sigkill = |pid, _: &[i32]| kill(pid, Signal::SIGKILL).unwrap();
    let status =
        comes_to_an_end("a_coordinator_that_is_killed_leaves_nothing", for_ever, by_sigkill);
    assert_eq!(status.unwrap().signal(), Some(libc::SIGKILL));
}

#[test]
fn a_coordinator_that_is_terminated_leaves_nothing() {
    let by_sigterm = |pid, _: &[i32]| kill(pid, Signal::SIGTERM).unwrap();
    let status =
        comes_to_an_end("a_coordinator_that_is_terminated_leaves_nothing", for_ever, by_sigterm);
    assert_eq!(status.unwrap().signal(), Some(libc::SIGTERM));
}

#[test]
fn a_coordinator_that_is_interrupted_with_its_group_leaves_nothing() {
    let name = "a_coordinator_that_is_interrupted_with_its_group_leaves_nothing";
    // As a terminal does it.
    let by_sigint =
        |pid: Pid, _: &[i32]| kill(Pid::from_raw(-pid.as_raw()), Signal::SIGINT).unwrap();
    let by_default = |engine| {
        // In a shell's background it is ignored.
        // SAFETY: the default action runs no code of ours.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
        for_ever(engine);
    };
    let status = comes_to_an_end(name, by_default, |pid, workers| {
        // Until the action is the default one.
        wait_until("its end", || {
            by_sigint(pid, workers);
            is_dead(pid.as_raw())
        });
    });
    assert_eq!(status.unwrap().signal(), Some(libc::SIGINT));
}

#[test]
fn a_coordinator_that_aborts_leaves_nothing() {
    let abort = |_| std::process::abort();
    let status = comes_to_an_end("a_coordinator_that_aborts_leaves_nothing", abort, nothing);
    assert_eq!(status.unwrap().signal(), Some(libc::SIGABRT));
}

#[test]
fn a_coordinator_that_panics_while_another_thread_waits_for_a_launch_leaves_nothing() {
    let name = "a_coordinator_that_panics_while_another_thread_waits_for_a_launch_leaves_nothing";
    let status = comes_to_an_end(name, |_| panic!("a mistake of the program"), nothing);
    assert_eq!(status.unwrap().code(), Some(101));
}

#[test]
fn a_coordinator_that_exits_while_a_launch_runs_leaves_nothing() {
    let name = "a_coordinator_that_exits_while_a_launch_runs_leaves_nothing";
    let status = comes_to_an_end(name, |_| std::process::exit(3), nothing);
    assert_eq!(status.unwrap().code(), Some(3));
}

#[test]
fn a_coordinator_that_is_killed_leaves_no_stopped_worker() {
    let name = "a_coordinator_that_is_killed_leaves_no_stopped_worker";
    let status = comes_to_an_end(name, for_ever, |pid, workers| {
        for &worker in workers {
            kill(Pid::from_raw(worker), Signal::SIGSTOP).unwrap();
            wait_until("stopped workers", || state_of(worker) == Some('T'));
        }
        kill(pid, Signal::SIGKILL).unwrap();
    });
    assert_eq!(status.unwrap().signal(), Some(libc::SIGKILL));
}

/// The mechanism: the system kills them, whatever they are about and however the coordinator ends.
#[test]
fn workers_are_to_be_killed_by_the_system_when_their_coordinator_ends() {
    let engine = engine(WORKERS);
    let ask = |_: u32| {
        let signal = nix::sys::prctl::get_pdeathsig().unwrap();
        (signal == Some(Signal::SIGKILL), std::os::unix::process::parent_id())
    };
    for answer in engine.tasks().map(ask, 0..8).unwrap().map(Result::unwrap) {
        assert_eq!(answer, (true, std::process::id()));
    }
}

#[test]
fn an_engine_that_is_dropped_while_tasks_are_out_ends_them() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(WORKERS);
    let endless = |folder: PathBuf| -> u32 { Endless { folder }.go_on() };
    let mut queue = engine.tasks().queue(endless).unwrap();
    for _ in 0..10 {
        queue.put(&folder.path().to_path_buf()).unwrap();
    }
    wait_until("busy workers", || busy(folder.path()).len() == WORKERS);
    // Dropped, it would wait for what has begun.
    std::mem::forget(queue);
    let started = Instant::now();
    drop(engine);
    println!("dropped within {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    // Reaped, too: nobody of these numbers is there.
    assert!(busy(folder.path()).iter().all(|&worker| state_of(worker).is_none()));
}

#[test]
fn an_engine_whose_owners_go_in_the_middle_of_a_launch_serves_the_last_of_them() {
    let first = Arc::new(engine(WORKERS));
    let second = Arc::clone(&first);
    let launch = std::thread::spawn(move || {
        let x = second.filled(1 << 10, 1.0).unwrap();
        second.run(&SlowSum, &x).unwrap()
    });
    wait_until("a launch", || first.progress().is_some_and(|progress| progress.done > 0));
    drop(first);
    assert_eq!(launch.join().unwrap(), 1024.0);
}

/// A sum that takes a while.
#[derive(Serialize, Deserialize)]
struct SlowSum;

impl Kernel for SlowSum {
    type Args = In<f64>;
    type Output = Sum<f64>;

    fn run(&self, _: Chunk, x: &[f64]) -> f64 {
        std::thread::sleep(Duration::from_millis(2));
        x.iter().sum()
    }

    fn grain(&self, _: &Shapes) -> usize {
        8
    }
}

#[test]
fn a_coordinator_that_is_stopped_and_continued_goes_on() {
    if part().is_some() {
        let engine = engine(WORKERS);
        let x = engine.filled(1 << 12, 0.1).unwrap();
        let sum = engine.run(&SlowSum, &x).unwrap();
        println!("\nanswer {:x} {}", sum.to_bits(), engine.stats().deaths);
        return;
    }
    let undisturbed = {
        let engine = engine(1);
        engine.run(&SlowSum, &engine.filled(1 << 12, 0.1).unwrap()).unwrap()
    };
    for group in [1, -1] {
        let mut command = this_binary("a_coordinator_that_is_stopped_and_continued_goes_on", "run");
        let child = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let pid = child.id() as i32;
        wait_until("workers", || children_of(&pid.to_string()).len() == WORKERS);
        // In the start, and in the middle of the sum.
        for _ in 0..10 {
            if is_dead(pid) {
                break;
            }
            kill(Pid::from_raw(group * pid), Signal::SIGSTOP).unwrap();
            wait_until("a stopped process", || state_of(pid) == Some('T'));
            std::thread::sleep(Duration::from_millis(20));
            kill(Pid::from_raw(group * pid), Signal::SIGCONT).unwrap();
            std::thread::sleep(Duration::from_millis(10));
        }
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let answer = format!("answer {:x} 0", undisturbed.to_bits());
        assert!(text.lines().any(|line| line == answer), "{answer} is not in\n{text}");
    }
}

fn has_nameless_files(folder: &Path) -> bool {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).custom_flags(libc::O_TMPFILE).open(folder).is_ok()
}

#[test]
fn a_coordinator_that_is_killed_while_it_saves_leaves_no_half_file() {
    const LEN: usize = 2 << 20;
    if part().is_some() {
        let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
        let engine = engine(1);
        let x = engine.filled(LEN, 1.5).unwrap();
        loop {
            x.save_npy(folder.join("x.npy")).unwrap();
        }
    }
    let name = "a_coordinator_that_is_killed_while_it_saves_leaves_no_half_file";
    if !has_nameless_files(&std::env::temp_dir()) {
        return skipped("a half file has another name here, as there are no nameless files");
    }
    let reader = engine(1);
    for moment in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let mut child = start(name, folder.path());
        let saved = folder.path().join("x.npy");
        if moment > 1 {
            wait_until("a file", || saved.exists());
        }
        std::thread::sleep(Duration::from_millis(7 * moment));
        child.kill().unwrap();
        child.wait().unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            // Under a name that it has for a moment it is whole, too.
            let array = reader.open_npy::<f64, ndarray::Ix1>(entry.unwrap().path()).unwrap();
            assert!(array.len() == LEN && array.as_slice().iter().all(|v| *v == 1.5));
        }
    }
}
