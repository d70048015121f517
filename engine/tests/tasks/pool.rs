//! What `multiprocessing.Pool` does: `_TestPool` of CPython's test/_test_multiprocessing.py.

use crate::support::engine;
use crate::{begin_and_wait, gate};
use gristmill::{Error, TaskFailure};
use std::collections::BTreeSet;
use std::time::Duration;

fn square(x: i64) -> i64 {
    x * x
}

/// `test_apply` and `test_async`: one call, its result now or later.
#[test]
fn one_call() {
    let engine = engine(2);
    let pool = engine.tasks().pool().unwrap();
    assert_eq!(pool.submit(square, &5).unwrap().join().unwrap(), 25);
    let later = pool.submit(square, &7).unwrap();
    pool.join();
    assert!(later.is_done());
    assert_eq!(later.join().unwrap(), 49);
}

/// `test_map`, `test_map_chunksize`, `test_map_no_failfast`'s orders: results in order, whatever is in
/// the queue at once.
#[test]
fn a_map_keeps_the_order() {
    let engine = engine(3);
    for bound in [1, 2, 20, 256] {
        let squares = engine.tasks().bound(bound).map(square, 0..500).unwrap();
        assert!(squares.map(Result::unwrap).eq((0..500).map(square)), "{bound}");
    }
}

/// `test_starmap`: several arguments are a tuple.
#[test]
fn several_arguments_are_a_tuple() {
    let engine = engine(2);
    let pairs = (0..50).zip((0..50).rev());
    let products = engine.tasks().map(|(a, b): (i64, i64)| a * b, pairs).unwrap();
    assert!(products.map(Result::unwrap).eq((0..50).map(|a| a * (49 - a))));
}

/// `test_imap`: parameters are taken as results are, so they may be endless.
#[test]
fn a_map_over_endless_parameters_takes_what_it_needs() {
    let engine = engine(2);
    let mut taken = 0;
    let params = (0..).inspect(|_| taken += 1);
    let first: Vec<i64> =
        engine.tasks().bound(8).map(square, params).unwrap().take(20).map(Result::unwrap).collect();
    assert_eq!(first, (0..20).map(square).collect::<Vec<_>>());
    assert!((20..=28).contains(&taken), "{taken} were taken");
}

/// `test_imap_unordered`: each result once.
#[test]
fn an_unordered_map_gives_each_result_once() {
    let engine = engine(3);
    let results = engine.tasks().map(square, 0..1000).unwrap().unordered();
    let seen: BTreeSet<(u64, i64)> = results.map(|(n, square)| (n, square.unwrap())).collect();
    assert!(seen.into_iter().eq((0..1000).map(|n| (n as u64, square(n)))));
}

/// `test_imap_handle_iterable_exception`: parameters that panic are the caller's panic, and what was
/// put is done with.
#[test]
fn parameters_that_panic_are_the_callers_panic() {
    let engine = engine(2);
    let params = (0..10).inspect(|n| assert!(*n < 3, "enough"));
    let results = engine.tasks().map(square, params).unwrap();
    let sum = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        results.map(Result::unwrap).sum::<i64>()
    }));
    assert!(sum.is_err());
    assert!(engine.tasks().map(square, 0..10).unwrap().map(Result::unwrap).eq((0..10).map(square)));
}

/// `test_async_timeout`, `test_map_async_timeout`: a result that does not come in time.
#[test]
fn a_wait_for_a_result_may_be_given_up() {
    let (_folder, own, open) = gate();
    let engine = engine(1);
    let pool = engine.tasks().pool().unwrap();
    let mut waits = pool.submit(begin_and_wait, &(own, open.clone())).unwrap();
    assert!(waits.join_timeout(Duration::from_millis(20)).unwrap().is_none());
    assert!(waits.try_join().unwrap().is_none() && !waits.is_done());
    assert!(!pool.join_timeout(Duration::from_millis(5)));
    assert_eq!(pool.unfinished(), 1);
    std::fs::write(open, "").unwrap();
    assert_eq!(waits.join_timeout(Duration::from_secs(300)).unwrap(), Some(7));
    assert!(pool.join_timeout(Duration::from_secs(300)));
}

