//! The joinable task queue in tight spots: results that need room, parameters that cannot be sent,
//! engines whose workers are gone.

mod support;

use gristmill::{Engine, Error, TaskFailure, TaskQueue};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::processes::wait_until;
use support::{die, engine};

/// Larger than a slot.
const LARGE: usize = 5000;

fn large(len: usize) -> Vec<u8> {
    vec![1; len]
}

/// A queue of which all workers of an engine of two are waiting for room for their results.
fn queue_that_wants_room(engine: &Engine) -> TaskQueue<'_, usize, Vec<u8>> {
    let mut queue = engine.tasks().queue(large).unwrap();
    for _ in 0..2 {
        queue.put(&LARGE).unwrap();
    }
    queue
}

#[test]
fn results_that_want_room_hold_up_no_launch_and_no_other_queue() {
    let engine = engine(2);
    let queue = queue_that_wants_room(&engine);
    let x = engine.filled(1 << 20, 1.0).unwrap();
    assert_eq!(engine.sum(&x).unwrap(), (1 << 20) as f64);
    let mut other = engine.tasks().queue(|n: u64| n + 1).unwrap();
    other.put(&1).unwrap();
    other.join();
    drop(queue_that_wants_room(&engine));
    assert!(queue.close().all(|(_, result)| result.unwrap() == large(LARGE)));
}

#[test]
fn results_that_want_room_get_it_although_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(1);
    let mut queue = engine.tasks().queue(large_or_file).unwrap();
    queue.put(&(LARGE, None)).unwrap();
    let file = folder.path().join("second");
    queue.put(&(0, Some(file.clone()))).unwrap();
    // The second task runs only once the first has its room, and no thread of ours waits.
    while !file.exists() {
        std::thread::yield_now();
    }
    assert_eq!(queue.close().count(), 2);
}

fn large_or_file((len, file): (usize, Option<PathBuf>)) -> Vec<u8> {
    if let Some(file) = file {
        std::fs::write(file, "").unwrap();
    }
    vec![1; len]
}

#[test]
fn a_task_put_before_a_launch_runs_before_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let engine = engine(2);
    let mut queue = engine.tasks().queue(write_and_wait).unwrap();
    // Both workers are busy until the launch is announced, so that they find it and the last task.
    for busy in ["one", "two"] {
        queue.put(&(file(busy), Some(file("gate")))).unwrap();
    }
    wait_for(&file("one"));
    wait_for(&file("two"));
    queue.put(&(file("last"), None)).unwrap();
    let gate = file("gate");
    let opener = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(gate, "").unwrap();
    });
    let x = engine.filled(1 << 5, 1.0).unwrap();
    let mut y = engine.filled(1 << 5, 0.0).unwrap();
    let seen = |last: &PathBuf, x: f64| {
        wait_for(last);
        x
    };
    engine.map_with(&file("last"), &x, &mut y, seen).unwrap();
    assert_eq!(engine.sum(&y).unwrap(), (1 << 5) as f64);
    opener.join().unwrap();
    assert_eq!(queue.close().count(), 3);
}

fn write_and_wait((own, other): (PathBuf, Option<PathBuf>)) {
    std::fs::write(own, "").unwrap();
    if let Some(other) = other {
        wait_for(&other);
    }
}

fn wait_for(file: &Path) {
    wait_until("a file", || file.exists());
}

#[test]
fn a_result_that_fits_nowhere_is_the_error_of_its_task() {
    let engine = Engine::builder().workers(2).capacity(6 << 20).build().unwrap();
    let results: Vec<_> = engine.tasks().map(large, [10, 3 << 20, LARGE]).unwrap().collect();
    assert!(results[0].is_ok() && results[2].is_ok());
    let Err(Error::Task { index: 1, reason, .. }) = &results[1] else { panic!("{results:?}") };
    assert!(matches!(reason, TaskFailure::NoRoom(_)), "{reason}");
    assert!(reason.to_string().contains("314573"), "{reason}");
}

