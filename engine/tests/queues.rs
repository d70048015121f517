//! Queues between processes. The cases of CPython's `_TestQueue` (test/_test_multiprocessing.py) are named
//! where they are mirrored.

mod support;

use gristmill::{Engine, Error, JoinableQueue, Plain, PriorityQueue, Queue};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use support::{Skipping, engine};

/// Longer than anything here takes, unless it hangs.
const WATCHDOG: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(20);

/// What comes within the watchdog's time.
fn got(queue: &Queue<u64>) -> u64 {
    queue.get_timeout(WATCHDOG).unwrap().expect("a message comes")
}

/// test_put: six fit, and no more, by no way of putting; after a get there is room again.
#[test]
fn a_queue_takes_as_many_as_it_was_made_for() {
    let engine = engine(0);
    for bound in [1, 6, 7] {
        let queue = engine.queue::<u64>(bound).unwrap();
        assert!(queue.is_empty().unwrap() && !queue.is_full().unwrap());
        for n in 0..bound as u64 {
            assert!(queue.try_put(&n).unwrap());
        }
        assert!(queue.is_full().unwrap() && !queue.is_empty().unwrap());
        assert!(!queue.try_put(&9).unwrap());
        let since = Instant::now();
        assert!(!queue.put_timeout(&9, SOON).unwrap());
        assert!(since.elapsed() >= SOON);
        let child =
            engine.spawn(|queue: Queue<u64>| queue.get_many(usize::MAX).unwrap(), queue.clone());
        assert_eq!(child.unwrap().join().unwrap(), (0..bound as u64).collect::<Vec<_>>());
        assert!(queue.is_empty().unwrap() && !queue.is_full().unwrap());
        queue.put(&1).unwrap();
        assert_eq!((queue.bound().unwrap(), queue.len().unwrap()), (bound, 1));
    }
}

/// test_get: what another process puts comes in its order, and then nothing.
#[test]
fn what_another_process_puts_comes_in_its_order() {
    let engine = engine(0);
    let queue = engine.queue::<u64>(100).unwrap();
    let child = engine
        .spawn(|queue: Queue<u64>| (2..6).for_each(|n| queue.put(&n).unwrap()), queue.clone());
    child.unwrap().join().unwrap();
    assert_eq!(queue.get().unwrap(), 2);
    assert_eq!(queue.get_timeout(WATCHDOG).unwrap(), Some(3));
    assert_eq!(queue.try_get().unwrap(), Some(4));
    assert_eq!(queue.get_many(9).unwrap(), [5]);
    assert!(queue.is_empty().unwrap());
    assert_eq!(queue.try_get().unwrap(), None);
}

/// test_timeout: it waits for so long, and not much less.
#[test]
fn a_get_waits_for_its_time() {
    let engine = engine(0);
    let queue = engine.queue::<u64>(10).unwrap();
    let since = Instant::now();
    assert_eq!(queue.get_timeout(Duration::from_millis(200)).unwrap(), None);
    assert!(since.elapsed() >= Duration::from_millis(200));
}

/// test_qsize.
#[test]
fn its_length_is_what_was_put_and_not_got() {
    let engine = engine(0);
    let queue = engine.plain_queue::<u8>(10).unwrap();
    for (step, len) in [(true, 1), (true, 2), (false, 1), (false, 0)] {
        if step {
            queue.put(&1).unwrap();
        } else {
            queue.get().unwrap();
        }
        assert_eq!(queue.len().unwrap(), len);
    }
}

fn settle_all(jobs: JoinableQueue<u64>) -> u64 {
    let mut sum = 0;
    while let Ok(job) = jobs.get() {
        sum += *job;
    }
    sum
}

/// test_task_done: four processes, and a join that ends when all ten are done.
#[test]
fn a_join_ends_when_all_is_done() {
    let engine = engine(0);
    let jobs = engine.joinable_queue::<u64>(100).unwrap();
    assert!(jobs.join_timeout(Duration::ZERO).unwrap(), "nothing was put");
    let workers: Vec<_> = (0..4).map(|_| engine.spawn(settle_all, jobs.clone()).unwrap()).collect();
    for n in 0..10 {
        jobs.put(&n).unwrap();
    }
    assert!(jobs.join_timeout(WATCHDOG).unwrap());
    assert_eq!(jobs.unfinished().unwrap(), 0);
    jobs.close().unwrap();
    assert_eq!(workers.into_iter().map(|w| w.join().unwrap()).sum::<u64>(), 45);
}

