//! Our side. Integers and bytes go as plain data; messages one by one, as they do in the peers.

use crate::{MESSAGE, PRIMES_BELOW};
use gristmill::{Engine, JoinableQueue, Plain, Queue, Result, Sender, Shared};
use std::time::Instant;

/// Workers where the peer has as many.
const WORKERS: usize = 2;

/// Seconds of `work`, which does `many` of a kind, for each.
fn each(many: u32, work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() / f64::from(many))
}

/// What an engine of so many workers measures.
fn with_engine(
    workers: usize,
    measure: impl FnOnce(&Engine) -> Result<f64>,
) -> Result<f64, String> {
    let engine = Engine::builder().workers(workers).build();
    engine.and_then(|engine| measure(&engine)).map_err(|error| error.to_string())
}

/// Small integers that a child process sends.
pub(crate) fn pipe() -> Result<f64, String> {
    const MESSAGES: u32 = 2_000_000;
    with_engine(0, |engine| {
        let (sender, mut receiver) = engine.plain_pipe::<u32>(1 << 16)?;
        let send = |mut sender: Sender<u32, Plain>| {
            (0..=MESSAGES).for_each(|n| sender.send(&n).expect("the receiver is there"));
        };
        let child = engine.spawn(send, sender)?;
        receiver.recv()?;
        let seconds = each(MESSAGES, || {
            (1..=MESSAGES).try_for_each(|n| receiver.recv().map(|received| assert_eq!(received, n)))
        })?;
        child.join().map(|()| seconds)
    })
}

/// Large messages that a child process sends.
pub(crate) fn pipe_bytes() -> Result<f64, String> {
    const MESSAGES: u32 = 1_000;
    with_engine(0, |engine| {
        let (sender, mut receiver) = engine.plain_pipe::<[u8]>(4 * MESSAGE)?;
        let send = |mut sender: Sender<[u8], Plain>| {
            let message: Vec<u8> = (0..MESSAGE).map(|at| at as u8).collect();
            sender.send(&[]).expect("the receiver is there");
            (0..MESSAGES).for_each(|_| sender.send(&message).expect("the receiver is there"));
        };
        let child = engine.spawn(send, sender)?;
        receiver.recv()?;
        let mut receive = || receiver.recv().map(|received| assert_eq!(received.len(), MESSAGE));
        let seconds = each(MESSAGES, || (0..MESSAGES).try_for_each(|_| receive()))?;
        child.join().map(|()| seconds)
    })
}

/// Messages that a queue has room for.
const BOUND: usize = 1024;

/// Small integers that a child process puts.
pub(crate) fn queue() -> Result<f64, String> {
    const MESSAGES: u32 = 1_000_000;
    with_engine(0, |engine| {
        let queue = engine.plain_queue::<u32>(BOUND)?;
        let put = |queue: Queue<u32, Plain>| {
            (0..=MESSAGES).for_each(|n| queue.put(&n).expect("the queue is open"));
        };
        let child = engine.spawn(put, queue.clone())?;
        queue.get()?;
        let seconds = each(MESSAGES, || {
            (1..=MESSAGES).try_for_each(|n| queue.get().map(|received| assert_eq!(received, n)))
        })?;
        child.join().map(|()| seconds)
    })
}

/// Small integers that a child process gets and is done with, all joined.
pub(crate) fn joinable() -> Result<f64, String> {
    const MESSAGES: u32 = 1_000_000;
    with_engine(0, |engine| {
        let queue = engine.plain_joinable_queue::<u32>(BOUND)?;
        let get = |queue: JoinableQueue<u32, Plain>| {
            while let Ok(lease) = queue.get() {
                lease.done();
            }
        };
        let child = engine.spawn(get, queue.clone())?;
        queue.put(&0)?;
        queue.join()?;
        let seconds = each(MESSAGES, || {
            (0..MESSAGES).try_for_each(|n| queue.put(&n))?;
            queue.join()
        })?;
        queue.close()?;
        child.join().map(|()| seconds)
    })
}

