//! Mutexes, and what becomes once of many attempts.

use crate::{IN_TIME, SHORT, engine, panic_of};
use gristmill::{Error, LockError, Mutex, Once, RunBefore, Shared};
use std::time::Instant;

/// _TestLock.test_lock, test_lock_context, and those of timeouts: taken it is taken for others, and
/// released it is to be had.
#[test]
fn one_at_a_time() {
    let engine = engine();
    let lock = engine.mutex().unwrap();
    let try_it = |lock: Mutex| {
        let began = Instant::now();
        let timed = lock.lock_timeout(SHORT).unwrap().is_some();
        (lock.try_lock().unwrap().is_some(), timed, began.elapsed() >= SHORT)
    };
    let guard = lock.lock().unwrap();
    let tried = engine.spawn(try_it, lock.clone()).unwrap().join().unwrap();
    assert_eq!(tried, (false, false, true));
    drop(guard);
    let (now, timed, _) = engine.spawn(try_it, lock.clone()).unwrap().join().unwrap();
    assert!(now && timed);
}

/// _TestLock.test_rlock: a lock that is taken twice would let its owner see what it guards half
/// changed; here the second time is a panic, and the first goes on.
#[test]
fn a_thread_that_locks_twice_is_told() {
    let engine = engine();
    let lock = engine.mutex().unwrap();
    let guard = lock.lock().unwrap();
    let again = lock.clone();
    for message in [
        panic_of(|| drop(again.lock())),
        panic_of(|| drop(again.try_lock())),
        panic_of(|| drop(again.lock_timeout(SHORT))),
    ] {
        assert!(message.contains("already holds a mutex"), "{message}");
    }
    drop(guard);
    assert!(lock.try_lock().unwrap().is_some(), "and no panic counts as one of the guard's");
}

fn die_with(lock: Mutex) {
    let _guard = lock.lock().or_else(LockError::accept).unwrap();
    crate::die();
}

/// The owner's death is told to everybody until somebody has accepted it.
#[test]
fn a_dead_owner_is_told_of_until_it_is_accepted() {
    let engine = engine();
    let lock = engine.mutex().unwrap();
    engine.spawn(die_with, lock.clone()).unwrap().wait();
    assert!(matches!(lock.lock(), Err(LockError::OwnerDied(_))));
    assert!(matches!(lock.try_lock(), Err(LockError::OwnerDied(_))));
    let told = |lock: Mutex| matches!(lock.lock_timeout(IN_TIME), Err(LockError::OwnerDied(_)));
    assert!(engine.spawn(told, lock.clone()).unwrap().join().unwrap());
    let error: Error = lock.lock().unwrap_err().into();
    assert!(error.to_string().contains("held a mutex"), "{error}");
    drop(lock.lock().or_else(LockError::accept).unwrap());
    drop(lock.lock().unwrap());
    engine.spawn(die_with, lock.clone()).unwrap().wait();
    assert!(lock.lock().is_err(), "a later death is told of again");
}

/// A panic with the lock is told of like a death, one that was there before is not.
#[test]
fn a_panic_is_told_of() {
    struct LocksLate(Mutex);
    impl Drop for LocksLate {
        fn drop(&mut self) {
            drop(self.0.lock().unwrap());
        }
    }
    let engine = engine();
    let (before, within) = (engine.mutex().unwrap(), engine.mutex().unwrap());
    panic_of(|| {
        let _late = LocksLate(before.clone());
        let _guard = within.lock().unwrap();
        panic!("as intended");
    });
    drop(before.lock().unwrap());
    assert!(matches!(within.lock(), Err(LockError::OwnerDied(_))));
}

/// Whoever waits for the lock of a process that is killed gets it.
#[test]
fn the_death_of_the_owner_ends_the_wait() {
    let engine = engine();
    let (lock, taken) = (engine.mutex().unwrap(), engine.event().unwrap());
    let hold = |(lock, taken): (Mutex, gristmill::Event)| {
        let _guard = lock.lock().unwrap();
        taken.set();
        std::thread::sleep(50 * IN_TIME);
    };
    let owner = engine.spawn(hold, (lock.clone(), taken.clone())).unwrap();
    taken.wait();
    let wait = |lock: Mutex| matches!(lock.lock(), Err(LockError::OwnerDied(_)));
    let waiters = [(); 3].map(|()| engine.spawn(wait, lock.clone()).unwrap());
    assert!(lock.lock_timeout(SHORT).unwrap().is_none());
    owner.kill();
    for waiter in waiters {
        assert!(waiter.join().unwrap());
    }
}

fn run((once, runs): (Once, Shared<u32>)) -> bool {
    once.call_once(|before| {
        assert_eq!(before, RunBefore::None);
        runs.update(|runs| *runs += 1).unwrap();
    })
    .unwrap()
}

#[test]
fn many_call_and_one_runs() {
    let engine = engine();
    let (once, runs) = (engine.once().unwrap(), engine.shared(0).unwrap());
    let children = [(); 6].map(|()| engine.spawn(run, (once.clone(), runs.clone())).unwrap());
    let ran = children.into_iter().map(|child| child.join().unwrap());
    assert_eq!(ran.map(u32::from).sum::<u32>(), 1);
    assert!(once.is_done() && !run((once.clone(), runs.clone())));
    assert_eq!(runs.get().unwrap(), 1);
}

/// What died or panicked within is run again, by one that knows.
#[test]
fn a_run_that_failed_is_followed_by_another() {
    let engine = engine();
    let once = engine.once().unwrap();
    let die = |once: Once| drop(once.call_once(|_| crate::die()));
    engine.spawn(die, once.clone()).unwrap().wait();
    assert!(!once.is_done());
    panic_of(|| drop(once.call_once(|before| panic!("{before:?}"))));
    let mut before = RunBefore::None;
    assert!(once.call_once(|met| before = met).unwrap());
    assert_eq!(before, RunBefore::Failed);
    let nested = engine.once().unwrap();
    let message = panic_of(|| drop(nested.call_once(|_| drop(nested.call_once(|_| ())))));
    assert!(message.contains("already holds"), "{message}");
}
