//! Handles where nobody expects them any more: after the engine's end, before a child has its own, and
//! in a worker that has kept one.

use crate::support::run_task;
use crate::{IN_TIME, engine, support};
use gristmill::{Barrier, Event, LockError, RwLock, Semaphore};
use std::sync::Mutex;

/// Killed as it starts, it has unpacked nothing; but the others wait for it.
#[test]
fn a_child_that_is_killed_before_it_has_a_handle_breaks_the_barrier() {
    let engine = engine();
    for _ in 0..5 {
        let barrier = engine.barrier(2).unwrap();
        let meet = |barrier: Barrier| barrier.wait().map(drop).is_ok();
        engine.spawn(meet, barrier.clone()).unwrap().kill();
        // It may have come as far as that.
        let met = barrier.wait_timeout(IN_TIME);
        assert!(!matches!(met, Ok(None)), "it waits for the dead");
    }
}

fn hold((lock, sem, seen): (RwLock<u64>, Semaphore, Event)) {
    let permit = sem.acquire();
    let guard = lock.write().unwrap();
    seen.set();
    loop {
        std::thread::park();
        let _ = (&permit, &guard);
    }
}

/// Workers are killed at the engine's end; handles outlive it.
#[test]
fn nobody_waits_for_a_worker_of_an_engine_that_has_ended() {
    let engine = support::engine(1);
    let (lock, sem) = (engine.rw_lock(0u64).unwrap(), engine.semaphore(1, 1).unwrap());
    let seen = engine.event().unwrap();
    // In a thread of its own, so that the task ends.
    let hold_on = |args: (RwLock<u64>, Semaphore, Event)| {
        std::thread::spawn(|| hold(args));
    };
    run_task(&engine, hold_on, (lock.clone(), sem.clone(), seen.clone()));
    seen.wait();
    drop(engine);
    match lock.read_timeout(IN_TIME) {
        Err(LockError::OwnerDied(_)) => {}
        other => panic!("{other:?}"),
    }
    assert!(sem.acquire_timeout(IN_TIME).is_some());
}

static KEPT: Mutex<Vec<Event>> = Mutex::new(vec![]);

/// What a worker has kept a handle of is not made into something else.
#[test]
fn a_handle_that_a_worker_has_kept_is_of_the_same_thing() {
    let engine = support::engine(1);
    for _ in 0..3 {
        let event = engine.event().unwrap();
        run_task(&engine, |event: Event| KEPT.lock().unwrap().push(event), event.clone());
        drop(event);
        let others = [(); 8].map(|()| engine.event().unwrap());
        run_task(&engine, |()| KEPT.lock().unwrap().iter().for_each(Event::set), ());
        assert!(others.iter().all(|other| !other.is_set()));
    }
}

/// A forked child has no region: what it drops of its parent's handles is not its own.
#[test]
fn a_forked_child_can_drop_handles() {
    let engine = support::engine(1);
    let event = engine.event().unwrap();
    let fork = |event: Event| {
        // SAFETY: the child frees memory and ends, and no other thread of a worker holds the allocator.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop(event);
            // SAFETY: ends at once.
            unsafe { libc::_exit(7) };
        }
        event.set();
        nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(child), None).unwrap()
    };
    let fork = move |event| matches!(fork(event), nix::sys::wait::WaitStatus::Exited(_, 7));
    assert!(run_task(&engine, fork, event.clone()) && event.is_set());
}
