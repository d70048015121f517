//! What an engine leaves behind: nothing. And what its workers are given: only what they need.
//!
//! A test binary of its own, whose tests take turns: they count the descriptors and children of
//! their process.

mod support;

use gristmill::{Chunk, Engine, Error, In, Kernel, Out};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use support::engine;
use support::processes::{children_of, descriptors, is_dead, part, this_binary, wait_until};

fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_dropped_engine_leaves_no_process_no_descriptor_and_no_zombie() {
    let _turn = one_at_a_time();
    drop(engine(1));
    let before = descriptors();
    for round in 0..100 {
        let engine = engine(1 + round % 3);
        assert_eq!(children_of("self").len(), 1 + round % 3);
        let x = engine.filled(1000, 1.5).unwrap();
        assert_eq!(engine.sum(&x).unwrap(), 1500.0);
        drop(x);
        drop(engine);
        // Reaped, not only dead: a zombie would still be a child.
        assert_eq!(children_of("self"), [0; 0]);
    }
    assert_eq!(descriptors(), before);
}

#[test]
fn an_engine_that_is_dropped_before_its_arrays_ends_its_workers_all_the_same() {
    let _turn = one_at_a_time();
    let engine = engine(2);
    let x = engine.filled(1000, 2.0).unwrap();
    drop(engine);
    assert_eq!(children_of("self"), [0; 0]);
    assert_eq!(x.as_slice().iter().sum::<f64>(), 2000.0);
}

#[test]
fn a_start_that_fails_leaves_nothing() {
    let _turn = one_at_a_time();
    drop(engine(1));
    let before = descriptors();
    for workers in [257, usize::MAX] {
        assert!(matches!(
            Engine::builder().workers(workers).build(),
            Err(Error::Limit { limit: 256, .. })
        ));
    }
    assert_eq!((descriptors(), children_of("self")), (before, vec![]));
}

#[test]
fn a_killed_coordinator_leaves_no_process_and_nothing_in_shm() {
    if part().is_some() {
        // The coordinator: computes until it is killed.
        let engine = engine(3);
        let x = engine.filled(1 << 20, 1.0).unwrap();
        let mut y = engine.zeros(1 << 20).unwrap();
        loop {
            engine.map(&x, &mut y, |v: f64| v.sin()).unwrap();
        }
    }
    let _turn = one_at_a_time();
    let mut command =
        this_binary("a_killed_coordinator_leaves_no_process_and_nothing_in_shm", "run");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = child.id().to_string();
    let mut workers = vec![];
    wait_until("workers", || {
        workers = children_of(&pid);
        workers.len() == 3
    });
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", workers[0])).unwrap();
    assert!(!maps.contains("/dev/shm/"), "{maps}");
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the end of the workers", || workers.iter().all(|&pid| is_dead(pid)));
}

#[test]
fn what_workers_print_goes_to_standard_error_with_their_rank() {
    if part().is_some() {
        let engine = engine(1);
        let say = |n: u32| {
            println!("line {n}");
            eprintln!("error {n}");
            print!("unfinished {n}");
            n
        };
        engine.tasks().map(say, 0..1).unwrap().for_each(|n| assert_eq!(n.unwrap(), 0));
        drop(engine);
        return;
    }
    let _turn = one_at_a_time();
    let name = "what_workers_print_goes_to_standard_error_with_their_rank";
    let output = this_binary(name, "print").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(!out.contains("line 0") && !out.contains("error 0"), "{out}");
    for line in ["[worker 0] line 0", "[worker 0] error 0"] {
        assert!(err.lines().any(|found| found == line), "{line} is not in\n{err}");
    }
}

#[test]
fn workers_have_the_environment_of_their_coordinator_but_no_hand_over_and_one_thread() {
    let _turn = one_at_a_time();
    let engine = engine(2);
    let read = |name: String| std::env::var(name).ok();
    let names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GRISTMILL_WORKER", "PATH"];
    let values: Vec<Option<String>> =
        engine.tasks().map(read, names.map(String::from)).unwrap().map(Result::unwrap).collect();
    let one = Some("1".to_string());
    assert_eq!(values, [one.clone(), one, None, std::env::var("PATH").ok()]);
}

#[test]
fn an_engine_in_a_worker_is_an_error() {
    let _turn = one_at_a_time();
    let engine = engine(1);
    let build = |_: u32| match Engine::builder().workers(1).build() {
        Err(Error::InsideWorker) => "inside a worker".to_string(),
        Err(error) => error.to_string(),
        Ok(_) => "an engine".to_string(),
    };
    let answers: Vec<String> =
        engine.tasks().map(build, 0..2).unwrap().map(Result::unwrap).collect();
    assert_eq!(answers, ["inside a worker", "inside a worker"]);

    /// The same from a kernel.
    #[derive(Serialize, Deserialize)]
    struct Build;
    impl Kernel for Build {
        type Args = (In<u8>, Out<u8>);
        type Output = ();
        fn run(&self, _: Chunk, (_, out): (&[u8], &mut [u8])) {
            out.fill(u8::from(matches!(Engine::new(), Err(Error::InsideWorker))));
        }
    }
    let x = engine.zeros(100).unwrap();
    let mut y = engine.zeros(100).unwrap();
    engine.run(&Build, (&x, &mut y)).unwrap();
    assert_eq!(y.as_slice(), [1; 100]);
}

