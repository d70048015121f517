//! Barriers.

use crate::{IN_TIME, SHORT, engine};
use gristmill::{Barrier, BarrierWait, Error, Shared};

fn is_broken(result: gristmill::Result<BarrierWait>) -> bool {
    matches!(result, Err(Error::BarrierBroken))
}

/// Meets the others some times; at each, all have arrived before any goes on.
fn meet((barrier, arrived, times): (Barrier, Shared<u32>, u32)) -> u32 {
    let mut leads = 0;
    for time in 0..times {
        arrived.update(|arrived| *arrived += 1).unwrap();
        let passed = barrier.wait().unwrap();
        assert!(passed.index() < barrier.parties());
        leads += u32::from(passed.is_leader());
        assert!(arrived.get().unwrap() >= (time + 1) * barrier.parties() as u32);
    }
    leads
}

/// _TestBarrier.test_barrier, test_barrier_10, test_wait_return, test_action, test_thousand: one leader
/// a time, which is to do what the action does.
#[test]
fn all_meet_before_any_goes_on() {
    let engine = engine();
    let (barrier, arrived) = (engine.barrier(5).unwrap(), engine.shared(0).unwrap());
    let args = (barrier.clone(), arrived.clone(), 200);
    let children = [(); 4].map(|()| engine.spawn(meet, args.clone()).unwrap());
    let mut leads = meet(args);
    for child in children {
        leads += child.join().unwrap();
    }
    assert_eq!((leads, barrier.waiting(), barrier.is_broken()), (200, 0, false));
}

/// _TestBarrier.test_single_thread; and none is too few.
#[test]
fn one_alone_passes() {
    let engine = engine();
    let barrier = engine.barrier(1).unwrap();
    assert!(barrier.wait().unwrap().is_leader() && barrier.wait().unwrap().is_leader());
    assert!(engine.barrier(0).is_err() && engine.barrier(1 << 15).is_err());
}

fn until_waiting(barrier: &Barrier, count: usize) {
    while barrier.waiting() != count {
        std::thread::yield_now();
    }
}

/// _TestBarrier.test_abort, test_reset, test_abort_and_reset.
#[test]
fn aborted_and_reset() {
    let engine = engine();
    let barrier = engine.barrier(3).unwrap();
    let wait = |barrier: Barrier| matches!(barrier.wait(), Err(Error::BarrierBroken));
    let waiting = || [(); 2].map(|()| engine.spawn(wait, barrier.clone()).unwrap());
    for ended in [Barrier::abort, Barrier::reset] {
        let children = waiting();
        until_waiting(&barrier, 2);
        ended(&barrier);
        for child in children {
            assert!(child.join().unwrap());
        }
        if barrier.is_broken() {
            assert!(is_broken(barrier.wait()));
            barrier.reset();
        }
    }
    let children = waiting();
    barrier.wait().unwrap();
    for child in children {
        assert!(!child.join().unwrap(), "it is whole again");
    }
}

/// _TestBarrier.test_timeout, test_default_timeout: who has waited long enough breaks it for all.
#[test]
fn a_wait_that_is_over_breaks_it() {
    let engine = engine();
    let barrier = engine.barrier(3).unwrap();
    let child = engine.spawn(|barrier: Barrier| barrier.wait().is_err(), barrier.clone()).unwrap();
    until_waiting(&barrier, 1);
    assert_eq!(barrier.wait_timeout(SHORT).unwrap(), None);
    assert!(barrier.is_broken() && child.join().unwrap());
}

/// Nobody waits for the dead, whether they had come or not; who ends well is not missed.
#[test]
fn a_death_breaks_it() {
    let engine = engine();
    let barrier = engine.barrier(3).unwrap();
    engine.spawn(|_: Barrier| (), barrier.clone()).unwrap().join().unwrap();
    assert!(!barrier.is_broken());
    let wait =
        |barrier: Barrier| matches!(barrier.wait_timeout(IN_TIME), Err(Error::BarrierBroken));
    let waiter = engine.spawn(wait, barrier.clone()).unwrap();
    until_waiting(&barrier, 1);
    engine.spawn(|_: Barrier| crate::die(), barrier.clone()).unwrap().wait();
    assert!(waiter.join().unwrap() && is_broken(barrier.wait()));
    barrier.reset();
    let killed = engine.spawn(|barrier: Barrier| barrier.wait().is_ok(), barrier.clone()).unwrap();
    until_waiting(&barrier, 1);
    killed.kill();
    assert!(is_broken(barrier.wait()));
}