/// Two child processes that increment a value under its lock.
pub(crate) fn value() -> Result<f64, String> {
    const PROCESSES: u32 = 2;
    const INCREMENTS: u32 = 1_000_000;
    with_engine(0, |engine| {
        // Counts who has come; then this process, which lets them go; then who is done.
        let gate = engine.shared(0)?;
        let value = engine.shared(0)?;
        let increment = |(value, gate): (Shared<u32>, Shared<u32>)| -> Result<()> {
            gate.update(|come| *come += 1)?;
            gate.wait_until(|come| *come > PROCESSES)?;
            (0..INCREMENTS).try_for_each(|_| value.update(|n| *n += 1))?;
            gate.update(|come| *come += 1)
        };
        let increment = move |shared| increment(shared).expect("the locks are whole");
        let start = |_| engine.spawn(increment, (value.clone(), gate.clone()));
        let children = (0..PROCESSES).map(start).collect::<Result<Vec<_>>>()?;
        gate.wait_until(|come| *come == PROCESSES)?;
        let seconds = each(PROCESSES * INCREMENTS, || {
            gate.update(|come| *come += 1)?;
            gate.wait_until(|come| *come == 2 * PROCESSES + 1).map(drop)
        })?;
        assert_eq!(value.get()?, PROCESSES * INCREMENTS);
        children.into_iter().try_for_each(|child| child.join()).map(|()| seconds)
    })
}

/// Primes of a range, by trial division, step by step as benches/peers/python/primes.py.
fn count_primes((first, end): (u64, u64)) -> u64 {
    let is_prime = |n: &u64| {
        let mut divisor = 2;
        while divisor * divisor <= *n && !n.is_multiple_of(divisor) {
            divisor += 1;
        }
        *n > 1 && divisor * divisor > *n
    };
    (first..end).filter(is_prime).count() as u64
}

/// Primes that so many workers count; the seconds of the whole.
pub(crate) fn primes(workers: usize) -> Result<f64, String> {
    const PIECES: u64 = 16;
    const PRIMES: u64 = 25_997;
    with_engine(workers, |engine| {
        let count = |pieces: &[(u64, u64)]| {
            engine.tasks().map(count_primes, pieces.iter().copied())?.sum::<Result<u64>>()
        };
        count(&[(0, 2); WORKERS])?;
        let edge = |at| u64::from(PRIMES_BELOW) * at / PIECES;
        let pieces: Vec<_> = (0..PIECES).map(|at| (edge(at), edge(at + 1))).collect();
        each(1, || count(&pieces).map(|counted| assert_eq!(counted, PRIMES)))
    })
}

/// A map of 2 empty tasks, again and again.
pub(crate) fn pool_map() -> Result<f64, String> {
    const MAPS: u32 = 2_000;
    with_engine(WORKERS, |engine| {
        let map = || engine.tasks().map(|_: u32| (), 0..2)?.try_for_each(|result| result);
        map()?;
        each(MAPS, || (0..MAPS).try_for_each(|_| map()))
    })
}

/// Empty tasks that are put one by one, with all their results.
pub(crate) fn pool_tasks() -> Result<f64, String> {
    const TASKS: u32 = 200_000;
    with_engine(WORKERS, |engine| {
        let mut queue = engine.tasks().queue(|_: u32| ())?;
        each(TASKS, || {
            (0..TASKS).try_for_each(|n| queue.put(&n).map(drop))?;
            queue.close().try_for_each(|(_, result)| result)
        })
    })
}

/// A child process that runs nothing, started and joined.
pub(crate) fn process() -> Result<f64, String> {
    const PROCESSES: u32 = 50;
    with_engine(0, |engine| {
        each(PROCESSES, || (0..PROCESSES).try_for_each(|_| engine.spawn(|()| (), ())?.join()))
    })
}
