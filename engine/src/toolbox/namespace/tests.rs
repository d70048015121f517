//! Against a plain map as oracle; transactions that are left at each of their stores; threads. The cases
//! of CPython's tests with real processes are in engine/tests/namespace_values.rs.

use super::directory::Span;
use super::writer::Changes;
use super::*;
use crate::error::Error;
use crate::memory::{Budget, Memory, Region};
use crate::shared::seat::{Gone, Seat};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;

fn namespace(bytes: usize) -> Namespace {
    let budget: Budget = Box::new(|_| (64 << 20, "test".into()));
    let memory = Memory::new(Region::create(64 << 20).unwrap(), budget);
    Namespace::make(&Commons::new(memory), bytes).unwrap()
}

/// Runs `work` in a thread that ends with what it holds.
fn in_dying_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

fn failure<T: std::fmt::Debug>(result: Result<T>) -> NamespaceFailure {
    match result {
        Err(Error::Namespace(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[derive(Debug, Clone)]
enum Operation {
    Set(u8, Vec<u8>),
    Push(u8, u8),
    Remove(u8),
    /// Several at once, which are given up if the flag says so.
    Together(Vec<Operation>, bool),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let single = prop_oneof![
        (0u8..6, prop::collection::vec(any::<u8>(), 0..300))
            .prop_map(|(n, v)| Operation::Set(n, v)),
        (0u8..6, any::<u8>()).prop_map(|(name, byte)| Operation::Push(name, byte)),
        (0u8..6).prop_map(Operation::Remove),
    ];
    let together = (prop::collection::vec(single.clone(), 0..5), any::<bool>())
        .prop_map(|(operations, give_up)| Operation::Together(operations, give_up));
    prop::collection::vec(prop_oneof![3 => single, 1 => together], 1..60)
}

type Oracle = BTreeMap<String, Vec<u8>>;

/// The same in both, within a transaction; all that the transaction sees is compared.
fn apply(t: &mut Transaction<'_>, oracle: &mut Oracle, operation: &Operation) -> Result<()> {
    match operation {
        Operation::Set(name, value) => {
            t.set(&name.to_string(), value)?;
            oracle.insert(name.to_string(), value.clone());
        }
        Operation::Push(name, byte) => {
            let push = |value: &mut Vec<u8>| value.push(*byte);
            t.update_or_default(&name.to_string(), push)?;
            push(oracle.entry(name.to_string()).or_default());
        }
        Operation::Remove(name) => {
            let removed = t.remove(&name.to_string())?;
            assert_eq!(removed, oracle.remove(&name.to_string()).is_some());
        }
        Operation::Together(operations, give_up) => {
            operations.iter().try_for_each(|operation| apply(t, oracle, operation))?;
            if *give_up {
                return Err(t.refuse("given up"));
            }
        }
    }
    assert!(t.names()?.iter().eq(oracle.keys()));
    for name in 0..6u8 {
        let name = name.to_string();
        assert_eq!(t.get(&name)?, oracle.get(&name).cloned());
        assert_eq!(t.contains(&name)?, oracle.contains_key(&name));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is done is done, what is given up or does not fit is not, and nothing else changes.
    #[test]
    fn as_a_map_would(operations in operations(), capacity in 600usize..4000) {
        let ns = namespace(capacity);
        let mut oracle = Oracle::new();
        let mut versions = BTreeMap::<String, u64>::new();
        for operation in operations {
            let mut changed = oracle.clone();
            match ns.transaction(|t| apply(t, &mut changed, &operation)) {
                Ok(()) => oracle = changed,
                Err(Error::Namespace(NamespaceFailure::Full { requested, available, .. })) => {
                    prop_assert!(requested > available);
                }
                Err(Error::Namespace(NamespaceFailure::Refused(_))) => {}
                Err(other) => return Err(TestCaseError::fail(other.to_string())),
            }
            prop_assert!(ns.names().unwrap().iter().eq(oracle.keys()));
            for name in 0..6u8 {
                let name = name.to_string();
                let found = ns.get_versioned::<Vec<u8>>(&name).unwrap();
                let version = found.as_ref().map_or(0, |(_, version)| *version);
                prop_assert_eq!(found.map(|(value, _)| value), oracle.get(&name).cloned());
                let before = versions.insert(name.clone(), version).unwrap_or(0);
                prop_assert!(version == 0 || version >= before);
            }
        }
    }
}

/// Both names are to have this value.
fn both(value: u64) -> Changes {
    let staged = || {
        let bytes = postcard::to_stdvec(&value).unwrap();
        Some(Staged { type_name: std::any::type_name::<u64>(), bytes })
    };
    Changes::from([("x".into(), staged()), ("y".into(), staged())])
}

/// How far a transaction comes before its thread ends with the lock.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Left {
    Locked,
    Values,
    Root,
    Published,
}

fn leave(ns: &Namespace, changes: &Changes, left: Left) {
    in_dying_thread(|| {
        let store = ns.store();
        let writer = Writer::begin_at_last(store).unwrap();
        let next = store.words().generation.0.load(Relaxed) + 1;
        match left {
            Left::Locked => {}
            Left::Values => {
                writer.prepare(changes).unwrap();
                // The root as it was before, of two generations ago.
                store.set_root(next - 2, Span { offset: 0, bytes: 0 }, &[]);
            }
            Left::Root => assert_eq!(writer.prepare(changes), Ok(next)),
            Left::Published => writer.publish(writer.prepare(changes).unwrap()),
        }
        std::mem::forget(writer);
    });
}

#[test]
fn a_transaction_that_is_left_anywhere_is_whole_or_was_not() {
    let ns = namespace(4096);
    ns.transaction(|t| t.set("x", &0u64).and_then(|()| t.set("y", &0u64))).unwrap();
    let mut expected = 0u64;
    for (turn, left) in
        (1..).zip([Left::Locked, Left::Values, Left::Root, Left::Published].repeat(5))
    {
        leave(&ns, &both(turn), left);
        expected = if left == Left::Published { turn } else { expected };
        let read = || (ns.get("x").unwrap(), ns.get("y").unwrap());
        assert_eq!(read(), (Some(expected), Some(expected)), "{left:?}: before the next owner");
        ns.update("x", |x: &mut u64| assert_eq!(*x, expected)).unwrap();
        assert_eq!(read(), (Some(expected), Some(expected)), "{left:?}: after it");
    }
}

#[test]
fn who_waits_learns_of_a_change_whose_maker_died_before_telling() {
    let ns = namespace(4096);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| ns.wait_newer("x", 0));
        leave(&ns, &both(7), Left::Published);
        let gone = Gone { seat: Seat::of_worker(0), cleanly: false };
        Store::bury(ns.anchor.region(), ns.anchor.offset(), gone);
        assert_eq!(waiter.join().unwrap().unwrap(), ns.version("x").unwrap());
    });
}

#[test]
fn waits_end_with_the_change_or_with_their_time() {
    let ns = namespace(4096);
    ns.set("x", &1).unwrap();
    let first = ns.version("x").unwrap();
    assert_eq!(ns.wait_newer("x", first - 1).unwrap(), first);
    let brief = Duration::from_millis(5);
    assert_eq!(ns.wait_newer_timeout("x", first, brief).unwrap(), None);
    assert_eq!(ns.wait_newer_timeout("y", 0, Duration::ZERO).unwrap(), None);
    let (started, starts) = mpsc::channel();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            started.send(()).unwrap();
            ns.wait_newer_timeout("x", first, Duration::MAX)
        });
        starts.recv().unwrap();
        ns.set("y", &1).unwrap();
        ns.remove("x").unwrap();
        ns.set("x", &2).unwrap();
        let newer = waiter.join().unwrap().unwrap().unwrap();
        assert_eq!((newer, ns.version("x").unwrap()), (first + 3, first + 3));
    });
}