/// The same of a queue.
#[test]
fn a_queue_is_put_and_asked_without_waiting() {
    let (_folder, own, open) = gate();
    let engine = engine(1);
    let mut queue = engine.tasks().bound(2).queue(begin_and_wait).unwrap();
    let params = (own, open.clone());
    assert_eq!(queue.try_put(&params).unwrap(), Some(0));
    assert_eq!(queue.try_put(&params).unwrap(), Some(1));
    assert_eq!(queue.try_put(&params).unwrap(), None, "it is full");
    assert!(queue.try_next().is_none() && !queue.join_timeout(Duration::from_millis(5)));
    assert!(queue.next_timeout(Duration::from_millis(5)).is_none());
    std::fs::write(open, "").unwrap();
    assert!(queue.join_timeout(Duration::from_secs(300)));
    let numbers: BTreeSet<u64> = std::iter::from_fn(|| queue.try_next()).map(|(n, _)| n).collect();
    assert!(numbers.into_iter().eq(0..2));
    assert!(queue.next_timeout(Duration::from_secs(300)).is_none(), "nothing is left");
}

/// `test_enter`, `test_resource_warning`, `test_release_task_refs`: what is dropped half way leaves
/// nothing behind, and what was sent is let go.
#[test]
fn whatever_is_dropped_half_way_leaves_nothing_behind() {
    let engine = engine(2);
    for round in 0..50 {
        let mut results = engine.tasks().map(square, 0..300).unwrap();
        assert_eq!(results.next().unwrap().unwrap(), 0);
        let mut unordered = engine.tasks().map(square, 0..300).unwrap().unordered();
        assert!(unordered.next().is_some());
        let pool = engine.tasks().pool().unwrap();
        let handles: Vec<_> = (0..round).map(|n| pool.submit(square, &n).unwrap()).collect();
        drop(pool);
        // The handles keep it open.
        let last = handles.into_iter().next_back();
        assert!(last.is_none_or(|last| last.join().unwrap() == square(round - 1)));
    }
    let all: Vec<_> = (0..8).map(|_| engine.tasks().pool().unwrap()).collect();
    assert!(matches!(engine.tasks().pool(), Err(Error::Limit { .. })));
    drop(all);
}

/// A dropped handle detaches its task, and more of them than there are slots hold up nobody.
#[test]
fn dropped_handles_hold_no_slots() {
    let (folder, ..) = gate();
    let engine = engine(2);
    let pool = engine.tasks().bound(3).pool().unwrap();
    let touch = |(folder, n): (std::path::PathBuf, u32)| {
        std::fs::write(folder.join(n.to_string()), "").unwrap();
    };
    for n in 0..600 {
        drop(pool.submit(touch, &(folder.path().into(), n)).unwrap());
    }
    pool.join();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 600);
}

/// `test_unpickleable_result`, `test_wrapped_exception`: an error is the value of its task.
#[test]
fn a_panic_is_the_value_of_its_task() {
    let engine = engine(2);
    let pool = engine.tasks().pool().unwrap();
    let panics = pool.submit(|n: u32| -> u32 { panic!("no {n}") }, &3).unwrap();
    let fine = pool.submit(square, &3).unwrap();
    let Err(Error::Task { index: 0, reason: TaskFailure::Panicked(panic), .. }) = panics.join()
    else {
        panic!("it has a result")
    };
    assert_eq!(panic.message, "no 3");
    assert!(panic.place.contains("tasks/pool.rs"), "{}", panic.place);
    assert_eq!(fine.join().unwrap(), 9);
}

/// Progress is told of each end, failures too, and never goes back.
#[test]
fn progress_is_told_to_the_end() {
    let engine = engine(2);
    let odd = |n: u32| assert!(n % 2 == 1);
    for unordered in [false, true] {
        let mut told = vec![];
        let results = engine.tasks().map(odd, 0..500).unwrap();
        let results = results.on_progress(|done, total| told.push((done, total)));
        let failed = match unordered {
            false => results.filter(Result::is_err).count(),
            true => results.unordered().filter(|(_, result)| result.is_err()).count(),
        };
        assert_eq!(failed, 250);
        assert!(told.is_sorted() && told.last() == Some(&(500, Some(500))), "{told:?}");
        assert!(told.iter().all(|(_, total)| *total == Some(500)));
    }
}
