//! Queues among processes, and deaths before any instruction of putting and getting. The cases of
//! CPython's `_TestQueue` (test/_test_multiprocessing.py) are named where they are mirrored.

mod support;

use gristmill::{Engine, Error, JoinableQueue, Queue};
use std::collections::BTreeMap;
use std::time::Duration;
use support::stepping::{deadly_steps, die_at};

fn engine() -> Engine {
    Engine::builder().workers(0).build().unwrap()
}

/// More than any wait of a test takes.
const LONG: Duration = Duration::from_secs(60);

/// test_put, test_get: blocking, at once and in time, full and empty.
#[test]
fn full_and_empty() {
    let queue = engine().queue::<u32>(6).unwrap();
    assert!(queue.is_empty().unwrap() && !queue.is_full().unwrap());
    for n in 0..6 {
        assert!(queue.try_put(&n).unwrap());
    }
    assert!(queue.is_full().unwrap() && queue.len().unwrap() == 6);
    assert!(!queue.try_put(&6).unwrap());
    assert!(!queue.put_timeout(&6, Duration::from_millis(10)).unwrap());
    for n in 0..6 {
        assert_eq!(queue.get().unwrap(), n);
    }
    assert_eq!(queue.try_get().unwrap(), None);
    assert_eq!(queue.get_timeout(Duration::from_millis(10)).unwrap(), None);
}

/// test_qsize, test_timeout, test_closed_queue_put_get_exceptions.
#[test]
fn a_closed_queue_is_drained() {
    let queue = engine().queue::<String>(8).unwrap();
    queue.put_all(&["a".to_owned(), "b".to_owned()]).unwrap();
    queue.close().unwrap();
    assert!(matches!(queue.put(&"c".into()), Err(Error::Closed { .. })));
    assert_eq!(queue.get_many(9).unwrap(), ["a", "b"]);
    assert!(matches!(queue.get(), Err(Error::Closed { .. })));
}

/// Many to many: nothing is lost or doubled, and each sender's messages stay in order.
#[test]
fn many_senders_and_receivers() {
    const EACH: u64 = 5_000;
    let engine = engine();
    let queue = engine.queue::<(u64, u64)>(64).unwrap();
    let send = |(queue, own): (Queue<(u64, u64)>, u64)| {
        (0..EACH).for_each(|n| queue.put(&(own, n)).unwrap());
    };
    let receive = |queue: Queue<(u64, u64)>| {
        let mut got = vec![];
        while let Ok(message) = queue.get() {
            got.push(message);
        }
        got
    };
    let receivers: Vec<_> = (0..3).map(|_| engine.spawn(receive, queue.clone()).unwrap()).collect();
    let senders: Vec<_> =
        (0..3).map(|own| engine.spawn(send, (queue.clone(), own)).unwrap()).collect();
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    queue.close().unwrap();
    let got: Vec<Vec<(u64, u64)>> =
        receivers.into_iter().map(|receiver| receiver.join().unwrap()).collect();
    for part in &got {
        let mut last = BTreeMap::new();
        for (own, n) in part {
            assert!(last.insert(own, n).is_none_or(|before| before < n), "out of order");
        }
    }
    let mut all = got.concat();
    all.sort();
    let expected: Vec<_> = (0..3).flat_map(|own| (0..EACH).map(move |n| (own, n))).collect();
    assert!(all == expected);
}

/// test_task_done: `join` ends once each item is done, and not before.
#[test]
fn a_joinable_queue_is_joined() {
    let engine = engine();
    let queue = engine.joinable_queue::<u32>(16).unwrap();
    let consume = |queue: JoinableQueue<u32>| {
        let mut sum = 0;
        while let Ok(item) = queue.get() {
            sum += *item;
        }
        sum
    };
    let consumers: Vec<_> = (0..4).map(|_| engine.spawn(consume, queue.clone()).unwrap()).collect();
    (0..1000).for_each(|n| queue.put(&n).unwrap());
    queue.join().unwrap();
    assert_eq!(queue.unfinished().unwrap(), 0);
    queue.close().unwrap();
    let sum: u32 = consumers.into_iter().map(|consumer| consumer.join().unwrap()).sum();
    assert_eq!(sum, 499_500);
    let lone = engine.joinable_queue::<u32>(4).unwrap();
    lone.put(&1).unwrap();
    let lease = lone.get().unwrap();
    assert!(!lone.join_timeout(Duration::from_millis(10)).unwrap(), "it is not done");
    lease.nack();
    let lease = lone.get().unwrap();
    assert_eq!(*lease, 1, "what is given back comes again");
    lease.done();
    assert!(lone.join_timeout(LONG).unwrap());
}