/// The seed's counter, with threads.
#[test]
fn increments_all_count() {
    let ns = namespace(4096);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    ns.update_or_default("x", |x: &mut u32| *x += 1).unwrap();
                }
            });
        }
    });
    assert_eq!(ns.get("x").unwrap(), Some(1000u32));
}

/// Readers take no lock, so what they copy is written over now and then; they must not give that.
#[test]
fn readers_see_whole_values() {
    let ns = namespace(64 << 10);
    let value = |n: u64| vec![n | 1 << 40; 1000];
    ns.set("x", &value(0)).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..500).for_each(|n| ns.set("x", &value(n)).unwrap()));
        while !writer.is_finished() {
            let (read, version) = ns.get_versioned::<Vec<u64>>("x").unwrap().unwrap();
            assert!(read.len() == 1000 && read.iter().all(|n| *n == read[0]));
            // Generation 2 is the first to have it, and 3 the first of the writer's.
            assert_eq!(read[0] & 0xffff, version.saturating_sub(3));
        }
    });
}

#[test]
fn what_panics_leaves_the_old_values() {
    let ns = namespace(4096);
    ns.set("x", &vec![1, 2]).unwrap();
    let version = ns.version("x").unwrap();
    let panicking = || {
        ns.transaction(|t| {
            t.set("y", &0)?;
            t.update("x", |x: &mut Vec<i32>| {
                x.clear();
                assert!(!x.is_empty(), "as it is to be");
            })
        })
    };
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(panicking));
    assert!(panicked.is_err());
    assert_eq!((ns.get("x").unwrap(), ns.version("x").unwrap()), (Some(vec![1, 2]), version));
    assert_eq!(ns.names().unwrap(), ["x"]);
    ns.update("x", |x: &mut Vec<i32>| x.push(3)).unwrap();
    assert_eq!(ns.get("x").unwrap(), Some(vec![1, 2, 3]));
}

