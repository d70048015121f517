//! Locks of readers and writers.

use crate::{IN_TIME, SHORT, engine, panic_of};
use gristmill::{Error, Event, LockError, RwLock};

/// Many read at once; who writes is alone.
#[test]
fn readers_share_and_writers_do_not() {
    let engine = engine();
    let lock = engine.rw_lock(1u32).unwrap();
    let try_all = |lock: RwLock<u32>| {
        let reads = lock.try_read().unwrap().map(|value| *value);
        let waited = lock.write_timeout(SHORT).unwrap().is_some();
        (reads, lock.try_write().unwrap().is_some() || waited)
    };
    let tried = || engine.spawn(try_all, lock.clone()).unwrap().join().unwrap();
    let guard = lock.read().unwrap();
    assert_eq!(tried(), (Some(1), false));
    drop(guard);
    let mut guard = lock.write().unwrap();
    *guard = 2;
    assert_eq!(tried(), (None, false));
    drop(guard);
    assert_eq!(tried(), (Some(2), true));
    assert_eq!(lock.read_timeout(SHORT).unwrap().map(|value| *value), Some(2));
}

/// What is written is read whole, and nothing that is written is lost.
#[test]
fn nobody_reads_what_is_half_written() {
    let engine = engine();
    let lock = engine.rw_lock([0u64; 100]).unwrap();
    let work = |lock: RwLock<[u64; 100]>| {
        for turn in 0..300 {
            let seen = lock.read().unwrap();
            assert!(seen.iter().all(|value| *value == seen[0]));
            drop(seen);
            match turn % 3 {
                0 => lock.write().unwrap().iter_mut().for_each(|value| *value += 1),
                1 => lock.update(|all| all.iter_mut().for_each(|value| *value += 1)).unwrap(),
                _ => assert!(lock.get().unwrap()[99] > 0),
            }
        }
    };
    let children = [(); 4].map(|()| engine.spawn(work, lock.clone()).unwrap());
    for child in children {
        child.join().unwrap();
    }
    assert_eq!(lock.get().unwrap(), [800; 100]);
}

/// A thread that would wait for itself is told; one that reads may read again, though another waits
/// to write.
#[test]
fn a_thread_does_not_wait_for_itself() {
    let engine = engine();
    let (lock, claimed) = (engine.rw_lock(0u8).unwrap(), engine.event().unwrap());
    let outer = lock.read().unwrap();
    let message = panic_of(|| drop(lock.try_write()));
    assert!(message.contains("would wait for itself"), "{message}");
    let write = |(lock, claimed): (RwLock<u8>, Event)| {
        claimed.set();
        *lock.write().unwrap() = 1;
    };
    let writer = engine.spawn(write, (lock.clone(), claimed.clone())).unwrap();
    claimed.wait();
    // Until the writer keeps others out.
    std::thread::scope(|scope| {
        scope.spawn(|| while lock.try_read().unwrap().is_some() {});
    });
    assert_eq!(*lock.read().unwrap(), 0);
    drop(outer);
    writer.join().unwrap();
    let guard = lock.write().unwrap();
    for message in [panic_of(|| drop(lock.read())), panic_of(|| drop(lock.write()))] {
        assert!(message.contains("already holds"), "{message}");
    }
    drop(guard);
}

/// A dead reader is nobody's concern; a dead writer is told of to readers and writers.
#[test]
fn deaths_of_readers_and_writers() {
    let engine = engine();
    let lock = engine.rw_lock([0u32; 2]).unwrap();
    let die_reading = |lock: RwLock<[u32; 2]>| {
        let _guard = lock.read().unwrap();
        crate::die()
    };
    engine.spawn(die_reading, lock.clone()).unwrap().wait();
    lock.write_timeout(IN_TIME).unwrap().unwrap()[1] = 1;
    let die_writing = |lock: RwLock<[u32; 2]>| {
        let mut guard = lock.write().unwrap();
        guard[0] = 1;
        crate::die()
    };
    engine.spawn(die_writing, lock.clone()).unwrap().wait();
    let told = lock.read().unwrap_err();
    assert_eq!(*told.accept().unwrap(), [1, 1]);
    assert!(matches!(lock.get(), Err(Error::OwnerDied { .. })), "a reader puts nothing right");
    assert!(matches!(lock.update(|_| ()), Err(Error::OwnerDied { .. })));
    drop(lock.write().or_else(LockError::accept).unwrap());
    assert_eq!(lock.get().unwrap(), [1, 1]);
    panic_of(|| drop(lock.update(|_| panic!("as intended"))));
    assert_eq!(lock.get().unwrap(), [1, 1]);
}