/// A lease that is out keeps the queue unfinished; settled or given back by hand.
#[test]
fn leases_are_settled_by_hand_or_given_back() {
    let engine = engine(0);
    let jobs = engine.plain_joinable_queue::<u64>(2).unwrap();
    jobs.put_all(&[1, 2]).unwrap();
    let first = jobs.get().unwrap();
    let second = jobs.get().unwrap();
    assert_eq!((*first, *second, jobs.len().unwrap()), (1, 2, 0));
    // Leases do not count for the bound.
    jobs.put_all(&[3, 4]).unwrap();
    assert!(jobs.is_full().unwrap());
    assert_eq!(jobs.unfinished().unwrap(), 4);
    second.nack();
    first.nack();
    assert_eq!(jobs.len().unwrap(), 4);
    let order: Vec<u64> =
        (0..4).map(|_| jobs.get().unwrap()).map(gristmill::Lease::into_inner).collect();
    assert_eq!(order, [1, 2, 3, 4]);
    assert!(jobs.join_timeout(WATCHDOG).unwrap());
    jobs.put(&5).unwrap();
    let lease = jobs.get().unwrap();
    assert!(!jobs.join_timeout(SOON).unwrap());
    lease.done();
    jobs.join().unwrap();
}

#[test]
fn more_leases_than_there_can_be_are_refused() {
    let engine = engine(0);
    let jobs = engine.plain_joinable_queue::<u64>(2000).unwrap();
    (0..1100).for_each(|n| jobs.put(&n).unwrap());
    let leases: Vec<_> = (0..1024).map(|_| jobs.get().unwrap()).collect();
    assert!(matches!(jobs.try_get(), Err(Error::Limit { limit: 1024, .. })));
    drop(leases);
    assert_eq!(*jobs.get().unwrap(), 1024, "the message that was refused is next");
}

/// test_queue_feeder_donot_stop_onexc, test_queue_feeder_on_queue_feeder_error: what cannot be sent is an
/// error of the put, and the queue goes on.
#[test]
fn what_cannot_be_sent_is_an_error_at_the_sender() {
    let engine = engine(0);
    let queue = engine.queue::<Skipping>(1).unwrap();
    let told = queue.put(&Skipping { maybe: None, other: 1 }).unwrap_err();
    assert!(
        matches!(&told, Error::NotPortable { what, .. } if what.contains("Skipping")),
        "{told}"
    );
    assert!(queue.try_put(&Skipping { maybe: Some(1), other: 2 }).unwrap(), "its place is free");
    assert_eq!(queue.get().unwrap().other, 2);
}

/// test_closed_queue_put_get_exceptions; but what was put before can still be got.
#[test]
fn a_closed_queue_gives_what_is_left() {
    let engine = engine(0);
    let queue = engine.queue::<u64>(10).unwrap();
    queue.put_all(&[1, 2]).unwrap();
    engine
        .spawn(|queue: Queue<u64>| queue.close().unwrap(), queue.clone())
        .unwrap()
        .join()
        .unwrap();
    assert!(queue.is_closed().unwrap());
    assert!(matches!(queue.put(&3), Err(Error::Closed { .. })));
    assert!(matches!(queue.try_put(&3), Err(Error::Closed { .. })));
    assert_eq!(queue.get_many(9).unwrap(), [1, 2]);
    assert!(matches!(queue.get(), Err(Error::Closed { .. })));
    assert!(matches!(queue.get_timeout(WATCHDOG), Err(Error::Closed { .. })));
}