/// test_queue_feeder_donot_stop_onexc, test_queue_feeder_on_queue_feeder_error: what cannot be sent is
/// told to its sender, and the queue goes on.
#[test]
fn what_cannot_be_sent_harms_nobody() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Skipping(#[serde(skip_serializing_if = "Option::is_none")] Option<u8>, u8);
    let queue = engine().queue::<Skipping>(4).unwrap();
    assert!(matches!(queue.put(&Skipping(None, 1)), Err(Error::NotPortable { .. })));
    queue.put(&Skipping(Some(1), 2)).unwrap();
    assert_eq!(queue.get().unwrap().1, 2);
}

/// Handles travel through queues.
#[test]
fn a_queue_through_a_queue() {
    let engine = engine();
    let (asks, answers) = (engine.queue(4).unwrap(), engine.queue::<u32>(4).unwrap());
    let serve = |asks: Queue<(u32, Queue<u32>)>| {
        let (number, answer) = asks.get().unwrap();
        answer.put(&(2 * number)).unwrap();
    };
    let server = engine.spawn(serve, asks.clone()).unwrap();
    asks.put(&(21, answers.clone())).unwrap();
    assert_eq!(answers.get().unwrap(), 42);
    server.join().unwrap();
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

/// Killed before any instruction of `put`: the others' messages are all there, the victim's is there
/// or is not, and the queue goes on.
#[test]
fn killed_while_putting() {
    for text in ["short".to_owned(), "a message of more than a slot. ".repeat(20)] {
        let engine = engine();
        let queue = engine.queue::<String>(4).unwrap();
        let run = |(queue, text, deadly): (Queue<String>, String, u64)| {
            die_at(deadly, || queue.put(&text).unwrap()).1
        };
        let process = engine.spawn(run, (queue.clone(), text.clone(), u64::MAX)).unwrap();
        let steps = process.join().unwrap();
        assert_eq!(queue.get().unwrap(), text);
        for deadly in deadly_steps(steps) {
            queue.put(&"first".into()).unwrap();
            engine.spawn(run, (queue.clone(), text.clone(), deadly)).unwrap().wait();
            assert!(queue.put_timeout(&"last".into(), LONG).unwrap());
            assert_eq!(queue.get_timeout(LONG).unwrap().unwrap(), "first", "at {deadly}");
            let next = queue.get_timeout(LONG).unwrap().unwrap();
            if next != "last" {
                assert!(next == text, "at {deadly}");
                assert_eq!(queue.get_timeout(LONG).unwrap().unwrap(), "last", "at {deadly}");
            }
            assert_eq!(queue.try_get().unwrap(), None, "at {deadly}");
            // All room is there again.
            assert!((0..4).all(|_| queue.try_put(&text).unwrap()), "at {deadly}");
            assert_eq!(queue.get_many(9).unwrap().len(), 4, "at {deadly}");
        }
    }
}

/// Killed before any instruction of `get`: of what was in the queue the victim's message is lost at
/// most, and of a joinable queue nothing is.
#[test]
fn killed_while_getting() {
    let engine = engine();
    let queue = engine.queue::<u64>(4).unwrap();
    let run = |(queue, deadly): (Queue<u64>, u64)| die_at(deadly, || queue.get().unwrap());
    queue.put(&0).unwrap();
    let (_, steps) = engine.spawn(run, (queue.clone(), u64::MAX)).unwrap().join().unwrap();
    for deadly in deadly_steps(steps) {
        queue.put_all(&[1, 2, 3]).unwrap();
        engine.spawn(run, (queue.clone(), deadly)).unwrap().wait();
        let got = queue.get_many(9).unwrap();
        assert!(got == [1, 2, 3] || got == [2, 3], "{got:?} at {deadly}");
        assert!((0..4).all(|n| queue.try_put(&n).unwrap()), "at {deadly}");
        assert_eq!(queue.get_many(9).unwrap(), [0, 1, 2, 3], "at {deadly}");
    }
}

#[test]
fn leases_of_the_dead_return() {
    let engine = engine();
    let queue = engine.joinable_queue::<u64>(4).unwrap();
    let run = |(queue, deadly): (JoinableQueue<u64>, u64)| {
        die_at(deadly, || queue.get().unwrap().done()).1
    };
    queue.put(&0).unwrap();
    let steps = engine.spawn(run, (queue.clone(), u64::MAX)).unwrap().join().unwrap();
    for deadly in deadly_steps(steps) {
        queue.put_all(&[1, 2]).unwrap();
        engine.spawn(run, (queue.clone(), deadly)).unwrap().wait();
        let mut left = vec![];
        while let Some(lease) = queue.try_get().unwrap() {
            left.push(*lease);
        }
        left.sort();
        assert!(left == [1, 2] || left == [2], "{left:?} at {deadly}");
        assert!(queue.join_timeout(LONG).unwrap(), "at {deadly}");
    }
}