#[test]
fn an_engine_outlives_the_thread_that_started_it() {
    let _turn = one_at_a_time();
    // Workers die with the thread that started them: that must not be the user's.
    let start = || (engine(2), nix::unistd::gettid(), children_of("self"));
    let (engine, thread, workers) = std::thread::spawn(start).join().unwrap();
    // Its entry goes when all is done that the kernel does at a thread's end, after the signals to
    // those that are to die with it.
    let entry = std::path::PathBuf::from(format!("/proc/self/task/{thread}"));
    wait_until("the thread ends", || !entry.exists());
    let x = engine.filled(1000, 1.0).unwrap();
    assert_eq!(engine.sum(&x).unwrap(), 1000.0);
    assert_eq!((engine.stats().deaths, workers.len()), (0, 2));
    assert_eq!(children_of("self"), workers);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(engine.sum(&x).unwrap(), 1000.0));
    });
    assert_eq!(engine.sum(&x).unwrap(), 1000.0);
    assert_eq!(engine.stats().deaths, 0);
}

#[test]
fn what_a_task_forks_does_not_have_the_region() {
    let _turn = one_at_a_time();
    let engine = engine(1);
    let x = engine.filled(1 << 16, 7u64).unwrap();
    let fork = |_: u32| {
        let region = |maps: &str| maps.lines().filter(|l| l.contains("memfd:gristmill")).count();
        let own = region(&std::fs::read_to_string("/proc/self/maps").unwrap());
        // SAFETY: the child stops itself at once and runs nothing else until it is killed.
        let child = unsafe { libc::fork() };
        if child == 0 {
            loop {
                // SAFETY: waits for a signal.
                unsafe { libc::pause() };
            }
        }
        let maps = std::fs::read_to_string(format!("/proc/{child}/maps")).unwrap();
        let pid = nix::unistd::Pid::from_raw(child);
        nix::sys::signal::kill(pid, Signal::SIGKILL).unwrap();
        nix::sys::wait::waitpid(pid, None).unwrap();
        (own > 0, region(&maps))
    };
    let found: Vec<(bool, usize)> =
        engine.tasks().map(fork, 0..1).unwrap().map(Result::unwrap).collect();
    assert_eq!(found, [(true, 0)]);
    assert_eq!(engine.sum(&x).unwrap(), 7 << 16);
}

#[test]
fn a_process_that_the_coordinator_starts_gets_no_descriptor_of_the_engine() {
    let _turn = one_at_a_time();
    let engine = engine(2);
    let output = Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("memfd:") && !text.contains("eventfd"), "{text}");
    assert_eq!(engine.sum(&engine.filled(10, 1.0).unwrap()).unwrap(), 10.0);
}

#[test]
fn an_inherited_hand_over_is_an_error_and_starts_nothing() {
    if part().is_some() {
        assert!(matches!(Engine::new(), Err(Error::Start { .. })));
        assert_eq!(children_of("self"), [0; 0]);
        return;
    }
    let _turn = one_at_a_time();
    let name = "an_inherited_hand_over_is_an_error_and_starts_nothing";
    for value in ["", "nonsense", &format!("0 {} 1 -", std::process::id())] {
        let output = this_binary(name, "inherit").env("GRISTMILL_WORKER", value).output().unwrap();
        assert!(output.status.success(), "{value:?}: {output:?}");
    }
}

#[test]
fn a_forked_child_is_refused_and_harms_nobody() {
    let _turn = one_at_a_time();
    let engine = engine(1);
    let x = engine.filled(1000, 1.0).unwrap();
    let mut queue = engine.tasks().queue(|n: u8| n).unwrap();
    queue.put(&1).unwrap();
    // SAFETY: the child asks for what is refused at once, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        engine.cancel();
        let refused = matches!(engine.plan(|_| ()), Err(Error::Forked))
            && matches!(engine.tasks().queue(|n: u8| n), Err(Error::Forked))
            && matches!(engine.zeros::<f64, _>(10), Err(Error::Forked))
            && matches!(queue.put(&1), Err(Error::Forked))
            && engine.progress().is_none();
        drop(queue);
        drop(engine);
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { libc::_exit(if refused { 7 } else { 8 }) };
    }
    let mut status = 0;
    // SAFETY: a plain system call.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7, "{status}");
    assert_eq!(queue.close().map(|(_, result)| result.unwrap()).collect::<Vec<_>>(), [1]);
    assert_eq!((engine.sum(&x).unwrap(), engine.stats().deaths), (1000.0, 0));
}

#[test]
fn a_program_that_ignores_its_children_ends_can_still_use_an_engine() {
    if part().is_some() {
        // SAFETY: SIGCHLD is ignored, so the system reaps children by itself.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        let engine = engine(2);
        let x = engine.filled(1000, 1.0).unwrap();
        assert_eq!(engine.sum(&x).unwrap(), 1000.0);
        let victim = nix::unistd::Pid::from_raw(children_of("self")[0]);
        nix::sys::signal::kill(victim, Signal::SIGKILL).unwrap();
        wait_until("the death to be noticed", || engine.stats().deaths == 1);
        assert_eq!(engine.sum(&x).unwrap(), 1000.0);
        drop(engine);
        wait_until("the end of the workers", || children_of("self").is_empty());
        return;
    }
    let _turn = one_at_a_time();
    let name = "a_program_that_ignores_its_children_ends_can_still_use_an_engine";
    let output = this_binary(name, "ignore").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