/// Cannot be read back if it is 2.
#[derive(Serialize)]
struct NotTwo(u64);

impl<'de> Deserialize<'de> for NotTwo {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<NotTwo, D::Error> {
        match u64::deserialize(from)? {
            2 => Err(serde::de::Error::custom("two")),
            n => Ok(NotTwo(n)),
        }
    }
}

#[test]
fn parameters_that_cannot_be_sent_are_one_result_among_the_others() {
    let engine = engine(2);
    let params = || (0..600).map(|n| NotTwo(if n % 50 == 7 { 2 } else { n + 100 }));
    let check = |n: usize, result: Result<u64, Error>| match result {
        Ok(value) => assert_eq!(value, n as u64 + 100),
        Err(Error::NotPortable { .. }) => assert_eq!(n % 50, 7),
        Err(error) => panic!("{error}"),
    };
    let results: Vec<_> = engine.tasks().map(|n: NotTwo| n.0, params()).unwrap().collect();
    assert_eq!(results.len(), 600);
    results.into_iter().enumerate().for_each(|(n, result)| check(n, result));
    let mut seen = vec![0; 600];
    for (n, result) in engine.tasks().map(|n: NotTwo| n.0, params()).unwrap().unordered() {
        seen[n as usize] += 1;
        check(n as usize, result);
    }
    assert!(seen.iter().all(|times| *times == 1));
}

#[test]
fn endless_parameters_that_are_refused_are_taken_as_results_are() {
    let engine = engine(1);
    let endless =
        engine.tasks().bound(4).map(|n: NotTwo| n.0, std::iter::repeat_with(|| NotTwo(2)));
    let first: Vec<_> = endless.unwrap().take(10).collect();
    assert!(first.len() == 10 && first.iter().all(Result::is_err));
}

#[test]
fn a_panic_with_a_message_of_any_length_is_told() {
    let engine = Engine::builder().workers(1).capacity(6 << 20).build().unwrap();
    let shout = |n: usize| -> u8 { panic!("{}", "a".repeat(n)) };
    let result = engine.tasks().map(shout, [3 << 20]).unwrap().next().unwrap();
    let Err(Error::Task { reason: TaskFailure::Panicked(panic), .. }) = result else { panic!() };
    assert!(panic.message.starts_with("aaaa") && panic.message.len() < 2000);
}

#[test]
fn failures_have_the_number_of_their_parameters() {
    let engine = engine(2);
    let odd = |n: NotTwo| if n.0 % 2 == 1 { n.0 } else { panic!("even") };
    let params = [2, 1, 4, 3].map(NotTwo);
    let results: Vec<_> = engine.tasks().map(odd, params).unwrap().collect();
    assert!(matches!(results[0], Err(Error::NotPortable { .. })));
    assert!(matches!(results[2], Err(Error::Task { index: 2, .. })), "{results:?}");
    assert!(results[1].is_ok() && results[3].is_ok());
}

/// A test binary of its own part, as the limit holds for the whole process.
#[test]
fn a_queue_without_workers_refuses_what_is_put() {
    const PART: &str = "GRISTMILL_TEST_WITHOUT_WORKERS";
    if std::env::var_os(PART).is_none() {
        let name = "a_queue_without_workers_refuses_what_is_put";
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let output = again.args(["--exact", name, "--nocapture"]).env(PART, "1").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let engine = engine(2);
    let mut queue = engine.tasks().queue(|_: u64| -> u64 { die() }).unwrap();
    // No descriptors are left with which a replacement could be started.
    let none = libc::rlimit { rlim_cur: 3, rlim_max: 3 };
    // SAFETY: a plain system call.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &none) };
    let refused = (0..1000).find_map(|n| queue.put(&n).err()).expect("1000 tasks were taken");
    assert!(matches!(refused, Error::NoWorkers { .. }), "{refused}");
    queue.join();
    while let Some((_, result)) = queue.next() {
        assert!(result.is_err());
    }
}
