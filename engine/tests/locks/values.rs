//! Shared values.

use crate::{IN_TIME, SHORT, engine, panic_of};
use bytemuck::{Pod, Zeroable};
use gristmill::{Error, LockError, Shared};

/// _TestValue.test_value: what another process sets is seen, of several types.
#[test]
fn what_another_process_sets_is_seen() {
    let engine = engine();
    let (int, float) = (engine.shared(7i32).unwrap(), engine.shared(3.5f64).unwrap());
    let large = engine.shared(1u64 << 33).unwrap();
    let set = |(int, float, large): (Shared<i32>, Shared<f64>, Shared<u64>)| {
        assert_eq!((int.get().unwrap(), large.get().unwrap()), (7, 1 << 33));
        assert_eq!(int.replace(42).unwrap(), 7);
        float.set(-10.0).unwrap();
        large.update(|large| *large /= 2).unwrap();
    };
    let args = (int.clone(), float.clone(), large.clone());
    engine.spawn(set, args).unwrap().join().unwrap();
    let seen = (int.get().unwrap(), float.get().unwrap(), large.get().unwrap());
    assert_eq!(seen, (42, -10.0, 1 << 32));
}

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Foo {
    x: i64,
    y: f64,
    text: [u8; 1000],
}

/// _TestSharedCTypes.test_sharedctypes, test_copy: structs, and copies that are one's own.
#[test]
fn structs_are_values_too() {
    let engine = engine();
    let foo = engine.shared(Foo { x: 3, y: 2.0, text: [b'h'; 1000] }).unwrap();
    let copy = foo.get().unwrap();
    let double = |foo: Shared<Foo>| {
        let mut foo = foo.lock().unwrap();
        (foo.x, foo.y) = (2 * foo.x, 2.0 * foo.y);
        foo.text.fill(b'e');
    };
    engine.spawn(double, foo.clone()).unwrap().join().unwrap();
    assert_eq!(foo.get().unwrap(), Foo { x: 6, y: 4.0, text: [b'e'; 1000] });
    assert_eq!(copy, Foo { x: 3, y: 2.0, text: [b'h'; 1000] });
}

/// The seed's counter, in all the ways, in processes and in workers: none is lost.
#[test]
fn increments_of_many_processes_all_count() {
    let engine = gristmill::Engine::builder().workers(2).build().unwrap();
    let total = engine.shared(0u64).unwrap();
    let count = |total: Shared<u64>| {
        for turn in 0..1000 {
            match turn % 3 {
                0 => total.update(|total| *total += 1).unwrap(),
                1 => *total.lock().unwrap() += 1,
                _ => *total.lock_timeout(IN_TIME).unwrap().unwrap() += 1,
            }
        }
    };
    let children = [(); 4].map(|()| engine.spawn(count, total.clone()).unwrap());
    let tasks = engine.tasks().map(count, (0..4).map(|_| total.clone())).unwrap();
    assert!(tasks.into_iter().all(|done| done.is_ok()));
    for child in children {
        child.join().unwrap();
    }
    assert_eq!(total.get().unwrap(), 8000);
}

/// _TestValue.test_getobj_getlock: of a value and its lock neither is to be had without the other.
#[test]
fn a_value_is_reached_under_its_lock_alone() {
    let engine = engine();
    let value = engine.shared(1u8).unwrap();
    let guard = value.lock().unwrap();
    let tried = |value: Shared<u8>| {
        let has_it = value.try_lock().unwrap().is_some();
        (has_it, value.wait_until_timeout(SHORT, |_| true).unwrap())
    };
    assert_eq!(engine.spawn(tried, value.clone()).unwrap().join().unwrap(), (false, None));
    for message in [
        panic_of(|| drop(value.get())),
        panic_of(|| drop(value.try_lock())),
        panic_of(|| drop(value.update(|_| ()))),
    ] {
        assert!(message.contains("already holds a shared value"), "{message}");
    }
    drop(guard);
    let nested = panic_of(|| drop(value.update(|_| value.get())));
    assert!(nested.contains("already holds"), "{nested}");
    assert_eq!(value.get().unwrap(), 1);
}

/// A transaction that panics has not been; in place a panic leaves what is there, and it is told.
#[test]
fn a_panic_leaves_the_old_value_of_a_transaction() {
    let engine = engine();
    let pair = engine.shared([1u32, 1]).unwrap();
    let torn = |pair: &mut [u32; 2]| {
        pair[0] = 2;
        panic!("as intended");
    };
    panic_of(|| drop(pair.update(torn)));
    assert_eq!(pair.get().unwrap(), [1, 1]);
    panic_of(|| torn(&mut pair.lock().unwrap()));
    assert!(matches!(pair.get(), Err(Error::OwnerDied { .. })));
    assert!(matches!(pair.update(|_| ()), Err(Error::OwnerDied { .. })));
    assert!(matches!(pair.wait_until(|_| true), Err(Error::OwnerDied { .. })));
    let mut guard = pair.lock().or_else(LockError::accept).unwrap();
    assert_eq!(*guard, [2, 1]);
    guard[1] = 2;
    drop(guard);
    assert_eq!(pair.get().unwrap(), [2, 2]);
}

/// A wait ends by a change, however it is made.
#[test]
fn changes_end_waits() {
    let engine = engine();
    let turn = engine.shared(0u32).unwrap();
    let answer = |turn: Shared<u32>| {
        for n in (1..40).step_by(2) {
            turn.wait_until(|turn| *turn == n).unwrap();
            *turn.lock().unwrap() += 1;
        }
    };
    let child = engine.spawn(answer, turn.clone()).unwrap();
    for n in (0..40).step_by(2) {
        assert_eq!(turn.wait_until(|turn| *turn == n).unwrap(), n);
        turn.update(|turn| *turn += 1).unwrap();
        assert_eq!(turn.wait_until_timeout(SHORT / 20, |turn| *turn == 999).unwrap(), None);
    }
    child.join().unwrap();
}
