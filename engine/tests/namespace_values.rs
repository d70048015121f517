//! Namespaces among real processes, and their deaths. The cases of CPython's `_TestContainers`,
//! `_TestMyManager` and `TestSyncManagerTypes` (test/_test_multiprocessing.py) are named where they are
//! mirrored; `_TestManagerRestart` has no counterpart, as there is no server that could be down.

mod support;

use gristmill::{Error, Event, Namespace, NamespaceFailure, Transaction};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use support::engine;

/// _TestContainers.test_namespace, TestSyncManagerTypes.test_namespace.
#[test]
fn names_are_set_read_and_removed_by_any_process() {
    let engine = engine(0);
    let ns = engine.namespace(4096).unwrap();
    ns.set("name", &"Bob".to_string()).unwrap();
    ns.set("job", &"Builder".to_string()).unwrap();
    let child = engine.spawn(
        |ns: Namespace| {
            let read = (ns.get("name").unwrap(), ns.get("job").unwrap());
            assert!(ns.remove("job").unwrap() && !ns.remove("job").unwrap());
            ns.set("age", &41).unwrap();
            read
        },
        ns.clone(),
    );
    let read: (Option<String>, Option<String>) = child.unwrap().join().unwrap();
    assert_eq!(read, (Some("Bob".into()), Some("Builder".into())));
    assert_eq!(ns.names().unwrap(), ["age", "name"]);
    assert_eq!((ns.get("age").unwrap(), ns.contains("job").unwrap()), (Some(41), false));
}

/// _TestContainers.test_list, TestSyncManagerTypes.test_list.
#[test]
fn a_list_is_changed_in_place() {
    let engine = engine(0);
    let ns = engine.namespace(4096).unwrap();
    ns.set("b", &Vec::<i32>::new()).unwrap();
    ns.update("b", |b: &mut Vec<i32>| b.extend(0..5)).unwrap();
    let double = |ns: Namespace| {
        ns.update("b", |b: &mut Vec<i32>| {
            b.extend_from_within(..);
            (b[2], b[2..5].to_vec())
        })
        .unwrap()
    };
    assert_eq!(engine.spawn(double, ns.clone()).unwrap().join().unwrap(), (2, vec![2, 3, 4]));
    assert_eq!(ns.get("b").unwrap(), Some(vec![0, 1, 2, 3, 4, 0, 1, 2, 3, 4]));
    let popped = ns.update("b", |b: &mut Vec<i32>| b.pop()).unwrap();
    assert_eq!(popped, Some(4));
}

/// _TestContainers.test_list_proxy_in_list, and the seed's lost append: what is nested is changed, too.
#[test]
fn nested_lists_are_changed_in_place() {
    let engine = engine(0);
    let ns = engine.namespace(4096).unwrap();
    ns.set("a", &vec![vec![0, 1, 2]; 3]).unwrap();
    let change = |ns: Namespace| {
        ns.update("a", |a: &mut Vec<Vec<i32>>| {
            a[0][2] = 55;
            a[1].pop()
        })
        .unwrap()
    };
    assert_eq!(engine.spawn(change, ns.clone()).unwrap().join().unwrap(), Some(2));
    let expected = vec![vec![0, 1, 55], vec![0, 1], vec![0, 1, 2]];
    assert_eq!(ns.get("a").unwrap(), Some(expected));
}

/// _TestContainers.test_dict, TestSyncManagerTypes.test_dict.
#[test]
fn a_map_is_changed_in_place() {
    let engine = engine(0);
    let ns = engine.namespace(4096).unwrap();
    for index in 65..70u8 {
        let insert = |(ns, index): (Namespace, u8)| {
            let insert = |d: &mut BTreeMap<u8, char>| d.insert(index, index.into());
            ns.update_or_default("d", insert).unwrap()
        };
        let process = engine.spawn(insert, (ns.clone(), index)).unwrap();
        assert_eq!(process.join().unwrap(), None);
    }
    let expected: BTreeMap<u8, char> = (65..70).map(|index| (index, index.into())).collect();
    assert_eq!(ns.get("d").unwrap(), Some(expected));
    let popped = ns.update("d", |d: &mut BTreeMap<u8, char>| d.pop_first()).unwrap();
    assert_eq!(popped, Some((65, 'A')));
}

