//! What `concurrent.futures.ProcessPoolExecutor` does: test_concurrent_futures.

use crate::support::engine;
use crate::{begin_and_wait, gate};
use gristmill::Error;
use std::time::Duration;

/// `ExecutorTest.test_submit`, `test_submit_keyword`: any functions, of any types.
#[test]
fn functions_of_any_types_share_a_pool() {
    let engine = engine(2);
    let pool = engine.tasks().pool().unwrap();
    let texts: Vec<_> =
        (0..300u32).map(|n| pool.submit(|n: u32| n.to_string(), &n).unwrap()).collect();
    let sums = pool.submit(|all: Vec<u64>| all.iter().sum::<u64>(), &(0..5000).collect()).unwrap();
    let large = pool.submit(|n: usize| vec![1u8; n], &100_000).unwrap();
    assert_eq!(large.join().unwrap(), vec![1; 100_000]);
    // In whatever order.
    for (n, text) in texts.into_iter().enumerate().rev() {
        assert_eq!((text.number(), text.join().unwrap()), (n as u64, n.to_string()));
    }
    assert_eq!(sums.join().unwrap(), 4999 * 2500);
}

/// `AsCompletedTests`, `test_map_submits_without_iteration`, and CPython's issue 105829 (a deadlock
/// while one thread submits and others wait): threads submit and join each other's handles.
#[test]
fn threads_submit_and_join_at_once() {
    let engine = engine(2);
    let pool = engine.tasks().bound(5).pool().unwrap();
    let (give, take) = std::sync::mpsc::channel();
    let take = std::sync::Mutex::new(take);
    std::thread::scope(|scope| {
        for from in [0u64, 1000] {
            let (pool, give) = (&pool, give.clone());
            scope.spawn(move || {
                for n in from..from + 500 {
                    give.send((n, pool.submit(|n: u64| n + 1, &n).unwrap())).unwrap();
                }
            });
        }
        drop(give);
        let joiners: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let next = || take.lock().unwrap().recv().ok();
                    let joined = std::iter::from_fn(next);
                    joined.map(|(n, handle)| assert_eq!(handle.join().unwrap(), n + 1)).count()
                })
            })
            .collect();
        assert_eq!(joiners.into_iter().map(|it| it.join().unwrap()).sum::<usize>(), 1000);
    });
}

/// `test_no_stale_references`, `test_free_reference`: what is shared with a task is kept until its
/// result is there, and not longer.
#[test]
fn a_task_shares_what_it_is_passed() {
    let engine = engine(2);
    let pool = engine.tasks().pool().unwrap();
    let count = engine.shared(0u64).unwrap();
    let add =
        |(count, n): (gristmill::Shared<u64>, u64)| count.update(|count| *count += n).unwrap();
    for n in 0..100 {
        drop(pool.submit(add, &(count.clone(), n)).unwrap());
    }
    // Nobody else has this one any more when its task begins.
    let own = engine.shared(40u64).unwrap();
    let read = pool.submit(|own: gristmill::Shared<u64>| own.get().unwrap() + 2, &own).unwrap();
    drop(own);
    assert_eq!(read.join().unwrap(), 42);
    pool.join();
    assert_eq!(count.get().unwrap(), 4950);
}

/// `ExecutorShutdownTest.test_interpreter_shutdown`, `test_del_shutdown`: handles outlive the engine,
/// and say so.
#[test]
fn handles_outlive_the_engine() {
    let (_folder, own, open) = gate();
    let engine = engine(1);
    let pool = engine.tasks().pool().unwrap();
    let done = pool.submit(|n: u32| n, &1).unwrap();
    pool.join();
    let runs = pool.submit(begin_and_wait, &(own.clone(), open.clone())).unwrap();
    let waits = pool.submit(begin_and_wait, &(own, open)).unwrap();
    drop(pool);
    drop(engine);
    assert_eq!(done.join().unwrap(), 1);
    for lost in [runs, waits] {
        let error = lost.join().unwrap_err();
        assert!(matches!(error, Error::NoWorkers { .. }), "{error}");
        assert!(error.to_string().contains("dropped"), "{error}");
    }
}

/// `test_hang_issue12364`, `test_shutdown_no_wait`: a thread that joins while another drops the engine
/// gets its error.
#[test]
fn who_joins_while_the_engine_is_dropped_is_told() {
    let (_folder, own, open) = gate();
    let engine = engine(2);
    let pool = engine.tasks().pool().unwrap();
    let handle = pool.submit(begin_and_wait, &(own.clone(), open)).unwrap();
    crate::support::processes::wait_until("the task", || own.exists());
    let joiner = std::thread::spawn(move || handle.join());
    std::thread::sleep(Duration::from_millis(20));
    drop(pool);
    drop(engine);
    assert!(matches!(joiner.join().unwrap(), Err(Error::NoWorkers { .. })));
}

/// `test_saturation`: more tasks than there is room for, with a deadline of their own.
#[test]
fn a_pool_that_is_full_makes_the_submitter_wait() {
    let (_folder, own, open) = gate();
    let engine = engine(1);
    let pool = engine.tasks().bound(1).pool().unwrap();
    let first = pool.submit(begin_and_wait, &(own.clone(), open.clone())).unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| pool.submit(|n: u32| n, &2).unwrap().join());
        crate::support::processes::wait_until("the task", || own.exists());
        assert!(!second.is_finished());
        std::fs::write(&open, "").unwrap();
        assert_eq!(second.join().unwrap().unwrap(), 2);
    });
    assert_eq!(first.join().unwrap(), 7);
}

/// `_TestPool.test_empty_iterable`, `test_map_handle_iterable_exception`,
/// `test_imap_unordered_handle_iterable_exception`: parameters that end at once, or panic.
#[test]
fn parameters_that_end_at_once_or_panic() {
    let engine = engine(2);
    let square = |n: u64| n * n;
    assert_eq!(engine.tasks().map(square, []).unwrap().count(), 0);
    assert_eq!(engine.tasks().map(square, []).unwrap().unordered().count(), 0);
    for unordered in [false, true] {
        let params = (0..).inspect(|n| assert!(*n < 5, "no more parameters"));
        let results = engine.tasks().map(square, params).unwrap();
        let count = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if unordered { results.unordered().count() } else { results.count() }
        }));
        let panic = count.unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"no more parameters"));
        // It stays usable.
        let results = engine.tasks().map(square, 0..10).unwrap();
        assert!(results.map(|n| n.unwrap()).eq((0..10).map(square)));
    }
}

/// `_TestPool.test_traceback`: an error says where.
#[test]
fn a_panic_of_a_task_has_its_place() {
    let engine = engine(1);
    let divide = |(a, b): (u64, u64)| a / b;
    let error = engine.tasks().map(divide, [(1, 0)]).unwrap().next().unwrap().unwrap_err();
    let told = error.to_string();
    assert!(told.contains("divide by zero") && told.contains("executor.rs:"), "{told}");
}