/// Whoever sleeps in a put, a get or a large put is woken by a close.
#[test]
fn a_close_ends_all_waits() {
    let engine = engine(0);
    let empty = engine.queue::<u64>(1).unwrap();
    let full = engine.queue::<Vec<u8>>(2).unwrap();
    full.put(&vec![0; 3 << 20]).unwrap();
    let getter = engine.spawn(|q: Queue<u64>| q.get().is_err(), empty.clone()).unwrap();
    let large = |q: Queue<Vec<u8>>| q.put(&vec![0; 2 << 20]).is_err();
    let putters = [engine.spawn(large, full.clone()), engine.spawn(large, full.clone())];
    std::thread::sleep(SOON);
    empty.close().unwrap();
    full.close().unwrap();
    assert!(getter.wait_timeout(WATCHDOG) && getter.join().unwrap());
    for putter in putters.map(Result::unwrap) {
        assert!(putter.wait_timeout(WATCHDOG) && putter.join().unwrap());
    }
}

/// Messages larger than a place, of all sizes, through a heap that holds some of them at once.
#[test]
fn messages_of_any_size() {
    let engine = engine(0);
    let queue = engine.queue::<Vec<u8>>(50).unwrap();
    let sizes = [0, 47, 48, 49, 4095, 4096, 4097, 100_000, 3 << 20, 3 << 20, 10, 1 << 20];
    let of = |size: usize| (0..size).map(|at| (at * 7 + size) as u8).collect::<Vec<u8>>();
    let child = engine.spawn(
        |(queue, count): (Queue<Vec<u8>>, usize)| {
            (0..count).map(|_| queue.get().unwrap()).collect::<Vec<_>>()
        },
        (queue.clone(), sizes.len()),
    );
    sizes.iter().for_each(|&size| queue.put(&of(size)).unwrap());
    let received = child.unwrap().join().unwrap();
    assert!(received == sizes.map(of), "they differ");
    let told = queue.put(&vec![0; 5 << 20]).unwrap_err();
    assert!(
        matches!(told, Error::Limit { limit: 4_194_304, asked, .. } if asked > 5 << 20),
        "{told}"
    );
    // Nothing has leaked: the largest fits again.
    assert!(queue.try_put(&vec![0; (4 << 20) - 5]).unwrap());
    assert!(!queue.try_put(&vec![0; 100]).unwrap(), "the heap is full");
    assert!(queue.try_put(&vec![0; 10]).unwrap());
}

/// Many to many: each message comes once, and those of one sender to one receiver in their order.
#[test]
fn many_to_many() {
    const SENDERS: u64 = 3;
    const EACH: u64 = 20_000;
    let engine = engine(0);
    for bound in [1, 5, 256] {
        let queue = engine.plain_queue::<u64>(bound).unwrap();
        let each = if bound == 1 { EACH / 20 } else { EACH };
        let receive = |queue: Queue<u64, Plain>| {
            let mut all = vec![];
            while let Ok(n) = queue.get() {
                all.push(n);
            }
            all
        };
        let receivers: Vec<_> =
            (0..3).map(|_| engine.spawn(receive, queue.clone()).unwrap()).collect();
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let send = |(queue, sender, each): (Queue<u64, Plain>, u64, u64)| {
                    (0..each).for_each(|n| queue.put(&(sender << 32 | n)).unwrap());
                };
                engine.spawn(send, (queue.clone(), sender, each)).unwrap()
            })
            .collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        queue.close().unwrap();
        let mut counts = BTreeMap::new();
        for receiver in receivers {
            let mut last = BTreeMap::new();
            for n in receiver.join().unwrap() {
                let before = last.insert(n >> 32, n);
                assert!(before.is_none_or(|before| before < n), "{before:?} before {n}");
                *counts.entry(n).or_insert(0) += 1;
            }
        }
        assert_eq!(counts.len() as u64, SENDERS * each);
        assert!(counts.values().all(|&count| count == 1));
    }
}