/// _TestContainers.test_dict_proxy_nested.
#[test]
fn nested_maps_are_changed_in_place() {
    type Stock = BTreeMap<String, BTreeMap<String, u32>>;
    let engine = engine(0);
    let ns = engine.namespace(4096).unwrap();
    let of = |pairs: &[(&str, u32)]| pairs.iter().map(|(k, v)| (k.to_string(), *v)).collect();
    let pets = of(&[("ferrets", 2), ("hamsters", 4)]);
    let supplies = of(&[("water", 10), ("feed", 3)]);
    let stock = Stock::from([("pets".into(), pets), ("supplies".into(), supplies)]);
    ns.set("d", &stock).unwrap();
    let change = |ns: Namespace| {
        ns.update("d", |d: &mut Stock| {
            let supplies = d.get_mut("supplies").unwrap();
            supplies.insert("blankets".into(), 5);
            *supplies.get_mut("water").unwrap() = 7;
        })
        .unwrap();
    };
    engine.spawn(change, ns.clone()).unwrap().join().unwrap();
    let d: Stock = ns.get("d").unwrap().unwrap();
    assert_eq!(d["supplies"], of(&[("blankets", 5), ("feed", 3), ("water", 7)]));
    assert_eq!(d["pets"]["ferrets"], 2);
}

