//! Cancelling: `FutureTests` and `ExecutorShutdownTest` of test_concurrent_futures, and what those
//! cannot do, which is to end a task that runs.

use crate::support::processes::wait_until;
use crate::support::{die, engine};
use crate::{begin_and_wait, gate};
use gristmill::{Error, TaskFailure, TaskHandle};

fn is_cancelled<R: gristmill::Portable + std::fmt::Debug>(handle: TaskHandle<R>) -> bool {
    let result = handle.join();
    matches!(result, Err(Error::Task { reason: TaskFailure::Cancelled, .. }))
}

/// `test_cancel`, pending: it is withdrawn, and never runs. `test_cancel_futures` of all that wait.
#[test]
fn tasks_that_nobody_has_begun_are_withdrawn() {
    let (folder, own, open) = gate();
    let engine = engine(1);
    let pool = engine.tasks().pool().unwrap();
    let first = pool.submit(begin_and_wait, &(own.clone(), open.clone())).unwrap();
    wait_until("the first task", || own.exists());
    let never = folder.path().join("never");
    let rest: Vec<_> = (0..200)
        .map(|_| pool.submit(|path: std::path::PathBuf| std::fs::write(path, "").is_ok(), &never))
        .map(Result::unwrap)
        .collect();
    assert!(rest.iter().all(TaskHandle::cancel));
    assert!(rest.iter().all(TaskHandle::is_done));
    assert!(rest.iter().all(|handle| !handle.cancel()), "they are over");
    std::fs::write(open, "").unwrap();
    assert_eq!(first.join().unwrap(), 7);
    assert!(rest.into_iter().all(is_cancelled));
    assert!(!never.exists());
    assert_eq!(engine.stats().deaths, 0);
    assert_eq!(pool.submit(|n: u32| n, &5).unwrap().join().unwrap(), 5);
}

/// `test_cancel`, finished: a result stays.
#[test]
fn a_task_that_is_done_stays_done() {
    let engine = engine(1);
    let pool = engine.tasks().pool().unwrap();
    let done = pool.submit(|n: u32| n, &5).unwrap();
    pool.join();
    assert!(!done.cancel());
    assert_eq!(done.join().unwrap(), 5);
}

/// `test_cancel`, running, which Python refuses: it ends with its worker, is not tried again, and
/// counts as nobody's attempt; the engine goes on.
#[test]
fn a_task_that_runs_is_ended() {
    let (folder, ..) = gate();
    let engine = engine(2);
    let pool = engine.tasks().pool().unwrap();
    for round in 0..10 {
        let [own, never] = ["own", "never"].map(|n| folder.path().join(format!("{n}-{round}")));
        let runs = pool.submit(begin_and_wait, &(own.clone(), never)).unwrap();
        wait_until("the task", || own.exists());
        assert!(runs.cancel());
        assert!(is_cancelled(runs));
        assert_eq!(pool.submit(|n: u32| n, &round).unwrap().join().unwrap(), round);
    }
    let stats = engine.stats();
    assert_eq!((stats.deaths, stats.retries, stats.poisoned), (10, 0, 0));
}

/// A worker that waits for room for its result is cancelled as any other.
#[test]
fn cancelling_and_ending_at_once_leaves_one_of_both() {
    let engine = engine(2);
    let pool = engine.tasks().pool().unwrap();
    let handles: Vec<_> =
        (0..300).map(|n: usize| pool.submit(|n: usize| vec![1u8; n * 20], &n).unwrap()).collect();
    let asked: Vec<bool> = handles.iter().step_by(3).map(TaskHandle::cancel).collect();
    for (n, handle) in handles.into_iter().enumerate() {
        match handle.join() {
            Ok(result) => assert_eq!(result.len(), n * 20),
            Err(Error::Task { reason: TaskFailure::Cancelled, .. }) => {
                assert!(n % 3 == 0 && asked[n / 3], "{n} was cancelled by nobody");
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(engine.stats().poisoned, 0);
}

/// One that dies each time may be cancelled between its attempts, or while it has one.
#[test]
fn a_task_that_keeps_dying_is_cancelled_or_poisoned() {
    let engine = engine(1);
    let pool = engine.tasks().pool().unwrap();
    for _ in 0..10 {
        let dies = pool.submit(|(): ()| -> u32 { die() }, &()).unwrap();
        let asked = dies.cancel();
        match dies.join() {
            Err(Error::Task { reason: TaskFailure::Cancelled, .. }) => assert!(asked),
            Err(Error::Task { reason: TaskFailure::Died(deaths), .. }) => {
                assert_eq!(deaths.len(), 3);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(pool.submit(|n: u32| n, &5).unwrap().join().unwrap(), 5);
}
