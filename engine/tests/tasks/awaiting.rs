//! Handles as futures: what `asyncio.wrap_future` makes of those of an executor.

use crate::support::{die, engine};
use crate::{begin_and_wait, gate};
use gristmill::{Error, TaskFailure};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Wakes a thread, and counts how often.
struct Unpark(Thread, AtomicUsize);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.unpark();
    }
}

fn unpark() -> Arc<Unpark> {
    Arc::new(Unpark(std::thread::current(), AtomicUsize::new(0)))
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(unpark());
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Nobody of the coordinator waits but for the wake: so it is the engine that wakes.
#[test]
fn tasks_are_awaited_one_after_the_other() {
    let engine = engine(2);
    let pool = engine.tasks().pool().unwrap();
    let sum = block_on(async {
        let mut n = 0;
        for _ in 0..300 {
            n = pool.submit(|n: u64| n + 1, &n).unwrap().await.unwrap();
        }
        n
    });
    assert_eq!(sum, 300);
}

/// `asyncio.gather`: many at once, by one thread.
#[test]
fn many_are_awaited_at_once() {
    let engine = engine(2);
    let pool = engine.tasks().pool().unwrap();
    let mut waiting: Vec<_> =
        (0..200u64).map(|n| Some(pool.submit(|n: u64| n * n, &n).unwrap())).collect();
    let results = std::future::poll_fn(|context| {
        let mut results = vec![];
        for handle in &mut waiting {
            if let Some(Poll::Ready(result)) =
                handle.as_mut().map(|handle| Pin::new(handle).poll(context))
            {
                results.push(result.unwrap());
                *handle = None;
            }
        }
        if results.is_empty() { Poll::Pending } else { Poll::Ready(results) }
    });
    let mut results = pin!(results);
    let mut all = vec![];
    while all.len() < 200 {
        all.extend(block_on(results.as_mut()));
    }
    all.sort();
    assert!(all.into_iter().eq((0..200).map(|n| n * n)));
}

/// A death, a cancellation, a panic: each wakes who awaits it.
#[test]
fn whatever_ends_a_task_wakes_who_awaits_it() {
    let (_folder, own, open) = gate();
    let engine = engine(2);
    let pool = engine.tasks().pool().unwrap();
    let died = block_on(pool.submit(|(): ()| -> u32 { die() }, &()).unwrap());
    assert!(matches!(died, Err(Error::Task { reason: TaskFailure::Died(_), .. })), "{died:?}");
    let panicked = block_on(pool.submit(|(): ()| -> u32 { panic!() }, &()).unwrap());
    assert!(matches!(panicked, Err(Error::Task { reason: TaskFailure::Panicked(_), .. })));
    let mut handle = pool.submit(begin_and_wait, &(own, open)).unwrap();
    let unpark = unpark();
    let waker = Waker::from(Arc::clone(&unpark));
    assert!(Pin::new(&mut handle).poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(unpark.1.load(Ordering::SeqCst), 0);
    handle.cancel();
    while unpark.1.load(Ordering::SeqCst) == 0 {
        std::thread::park();
    }
    let cancelled = block_on(handle);
    assert!(matches!(cancelled, Err(Error::Task { reason: TaskFailure::Cancelled, .. })));
}

/// The end of the engine does, too.
#[test]
fn the_end_of_the_engine_wakes_who_awaits() {
    let (_folder, own, open) = gate();
    let engine = engine(1);
    let pool = engine.tasks().pool().unwrap();
    let handle = pool.submit(begin_and_wait, &(own, open)).unwrap();
    let awaiting = std::thread::spawn(move || block_on(handle));
    drop(pool);
    drop(engine);
    assert!(matches!(awaiting.join().unwrap(), Err(Error::NoWorkers { .. })));
}

/// A handle that was polled may go, or be joined instead.
#[test]
fn a_handle_that_was_polled_is_dropped_or_joined() {
    let (folder, _, open) = gate();
    let engine = engine(2);
    let pool = engine.tasks().pool().unwrap();
    let waker = Waker::from(unpark());
    let polled = |name: &str| {
        let params = (folder.path().join(name), open.clone());
        let mut handle = pool.submit(begin_and_wait, &params).unwrap();
        let context = &mut Context::from_waker(&waker);
        assert!(Pin::new(&mut handle).poll(context).is_pending());
        assert!(Pin::new(&mut handle).poll(context).is_pending());
        handle
    };
    drop(polled("dropped"));
    let joined = polled("joined");
    std::fs::write(&open, "").unwrap();
    assert_eq!(joined.join().unwrap(), 7);
    pool.join();
    assert_eq!(block_on(pool.submit(|n: u32| n, &3).unwrap()).unwrap(), 3);
}