#[test]
fn use_within_its_own_transaction_is_told() {
    let (ns, other) = (namespace(4096), namespace(4096));
    ns.set("x", &1).unwrap();
    let clone = ns.clone();
    let told = ns.update("x", |x: &mut i32| {
        *x = 2;
        other.set("y", &3).unwrap();
        [
            failure(clone.get::<i32>("x").map(|_| ())),
            failure(clone.set("x", &4)),
            failure(clone.names().map(|_| ())),
            failure(clone.wait_newer("x", 100).map(|_| ())),
        ]
    });
    assert!(told.unwrap().iter().all(|failure| *failure == NamespaceFailure::Reentered));
    assert_eq!((ns.get("x").unwrap(), other.get("y").unwrap()), (Some(2), Some(3)));
}

#[test]
fn what_does_not_fit_changes_nothing() {
    let ns = namespace(1000);
    ns.set("x", &vec![7u8; 100]).unwrap();
    let version = ns.version("x").unwrap();
    let full =
        failure(ns.transaction(|t| t.set("y", &1).and_then(|()| t.set("x", &vec![8u8; 900]))));
    // 1000 bytes are 16 units; the old value has 2 of them, its directory 1.
    let expected = NamespaceFailure::Full { requested: 902, available: 13 * 64, capacity: 1024 };
    assert_eq!(full, expected);
    assert_eq!((ns.get("x").unwrap(), ns.version("x").unwrap()), (Some(vec![7u8; 100]), version));
    assert_eq!(ns.names().unwrap(), ["x"]);
}

#[test]
fn types_and_names_that_are_not_there_are_told() {
    let ns = namespace(4096);
    ns.set("x", &1u8).unwrap();
    let other = NamespaceFailure::OtherType {
        name: "x".into(),
        held: "u8".into(),
        asked: "alloc::vec::Vec<u8>".into(),
    };
    assert_eq!(failure(ns.get::<Vec<u8>>("x").map(|_| ())), other);
    assert_eq!(failure(ns.update_or_default("x", |x: &mut Vec<u8>| x.push(1))), other);
    let absent = NamespaceFailure::Absent { name: "y".into() };
    assert_eq!(failure(ns.update("y", |y: &mut u8| *y += 1)), absent);
    ns.set("x", &vec![1u8]).unwrap();
    assert_eq!(ns.get("x").unwrap(), Some(vec![1u8]), "a value of another type may take its place");
}

#[test]
fn wild_writes_are_told_and_block_nobody() {
    let ns = namespace(4096);
    ns.set("x", &1u8).unwrap();
    let store = ns.store();
    let current = store.words().generation.0.load(Relaxed);
    let whole = store.directory(current).unwrap();
    for at in [Span { offset: 0, bytes: 7 }, Span { offset: 64, bytes: u64::MAX }] {
        store.set_root(current, at, b"another");
        assert_eq!(failure(ns.get::<u8>("x").map(|_| ())), NamespaceFailure::Damaged);
        assert_eq!(failure(ns.set("x", &2u8)), NamespaceFailure::Damaged);
    }
    store.set_root(current, whole.at, &whole.bytes);
    ns.set("x", &2u8).unwrap();
    assert_eq!(ns.get("x").unwrap(), Some(2u8));
}