/// _TestContainers.test_nested_queue: what is shared lies in what is shared, with no server between.
#[test]
fn a_handle_in_a_namespace_is_what_it_is_of() {
    let engine = engine(0);
    let outer = engine.namespace(4096).unwrap();
    let inner = engine.namespace(4096).unwrap();
    outer.set("inner", &vec![inner.clone()]).unwrap();
    drop(inner);
    let fill = |outer: Namespace| {
        let inner: Vec<Namespace> = outer.get("inner").unwrap().unwrap();
        inner[0].set("x", &123).unwrap();
    };
    engine.spawn(fill, outer.clone()).unwrap().join().unwrap();
    let inner: Vec<Namespace> = outer.get("inner").unwrap().unwrap();
    assert_eq!(inner[0].get("x").unwrap(), Some(123));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct FooBar {
    f: Option<Box<FooBar>>,
    g: Result<u8, String>,
}

/// _TestMyManager: any type will do, unregistered.
#[test]
fn values_of_ones_own_types() {
    let engine = engine(0);
    let ns = engine.namespace(4096).unwrap();
    let make = |ns: Namespace| {
        let leaf = FooBar { f: None, g: Err("ValueError".into()) };
        ns.set("foo", &FooBar { f: Some(Box::new(leaf)), g: Ok(1) }).unwrap();
    };
    engine.spawn(make, ns.clone()).unwrap().join().unwrap();
    let foo: FooBar = ns.get("foo").unwrap().unwrap();
    assert_eq!(foo.f.unwrap().g, Err("ValueError".into()));
    let other = ns.get::<String>("foo").unwrap_err();
    assert!(matches!(&other, Error::Namespace(NamespaceFailure::OtherType { held, .. })
        if held.ends_with("FooBar")));
}

/// The seed's counter, by a namespace: ten processes, ten increments each.
#[test]
fn increments_of_many_processes_all_count() {
    let engine = engine(0);
    let ns = engine.namespace(4096).unwrap();
    let count = |ns: Namespace| {
        for _ in 0..10 {
            ns.update_or_default("x", |x: &mut u32| *x += 1).unwrap();
        }
    };
    let processes: Vec<_> = (0..10).map(|_| engine.spawn(count, ns.clone()).unwrap()).collect();
    processes.into_iter().for_each(|process| process.join().unwrap());
    assert_eq!(ns.get("x").unwrap(), Some(100u32));
}

/// Changes are waited for across processes, there and back.
#[test]
fn a_change_wakes_other_processes() {
    let engine = engine(0);
    let ns = engine.namespace(4096).unwrap();
    let echo = |ns: Namespace| {
        let mut seen = 0;
        for turn in 0..20u32 {
            seen = ns.wait_newer("ping", seen).unwrap();
            assert_eq!(ns.get("ping").unwrap(), Some(turn));
            ns.set("pong", &turn).unwrap();
        }
    };
    let process = engine.spawn(echo, ns.clone()).unwrap();
    let mut seen = 0;
    for turn in 0..20u32 {
        ns.set("ping", &turn).unwrap();
        seen = ns.wait_newer("pong", seen).unwrap();
        assert_eq!(ns.get("pong").unwrap(), Some(turn));
    }
    process.join().unwrap();
}

/// What waits for another's transaction can wait for as long as it likes, or not at all.
#[test]
fn transactions_wait_no_longer_than_they_are_told_to() {
    let engine = engine(0);
    let ns = engine.namespace(4096).unwrap();
    let [begun, go_on] = [(); 2].map(|()| engine.event().unwrap());
    let hold = |(ns, begun, go_on): (Namespace, Event, Event)| {
        ns.transaction(|t| {
            begun.set();
            go_on.wait();
            t.set("x", &1u64)
        })
        .unwrap();
    };
    let child = engine.spawn(hold, (ns.clone(), begun.clone(), go_on.clone())).unwrap();
    begun.wait();
    assert_eq!(ns.try_transaction(|t| t.set("x", &2u64)).unwrap(), None);
    let short = Duration::from_millis(5);
    assert_eq!(ns.transaction_timeout(short, |t| t.set("x", &2u64)).unwrap(), None);
    assert_eq!(ns.get::<u64>("x").unwrap(), None, "reading waits for nobody");
    go_on.set();
    let set = |t: &mut Transaction<'_>| t.update("x", |x: &mut u64| std::mem::replace(x, 3));
    assert_eq!(ns.transaction_timeout(Duration::from_secs(60), set).unwrap(), Some(1));
    child.join().unwrap();
    assert_eq!(ns.try_transaction(set).unwrap(), Some(3));
}

/// A process is killed in the midst of a change, and while it waits; nobody else notices.
#[test]
fn a_killed_process_leaves_the_old_value_and_blocks_nobody() {
    let engine = engine(0);
    let ns = engine.namespace(4096).unwrap();
    ns.set("x", &vec![1, 2, 3]).unwrap();
    let version = ns.version("x").unwrap();
    let told = engine.namespace(4096).unwrap();
    let hang = |(ns, told): (Namespace, Namespace)| {
        ns.update("x", |x: &mut Vec<i32>| {
            x.clear();
            told.set("inside", &()).unwrap();
            std::thread::sleep(Duration::from_secs(1000));
        })
        .unwrap();
    };
    let process = engine.spawn(hang, (ns.clone(), told.clone())).unwrap();
    told.wait_newer("inside", 0).unwrap();
    assert_eq!(ns.get("x").unwrap(), Some(vec![1, 2, 3]), "reads do not wait for changes");
    let waiter = engine.spawn(|ns: Namespace| ns.wait_newer("y", 0).unwrap(), ns.clone()).unwrap();
    process.kill();
    waiter.kill();
    ns.update("x", |x: &mut Vec<i32>| x.push(4)).unwrap();
    assert_eq!(ns.get("x").unwrap(), Some(vec![1, 2, 3, 4]));
    assert_eq!(ns.version("x").unwrap(), version + 1);
    assert!(process.join().is_err() && waiter.join().is_err());
}

/// Killed before any instruction of a transaction, a process has made all of it or none.
#[test]
fn a_death_at_any_instruction_leaves_all_or_nothing() {
    let engine = engine(0);
    let ns = engine.namespace(8192).unwrap();
    let zero = || ns.transaction(|t| t.set("x", &0u8).and_then(|()| t.set("y", &0u8))).unwrap();
    let count = |(ns, deadly): (Namespace, u64)| {
        let count = || {
            ns.transaction(|t| {
                t.update("x", |x: &mut u8| *x += 1)?;
                t.set("y", &1u8)
            })
        };
        let (counted, steps) = support::stepping::die_at(deadly, count);
        counted.unwrap();
        steps
    };
    zero();
    let steps = engine.spawn(count, (ns.clone(), u64::MAX)).unwrap().join().unwrap();
    let (mut outcomes, mut outlived) = ([0, 0], 0);
    for deadly in support::stepping::deadly_steps(steps) {
        zero();
        let process = engine.spawn(count, (ns.clone(), deadly)).unwrap();
        process.wait();
        // Longer numbers of generations take a few instructions more, shorter ones less.
        outlived += usize::from(process.exit_status() != Some(-9));
        let (x, y): (u8, u8) = (ns.get("x").unwrap().unwrap(), ns.get("y").unwrap().unwrap());
        assert!(x == y && x <= 1, "{x} and {y} at instruction {deadly} of {steps}");
        outcomes[usize::from(x)] += 1;
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "nothing and all were met: {outcomes:?}");
    assert!(outlived <= outcomes[1] && outcomes[0] > outlived, "{outlived} of {outcomes:?}");
}
