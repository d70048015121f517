//! Semaphores.

use crate::{IN_TIME, SHORT, engine};
use gristmill::{Error, Event, Semaphore, Shared};
use std::time::Instant;

/// _TestSemaphore.test_semaphore, test_timeout.
#[test]
fn no_more_than_there_are_permits() {
    let engine = engine();
    let sem = engine.semaphore(2, 2).unwrap();
    let (one, other) = (sem.acquire(), sem.acquire());
    assert_eq!(sem.available(), 0);
    let began = Instant::now();
    assert!(sem.try_acquire().is_none() && sem.acquire_timeout(SHORT).is_none());
    assert!(began.elapsed() >= SHORT);
    let get = |sem: Semaphore| sem.acquire_timeout(IN_TIME).is_some();
    let child = engine.spawn(get, sem.clone()).unwrap();
    drop(one);
    assert!(child.join().unwrap());
    drop(other);
    assert_eq!(sem.available(), 2);
}

/// _TestSemaphore.test_bounded_semaphore: more than the bound is an error, and nothing was added.
#[test]
fn the_bound_holds() {
    let engine = engine();
    let sem = engine.semaphore(1, 3).unwrap();
    assert!(matches!(sem.add_permits(3), Err(Error::Limit { asked: 3, limit: 2, .. })));
    assert_eq!(sem.available(), 1);
    sem.add_permits(2).unwrap();
    sem.acquire().forget();
    assert_eq!(sem.available(), 2);
    sem.add_permits(1).unwrap();
    assert!(engine.semaphore(4, 3).is_err() && engine.semaphore(1, 1 << 17).is_err());
}

/// Acquired in one process, released in another, as Python's can be.
#[test]
fn permits_go_over_to_another_process() {
    let engine = engine();
    let sem = engine.semaphore(0, 5).unwrap();
    let consume = |sem: Semaphore| (0..100).for_each(|_| sem.acquire().forget());
    let child = engine.spawn(consume, sem.clone()).unwrap();
    let mut added = 0;
    while added < 100 {
        match sem.add_permits(1) {
            Ok(()) => added += 1,
            Err(_) => std::thread::yield_now(),
        }
    }
    child.join().unwrap();
    assert_eq!(sem.available(), 0);
}

/// Never more within than there are permits, whoever comes.
#[test]
fn never_more_within() {
    let engine = engine();
    let (sem, within) = (engine.semaphore(2, 2).unwrap(), engine.shared([0u32; 2]).unwrap());
    let work = |(sem, within): (Semaphore, Shared<[u32; 2]>)| {
        for _ in 0..200 {
            let _permit = sem.acquire();
            within.update(|[now, most]| (*now, *most) = (*now + 1, (*most).max(*now + 1))).unwrap();
            within.update(|[now, _]| *now -= 1).unwrap();
        }
    };
    let children = [(); 4].map(|()| engine.spawn(work, (sem.clone(), within.clone())).unwrap());
    for child in children {
        child.join().unwrap();
    }
    let [now, most] = within.get().unwrap();
    assert!(now == 0 && most <= 2, "{most}");
}

/// The permit of a dead process returns, to whoever waits for one, and says so.
#[test]
fn the_permit_of_the_dead_returns() {
    let engine = engine();
    let (sem, taken) = (engine.semaphore(1, 1).unwrap(), engine.event().unwrap());
    let hold = |(sem, taken): (Semaphore, Event)| {
        let _permit = sem.acquire();
        taken.set();
        std::thread::sleep(50 * IN_TIME);
    };
    let holder = engine.spawn(hold, (sem.clone(), taken.clone())).unwrap();
    taken.wait();
    let waiter = engine.spawn(|sem: Semaphore| sem.acquire().holder_died(), sem.clone()).unwrap();
    assert!(sem.try_acquire().is_none());
    holder.kill();
    assert!(waiter.join().unwrap());
    assert!(!sem.acquire().holder_died());
    // One that ends well has forgotten to give it back, and did what it was to do.
    let forgetful = |sem: Semaphore| std::mem::forget(sem.acquire());
    engine.spawn(forgetful, sem.clone()).unwrap().join().unwrap();
    let permit = sem.acquire_timeout(IN_TIME).unwrap();
    assert!(!permit.holder_died());
    drop(permit);
    engine
        .spawn(
            |sem: Semaphore| {
                let _permit = sem.acquire();
                crate::die()
            },
            sem.clone(),
        )
        .unwrap()
        .wait();
    assert_eq!(sem.available(), 1);
}
