//! Shared values, and deaths before any instruction of their transactions. The cases of CPython's
//! `_TestValue` and `_TestSharedCTypes` (test/_test_multiprocessing.py) are named where they are
//! mirrored.

mod support;

use bytemuck::{Pod, Zeroable};
use gristmill::{Engine, Shared};
use std::time::Duration;
use support::stepping::{deadly_steps, die_at};

fn engine() -> Engine {
    Engine::builder().workers(0).build().unwrap()
}

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Body {
    place: [f64; 3],
    mass: f64,
    name: [u8; 24],
}

/// test_value, test_sharedctypes, test_copy: each type keeps its value on both sides.
#[test]
fn values_of_any_plain_type() {
    let engine = engine();
    let byte = engine.shared(5u8).unwrap();
    let body = Body { place: [1.0, 2.0, 3.0], mass: 4.0, name: *b"a body of 24 bytes long!" };
    let shared = engine.shared(body).unwrap();
    let double = |(byte, body): (Shared<u8>, Shared<Body>)| {
        byte.update(|byte| *byte *= 2).unwrap();
        body.update(|body| body.place.iter_mut().for_each(|x| *x *= 2.0)).unwrap();
    };
    engine.spawn(double, (byte.clone(), shared.clone())).unwrap().join().unwrap();
    assert_eq!(byte.get().unwrap(), 10);
    assert_eq!(shared.get().unwrap(), Body { place: [2.0, 4.0, 6.0], ..body });
    assert_eq!(byte.replace(7).unwrap(), 10);
    assert_eq!(byte.get().unwrap(), 7);
}

/// The seed's ten processes with ten increments each.
#[test]
fn all_increments_count() {
    let engine = Engine::builder().workers(2).build().unwrap();
    let counter = engine.shared(0u64).unwrap();
    let count = |counter: Shared<u64>| {
        for _ in 0..1000 {
            counter.update(|n| *n += 1).unwrap();
        }
    };
    let processes: Vec<_> = (0..4).map(|_| engine.spawn(count, counter.clone()).unwrap()).collect();
    let tasks = engine.tasks().map(count, (0..4).map(|_| counter.clone())).unwrap();
    assert!(tasks.into_iter().all(|done| done.is_ok()));
    processes.into_iter().for_each(|process| process.join().unwrap());
    assert_eq!(counter.get().unwrap(), 8000);
}

#[test]
fn a_change_is_waited_for() {
    let engine = engine();
    let value = engine.shared(0u32).unwrap();
    assert_eq!(value.wait_until_timeout(Duration::from_millis(10), |v| *v > 0).unwrap(), None);
    let waiter = engine.spawn(|v: Shared<u32>| v.wait_until(|v| *v == 3).unwrap(), value.clone());
    (0..3).for_each(|_| value.update(|v| *v += 1).unwrap());
    assert_eq!(waiter.unwrap().join().unwrap(), 3);
}

#[test]
fn a_panic_inside_leaves_the_old_value() {
    let value = engine().shared(1u32).unwrap();
    let panicking = || {
        value.update(|v| {
            *v = 2;
            panic!("in the middle");
        })
    };
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panicking)).is_err());
    assert_eq!(value.get().unwrap(), 1);
}

#[test]
#[should_panic(expected = "within its own transaction")]
fn a_transaction_within_itself_is_told() {
    let value = engine().shared(1u32).unwrap();
    let _ = value.clone().update(|v| *v = value.get().unwrap());
}

/// Killed before any instruction: the value is the old or the new one, and nobody is blocked.
#[test]
fn killed_in_a_transaction() {
    let engine = engine();
    let value = engine.shared([0u64; 4]).unwrap();
    let run = |(value, deadly): (Shared<[u64; 4]>, u64)| {
        die_at(deadly, || value.update(|all| all.iter_mut().for_each(|n| *n += 1)).unwrap()).1
    };
    let steps = engine.spawn(run, (value.clone(), u64::MAX)).unwrap().join().unwrap();
    for deadly in deadly_steps(steps) {
        let before = value.get().unwrap();
        engine.spawn(run, (value.clone(), deadly)).unwrap().wait();
        let after = value.get().unwrap();
        assert!(after == before || after == before.map(|n| n + 1), "{after:?} at {deadly}");
    }
}
