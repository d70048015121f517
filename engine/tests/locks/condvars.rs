//! Condvars.

use crate::{IN_TIME, SHORT, engine};
use gristmill::{Condvar, Shared};
use std::time::Instant;

/// How many wait, how many were let go, how many are awake again.
type State = [u32; 3];

/// Waits until it is let go; counted under the lock, which the wait releases at once.
fn sleeper((state, condvar): (Shared<State>, Condvar)) {
    let mut guard = state.lock().unwrap();
    guard[0] += 1;
    let mut guard = condvar.wait_while(guard, |state| state[1] == 0).unwrap();
    guard[1] -= 1;
    guard[2] += 1;
}

/// _TestCondition.test_notify, test_notify_n, test_notify_all: so many are released, in processes and
/// threads.
#[test]
fn notified_are_as_many_as_are_let_go() {
    let engine = engine();
    let (state, condvar) = (engine.shared([0; 3]).unwrap(), engine.condvar().unwrap());
    let children =
        [(); 3].map(|()| engine.spawn(sleeper, (state.clone(), condvar.clone())).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| sleeper((state.clone(), condvar.clone())));
        }
        state.wait_until(|state| state[0] == 6).unwrap();
        for awake in 1..=2 {
            state.update(|state| state[1] += 1).unwrap();
            condvar.notify_one();
            state.wait_until(|state| state[2] == awake).unwrap();
            let more = state.wait_until_timeout(SHORT, |state| state[2] > awake).unwrap();
            assert_eq!(more, None);
        }
        state.update(|state| state[1] += 4).unwrap();
        condvar.notify_all();
        state.wait_until(|state| *state == [6, 0, 6]).unwrap();
    });
    for child in children {
        child.join().unwrap();
    }
}

/// _TestCondition.test_timeout, test_wait_result.
#[test]
fn a_wait_has_an_end() {
    let engine = engine();
    let (lock, condvar) = (engine.mutex().unwrap(), engine.condvar().unwrap());
    let began = Instant::now();
    let (guard, is_in_time) = condvar.wait_timeout(lock.lock().unwrap(), SHORT).unwrap();
    assert!(!is_in_time && began.elapsed() >= SHORT);
    let notify = |(lock, condvar): (gristmill::Mutex, Condvar)| {
        // To be had once the other waits.
        let _guard = lock.lock().unwrap();
        condvar.notify_one();
    };
    let child = engine.spawn(notify, (lock.clone(), condvar.clone())).unwrap();
    let (guard, is_in_time) = condvar.wait_timeout(guard, IN_TIME).unwrap();
    assert!(is_in_time);
    drop(guard);
    child.join().unwrap();
}

/// _TestCondition.test_waitfor, test_waitfor_timeout: a condition on the value under the lock.
#[test]
fn a_condition_is_waited_for() {
    let engine = engine();
    let (value, condvar) = (engine.shared(0u32).unwrap(), engine.condvar().unwrap());
    let wait = |(value, condvar): (Shared<u32>, Condvar)| {
        let guard = value.lock().unwrap();
        let (guard, is_in_time) =
            condvar.wait_while_timeout(guard, IN_TIME, |value| **value < 4).unwrap();
        (*guard, is_in_time)
    };
    let child = engine.spawn(wait, (value.clone(), condvar.clone())).unwrap();
    for _ in 0..4 {
        *value.lock().unwrap() += 1;
        condvar.notify_all();
    }
    assert_eq!(child.join().unwrap(), (4, true));
    let guard = value.lock().unwrap();
    let (guard, is_in_time) =
        condvar.wait_while_timeout(guard, SHORT, |value| **value < 5).unwrap();
    assert_eq!((*guard, is_in_time), (4, false));
}

/// A condvar goes with any of the locks, and a dead owner is told of when it takes the lock again.
#[test]
fn a_death_is_told_of_at_the_end_of_a_wait() {
    let engine = engine();
    let (array, condvar) = (engine.locked_array::<u32, _>(3).unwrap(), engine.condvar().unwrap());
    let die = |(array, condvar): (gristmill::LockedArray<u32, ndarray::Ix1>, Condvar)| {
        let mut guard = array.lock().unwrap();
        guard[0] = 1;
        condvar.notify_all();
        crate::die();
    };
    let guard = array.lock().unwrap();
    let child = engine.spawn(die, (array.clone(), condvar.clone())).unwrap();
    let told = condvar.wait_while(guard, |array| array[0] == 0).unwrap_err();
    assert!(told.accept().unwrap()[0] == 1);
    child.wait();
}