/// Batches stop where there is no room, or nothing left, in time.
#[test]
fn batches_have_an_end() {
    let engine = engine(0);
    let queue = engine.queue::<u64>(3).unwrap();
    assert!(queue.get_many_timeout(5, SOON).unwrap().is_empty());
    assert_eq!(queue.put_all_timeout(&[1, 2, 3, 4, 5], SOON).unwrap(), 3);
    assert_eq!(queue.put_all_timeout(&[6], Duration::ZERO).unwrap(), 0);
    assert_eq!(queue.get_many_timeout(2, SOON).unwrap(), [1, 2]);
    assert!(queue.get_many_timeout(0, WATCHDOG).unwrap().is_empty());
    let child = engine.spawn(
        |queue: Queue<u64>| queue.put_all_timeout(&[7, 8], WATCHDOG).unwrap(),
        queue.clone(),
    );
    assert_eq!(child.unwrap().join().unwrap(), 2);
    queue.close().unwrap();
    assert!(matches!(queue.put_all_timeout(&[9], WATCHDOG), Err(Error::Closed { .. })));
    assert_eq!(queue.get_many_timeout(9, WATCHDOG).unwrap(), [3, 7, 8]);
    assert!(matches!(queue.get_many_timeout(9, WATCHDOG), Err(Error::Closed { .. })));
    let jobs = engine.joinable_queue::<u64>(3).unwrap();
    assert!(jobs.get_many_timeout(5, SOON).unwrap().is_empty());
    jobs.put_all(&[1, 2]).unwrap();
    let leases = jobs.get_many_timeout(5, WATCHDOG).unwrap();
    assert_eq!(leases.iter().map(|lease| **lease).collect::<Vec<_>>(), [1, 2]);
    let ranked = engine.priority_queue::<u64>(3).unwrap();
    ranked.put_all([(3, &30), (1, &10), (2, &20)]).unwrap();
    assert_eq!(ranked.get_many(2).unwrap(), [(1, 10), (2, 20)]);
    assert_eq!(ranked.get_many(2).unwrap(), [(3, 30)]);
}

/// A handle of one queue travels through another.
#[test]
fn handles_travel_in_messages() {
    let engine = engine(0);
    let back = engine.queue::<Queue<u64>>(4).unwrap();
    let child =
        engine.spawn(|back: Queue<Queue<u64>>| back.get().unwrap().put(&7).unwrap(), back.clone());
    let answers = engine.queue::<u64>(4).unwrap();
    back.put(&answers).unwrap();
    child.unwrap().join().unwrap();
    assert_eq!(got(&answers), 7);
}

/// In tasks of the engine's workers.
#[test]
fn workers_put_too() {
    let engine = Engine::builder().workers(2).build().unwrap();
    let queue = engine.queue::<u32>(64).unwrap();
    let params = (0..20).map(|n| (queue.clone(), n));
    let put = |(queue, n): (Queue<u32>, u32)| queue.put(&n).unwrap();
    assert!(engine.tasks().map(put, params).unwrap().all(|put| put.is_ok()));
    let mut got = queue.get_many(64).unwrap();
    got.sort();
    assert!(got.into_iter().eq(0..20));
}

/// Lowest first, and of equals the first; TestPriorityQueue of test/test_queue.py.
#[test]
fn the_lowest_priority_comes_first() {
    let engine = engine(0);
    let queue = engine.priority_queue::<Vec<u8>>(40).unwrap();
    let put = |queue: PriorityQueue<Vec<u8>>| {
        for n in 0..40u64 {
            let priority = (n * 7 % 10) as i64 - 5;
            queue.put(priority, &vec![n as u8; 1 + n as usize * 10]).unwrap();
        }
    };
    engine.spawn(put, queue.clone()).unwrap().join().unwrap();
    assert!(queue.is_full().unwrap() && !queue.try_put(0, &vec![]).unwrap());
    assert!(!queue.put_timeout(0, &vec![], SOON).unwrap());
    let mut all: Vec<_> = (0..40u64).map(|n| ((n * 7 % 10) as i64 - 5, n)).collect();
    all.sort();
    for (priority, n) in all {
        let message = vec![n as u8; 1 + n as usize * 10];
        assert_eq!(queue.get_timeout(WATCHDOG).unwrap(), Some((priority, message)));
    }
    assert!(queue.is_empty().unwrap());
    assert_eq!(queue.try_get().unwrap(), None);
    queue.put(3, &vec![3]).unwrap();
    queue.close().unwrap();
    assert!(matches!(queue.put(1, &vec![]), Err(Error::Closed { .. })));
    assert_eq!(queue.get().unwrap(), (3, vec![3]));
    assert!(matches!(queue.get(), Err(Error::Closed { .. })));
}
