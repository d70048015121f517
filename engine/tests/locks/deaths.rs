//! Processes that are killed before any instruction of an operation: whatever they leave, the others go
//! on, and what was to be whole is.

use crate::support::stepping::{deadly_steps, die_at};
use crate::{IN_TIME, engine};
use gristmill::{
    Barrier, Condvar, Engine, Error, Event, LockError, Mutex, Once, Portable, RwLock, Semaphore,
    Shared,
};

/// Runs an operation in processes that are killed within, each before another instruction; `check` is
/// called after each end, and looks at what is left.
fn sweep<A, F>(engine: &Engine, operation: F, args: A, check: impl FnMut())
where
    A: Portable + Clone,
    F: Fn((A, u64)) -> u64 + Copy + Send + Sync + 'static,
{
    let (killed, tried) = sweep_what_varies(engine, operation, args, check);
    // Some have a few instructions fewer than the first one had.
    assert!(killed >= 15 && 10 * killed >= 9 * tried, "{killed} of {tried}");
}

/// The same of an operation that has more instructions where somebody sleeps already; gives how many
/// were killed, and how many processes there were.
fn sweep_what_varies<A, F>(
    engine: &Engine,
    operation: F,
    args: A,
    mut check: impl FnMut(),
) -> (u32, u32)
where
    A: Portable + Clone,
    F: Fn((A, u64)) -> u64 + Copy + Send + Sync + 'static,
{
    let steps = engine.spawn(operation, (args.clone(), u64::MAX)).unwrap().join().unwrap();
    check();
    let (mut tried, mut killed) = (0, 0);
    for deadly in deadly_steps(steps) {
        let process = engine.spawn(operation, (args.clone(), deadly)).unwrap();
        process.wait();
        killed += u32::from(process.exit_status() == Some(-9));
        tried += 1;
        check();
    }
    (killed, tried)
}

#[test]
fn within_a_transaction_on_a_value() {
    let engine = engine();
    let pair = engine.shared([0u64; 2]).unwrap();
    let update = |(pair, deadly): (Shared<[u64; 2]>, u64)| {
        die_at(deadly, || pair.update(|[a, b]| (*a, *b) = (*a + 1, *b + 1)).unwrap()).1
    };
    let (mut last, mut done, mut left) = (0, 0, 0);
    sweep(&engine, update, pair.clone(), || {
        let [a, b] = *pair.lock_timeout(IN_TIME).unwrap().expect("nobody has it");
        assert!(a == b && (a == last || a == last + 1), "{a} and {b} after {last}");
        *(if a == last { &mut left } else { &mut done }) += 1;
        last = a;
    });
    assert!(left > 1 && done > 1, "both were met: {left} and {done}");
}

#[test]
fn within_a_change_in_place() {
    let engine = engine();
    let pair = engine.shared([0u64; 2]).unwrap();
    let change = |(pair, deadly): (Shared<[u64; 2]>, u64)| {
        let change = || {
            let mut pair = pair.lock().unwrap();
            pair[0] += 1;
            pair[1] += 1;
        };
        die_at(deadly, change).1
    };
    let mut torn = 0;
    sweep(&engine, change, pair.clone(), || match pair.lock_timeout(IN_TIME) {
        Ok(guard) => {
            let [a, b] = *guard.expect("nobody has it");
            assert_eq!(a, b, "nobody was told");
        }
        Err(LockError::OwnerDied(died)) => {
            let mut pair = died.accept();
            torn += 1;
            pair[1] = pair[0];
        }
        Err(other) => panic!("{other}"),
    });
    assert!(torn > 1);
}

#[test]
fn at_a_mutex_and_a_once() {
    let engine = engine();
    let lock = engine.mutex().unwrap();
    let take = |(lock, deadly): (Mutex, u64)| die_at(deadly, || drop(lock.lock().unwrap())).1;
    sweep(&engine, take, lock.clone(), || match lock.lock_timeout(IN_TIME) {
        Ok(guard) => drop(guard.expect("nobody has it")),
        Err(told) => drop(told.accept().unwrap()),
    });
    let runs = engine.shared(0u32).unwrap();
    let make = || engine.once().unwrap();
    let steps = |(once, runs, deadly): (Once, Shared<u32>, u64)| {
        let run = || once.call_once(|_| runs.update(|runs| *runs += 1).unwrap()).unwrap();
        die_at(deadly, run).1
    };
    let all = engine.spawn(steps, (make(), runs.clone(), u64::MAX)).unwrap().join().unwrap();
    for deadly in deadly_steps(all) {
        let once = make();
        engine.spawn(steps, (once.clone(), runs.clone(), deadly)).unwrap().wait();
        let was_done = once.is_done();
        assert_eq!(once.call_once(|_| ()).unwrap(), !was_done);
    }
}

#[test]
fn at_a_lock_of_readers_and_writers() {
    let engine = engine();
    let lock = engine.rw_lock([0u64; 2]).unwrap();
    let read = |(lock, deadly): (RwLock<[u64; 2]>, u64)| die_at(deadly, || lock.get().unwrap()).1;
    let update = |(lock, deadly): (RwLock<[u64; 2]>, u64)| {
        die_at(deadly, || lock.update(|[a, b]| (*a, *b) = (*a + 1, *b + 1)).unwrap()).1
    };
    let check = || {
        let seen = lock.read_timeout(IN_TIME).unwrap().expect("nobody writes");
        assert_eq!(seen[0], seen[1]);
        drop(seen);
        drop(lock.write_timeout(IN_TIME).unwrap().expect("nobody reads"));
    };
    sweep(&engine, read, lock.clone(), check);
    sweep(&engine, update, lock.clone(), check);
    let write = |(lock, deadly): (RwLock<[u64; 2]>, u64)| {
        let write = || {
            let mut pair = lock.write().unwrap();
            (0..10).for_each(|_| pair[0] += 1);
        };
        die_at(deadly, write).1
    };
    let mut told = 0;
    sweep(&engine, write, lock.clone(), || {
        let is_told = lock.read_timeout(IN_TIME).is_err();
        told += u32::from(is_told);
        let guard = lock.write_timeout(IN_TIME);
        assert_eq!(is_told, guard.is_err(), "readers and writers are told alike");
        match guard {
            Ok(guard) => drop(guard.expect("nobody has it")),
            Err(told) => drop(told.accept().unwrap()),
        }
    });
    assert!(told > 1, "{told} died as they wrote");
}

#[test]
fn with_a_permit() {
    let engine = engine();
    let sem = engine.semaphore(3, 3).unwrap();
    let take = |(sem, deadly): (Semaphore, u64)| die_at(deadly, || drop(sem.acquire())).1;
    sweep(&engine, take, sem.clone(), || assert_eq!(sem.available(), 3));
    // All or none of them are there at the end, or the first of them if it died while it added.
    let forget_and_add = |(sem, deadly): (Semaphore, u64)| {
        let work = || {
            sem.acquire().forget();
            sem.add_permits(1).unwrap();
        };
        die_at(deadly, work).1
    };
    let mut forgotten = 0;
    sweep(&engine, forget_and_add, sem.clone(), || {
        let available = sem.available();
        assert!((2..=3).contains(&available), "{available}");
        if available == 2 {
            forgotten += 1;
            sem.add_permits(1).unwrap();
        }
    });
    assert!(forgotten > 0, "what it had forgotten stays so");
}

#[test]
fn at_events_and_condvars() {
    let engine = engine();
    let event = engine.event().unwrap();
    let set = |(event, deadly): (Event, u64)| die_at(deadly, || event.set()).1;
    let pulse = || {
        let waiter = engine.spawn(|event: Event| event.wait(), event.clone()).unwrap();
        event.set();
        waiter.join().unwrap();
        event.clear();
    };
    sweep(&engine, set, event.clone(), pulse);
    let (auto, condvar) = (engine.auto_event().unwrap(), engine.condvar().unwrap());
    let wait = |(auto, deadly): (Event, u64)| {
        auto.set();
        die_at(deadly, || auto.wait()).1
    };
    sweep(&engine, wait, auto.clone(), || {
        auto.set();
        assert!(auto.try_wait() && !auto.try_wait());
    });
    // Who is notified and dies has not slept in the place of another.
    let let_go = engine.shared(0u8).unwrap();
    let wait = |(let_go, condvar): (Shared<u8>, Condvar)| {
        drop(condvar.wait_while(let_go.lock().unwrap(), |let_go| **let_go == 0).unwrap());
    };
    let notify = |((let_go, condvar), deadly): ((Shared<u8>, Condvar), u64)| {
        let_go.set(1).unwrap();
        die_at(deadly, || condvar.notify_one()).1
    };
    let args = (let_go.clone(), condvar.clone());
    let start = || Some(engine.spawn(wait, args.clone()).unwrap());
    let mut waiter = start();
    let (killed, _) = sweep_what_varies(&engine, notify, args.clone(), || {
        waiter.take().unwrap().join().unwrap();
        let_go.set(0).unwrap();
        waiter = start();
    });
    assert!(killed > 0, "none was killed");
    let_go.set(1).unwrap();
    condvar.notify_all();
    waiter.take().unwrap().join().unwrap();
}

/// The last to arrive dies: whoever was there has passed, or is told that the barrier is broken.
#[test]
fn at_a_barrier() {
    let engine = engine();
    let barrier = engine.barrier(2).unwrap();
    let meet = |(barrier, deadly): (Barrier, u64)| {
        while barrier.waiting() == 0 {
            std::thread::yield_now();
        }
        die_at(deadly, || barrier.wait().unwrap()).1
    };
    let wait = |barrier: Barrier| match barrier.wait_timeout(IN_TIME) {
        Ok(passed) => passed.is_some().then_some(true),
        Err(Error::BarrierBroken) => Some(false),
        Err(_) => None,
    };
    let start = || Some(engine.spawn(wait, barrier.clone()).unwrap());
    let mut waiter = start();
    let mut passed = [0, 0];
    let (killed, tried) = sweep_what_varies(&engine, meet, barrier.clone(), || {
        let has_passed = waiter.take().unwrap().join().unwrap().expect("it waited in vain");
        passed[usize::from(has_passed)] += 1;
        barrier.reset();
        waiter = start();
    });
    assert!(passed[0] > 1 && passed[1] > 1, "{passed:?}");
    assert!(2 * killed > tried, "{killed} of {tried}");
}
