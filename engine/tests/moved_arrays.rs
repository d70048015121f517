//! Arrays as arguments and results of child processes, and frozen ones for everybody.

mod support;

use gristmill::{
    Array, Cause, Chunk, Engine, Error, Frozen, In, Kernel, Out, Process, ProcessFailure, Value,
    Views,
};
use ndarray::{Ix1, Ix2, IxDyn};
use nix::sys::signal::Signal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::{Arc, Mutex};
use support::{engine, run_task};

type Vector = Array<f64, Ix1>;

fn place<D: ndarray::Dimension>(array: &Array<f64, D>) -> *const f64 {
    array.as_slice().as_ptr()
}

#[test]
fn an_array_moves_to_a_child_and_back_and_stays_where_it_is() {
    let engine = engine(0);
    let grid = engine.from_fn((30, 40), |(i, j)| (i * j) as f64).unwrap();
    let before = place(&grid);
    let double = |(mut grid, by): (Array<f64, Ix2>, f64)| {
        grid.view_mut().mapv_inplace(|x| by * x);
        (grid, std::process::id())
    };
    let process = engine.spawn(double, (grid, 2.0)).unwrap();
    let pid = process.pid() as u32;
    let (grid, ran_in) = process.join().unwrap();
    assert_eq!((place(&grid), ran_in), (before, pid));
    assert_eq!(grid.view(), ndarray::Array::from_shape_fn((30, 40), |(i, j)| (2 * i * j) as f64));
}

#[test]
fn several_of_any_shape_some_of_which_stay_there() {
    let engine = engine(0);
    let arrays: Vec<Array<u16, IxDyn>> = [vec![3], vec![0, 5], vec![2, 3, 4, 5, 6, 7, 8], vec![]]
        .into_iter()
        .map(|shape| engine.filled(IxDyn(&shape), 7).unwrap())
        .collect();
    let keep_the_long = |arrays: Vec<Array<u16, IxDyn>>| -> Vec<Array<u16, IxDyn>> {
        arrays.into_iter().filter(|array| array.len() > 1).rev().collect()
    };
    let back = engine.spawn(keep_the_long, arrays).unwrap().join().unwrap();
    let shapes: Vec<&[usize]> = back.iter().map(|array| array.shape()).collect();
    assert_eq!(shapes, [&[2, 3, 4, 5, 6, 7, 8][..], &[3]]);
    assert!(back.iter().all(|array| array.as_slice().iter().all(|x| *x == 7)));
}

/// A gigabyte is not copied: there is no second one in this engine.
#[test]
fn nothing_is_copied_and_memory_comes_back() {
    let engine = Engine::builder().workers(0).capacity(96 << 20).build().unwrap();
    let large = || engine.scratch::<f64, _>(8 << 20);
    for turn in 0..3 {
        let mut array = large().unwrap();
        array[17] = 1.0;
        assert!(large().is_err(), "there is room for one");
        let look = |(array, wait): (Vector, bool)| {
            if wait {
                std::thread::sleep(std::time::Duration::from_secs(1000));
            }
            (array[17], array)
        };
        let process = engine.spawn(look, (array, turn == 2)).unwrap();
        if turn == 0 {
            let (there, array) = process.join().unwrap();
            assert_eq!((there, array[17]), (1.0, 1.0));
        } else if turn == 1 {
            drop(process);
        } else {
            process.kill();
            process.join().unwrap_err();
        }
        // The child of the second turn ends at some time.
        while large().is_err() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn an_array_is_lost_with_the_child_that_has_it() {
    let engine = engine(0);
    let array = engine.filled(1000, 1.0).unwrap();
    let process = engine.spawn(|_: Vector| -> Vector { std::process::abort() }, array).unwrap();
    let Err(Error::Process { reason: ProcessFailure::Died(death), .. }) = process.join() else {
        panic!("it died")
    };
    assert!(matches!(death.cause, Cause::Signal { number: 6, .. }));
}

fn refusal<R: std::fmt::Debug>(result: gristmill::Result<R>) -> String {
    match result {
        Err(Error::NotPortable { what, reason }) => format!("{what}: {reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_goes_no_other_way() {
    let engine = engine(1);
    let array = || engine.filled(10, 1.0).unwrap();
    let mut tasks = engine.tasks().map(|array: Vector| array[0], [array()]).unwrap();
    let told = tasks.next().unwrap().unwrap_err().to_string();
    assert!(told.contains("Array<f64") && told.contains("freeze it"), "{told}");
    let queue = engine.queue::<Vector>(2).unwrap();
    assert!(refusal(queue.put(&array())).contains("freeze it"));
    let other = support::engine(0);
    let told = refusal(other.spawn(|array: Vector| array[0], array()));
    assert!(told.contains("another engine"), "{told}");
    assert!(matches!(other.freeze(array()), Err(Error::ForeignArray { .. })));
    assert!(postcard::to_stdvec(&array()).is_err());
}

/// It is written twice, or kept, whatever its type says.
#[derive(Debug)]
struct Sly {
    array: Arc<Mutex<Option<Vector>>>,
    twice: bool,
}

impl Serialize for Sly {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let array = self.array.lock().unwrap();
        let again = array.as_ref().filter(|_| self.twice);
        (array.as_ref().unwrap(), again).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Sly {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Sly, D::Error> {
        let (array, _) = <(Vector, Option<Vector>)>::deserialize(from)?;
        Ok(Sly { array: Arc::new(Mutex::new(Some(array))), twice: false })
    }
}

static KEPT: Mutex<Option<Arc<Mutex<Option<Vector>>>>> = Mutex::new(None);

#[test]
fn nobody_has_an_array_twice() {
    let engine = engine(0);
    let sly = |twice| {
        let array = engine.filled(10, 1.0).unwrap();
        Sly { array: Arc::new(Mutex::new(Some(array))), twice }
    };
    let first = |sly: Sly| sly.array.lock().unwrap().as_ref().unwrap()[0];
    assert!(refusal(engine.spawn(first, sly(true))).contains("twice"));
    let kept = sly(false);
    let here = Arc::clone(&kept.array);
    let told = refusal(engine.spawn(first, kept));
    assert!(told.contains("has kept an array that it sent"), "{told}");
    here.lock().unwrap().as_mut().unwrap()[0] = 2.0;
    assert_eq!(engine.spawn(first, sly(false)).unwrap().join().unwrap(), 1.0);
    // Nor does a child keep what it gives back.
    let keep = |sly: Sly| {
        *KEPT.lock().unwrap() = Some(Arc::clone(&sly.array));
        sly
    };
    let Err(Error::Process { reason, .. }) = engine.spawn(keep, sly(false)).unwrap().join() else {
        panic!("it kept it")
    };
    assert!(reason.to_string().contains("has kept an array"), "{reason}");
}

/// What is forged or comes again is not taken for an array.
#[test]
fn an_array_that_was_not_sent_does_not_arrive() {
    #[derive(Serialize, Deserialize)]
    struct Forged(u64, Vec<usize>);
    let engine = engine(0);
    let array = engine.filled(10, 1.0).unwrap();
    let forge = |(array, Forged(place, shape)): (Vector, Forged)| {
        let read = |bytes: &[u8]| postcard::from_bytes::<Vector>(bytes).map(drop).is_err();
        drop(array);
        read(&postcard::to_stdvec(&(place, shape)).unwrap())
    };
    let forged = Forged(1 << 30, vec![10]);
    assert!(engine.spawn(forge, (array, forged)).unwrap().join().unwrap());
}

fn total(x: Frozen<f64, Ix2>) -> (f64, Vec<usize>) {
    (x.view().sum(), x.shape().to_vec())
}

#[derive(Serialize, Deserialize)]
struct LookUp {
    table: Frozen<f64, Ix1>,
}

impl Kernel for LookUp {
    type Args = (In<u32>, Out<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (at, found): Views<'_, Self>) -> Value<Self> {
        for (at, found) in at.iter().zip(found) {
            *found = self.table[*at as usize];
        }
    }
}

#[test]
fn a_frozen_array_is_read_by_children_tasks_and_kernels() {
    let engine = engine(2);
    let grid = engine.from_fn((20, 30), |(i, j)| (i + j) as f64).unwrap();
    let (at, expected) = (place(&grid), (grid.view().sum(), vec![20, 30]));
    let frozen = engine.freeze(grid).unwrap();
    let children: Vec<Process<_>> =
        (0..3).map(|_| engine.spawn(total, frozen.clone()).unwrap()).collect();
    let tasks = engine.tasks().map(total, vec![frozen.clone(); 20]).unwrap();
    assert!(tasks.map(|seen| seen.unwrap()).all(|seen| seen == expected));
    for child in children {
        assert_eq!(child.join().unwrap(), expected);
    }
    let grid = frozen.thaw().expect("all have ended");
    assert_eq!(place(&grid), at);

    let table = engine.freeze(engine.from_fn(100, |i| (i * i) as f64).unwrap()).unwrap();
    let kernel = LookUp { table: table.clone() };
    let at = engine.from_fn(1000, |i| (i % 100) as u32).unwrap();
    let mut found = engine.zeros(1000).unwrap();
    engine.run(&kernel, (&at, &mut found)).unwrap();
    assert!((0..1000).all(|i| found[i] == ((i % 100) * (i % 100)) as f64));
    assert_eq!(engine.sum(&table).unwrap(), (0..100).map(|i| (i * i) as f64).sum::<f64>());
    table.thaw().expect_err("the kernel has a handle");
}

static STASH: Mutex<Vec<Frozen<f64, Ix1>>> = Mutex::new(vec![]);

fn stash(x: Frozen<f64, Ix1>) {
    STASH.lock().unwrap().push(x);
}

fn stashed(forget: bool) -> f64 {
    let mut stash = STASH.lock().unwrap();
    let sum = stash.iter().map(|x| x.view().sum()).sum();
    if forget {
        stash.clear();
    }
    sum
}

/// A worker that keeps a handle can read as long as it has it.
#[test]
fn what_a_worker_has_kept_is_neither_written_nor_given_away() {
    let engine = Engine::builder().workers(1).capacity(96 << 20).build().unwrap();
    let large = || engine.scratch::<f64, _>(8 << 20);
    let mut array = large().unwrap();
    array.as_mut_slice().fill(0.0);
    array[17] = 1.0;
    let frozen = engine.freeze(array).unwrap();
    run_task(&engine, stash, frozen.clone());
    let frozen = frozen.thaw().expect_err("the worker has it");
    run_task(&engine, stash, frozen.clone());
    drop(frozen);
    engine.event().unwrap();
    assert!(large().is_err(), "its memory is in use");
    assert_eq!(run_task(&engine, stashed, false), 2.0);
    assert_eq!(run_task(&engine, stashed, true), 2.0);
    engine.event().unwrap();
    large().expect("nobody reads it any more");
}

#[test]
fn a_dead_worker_reads_no_more() {
    let engine = engine(1);
    let frozen = engine.freeze(engine.filled(10, 1.0).unwrap()).unwrap();
    run_task(&engine, stash, frozen.clone());
    let mut frozen = frozen.thaw().expect_err("the worker has it");
    let pid = run_task(&engine, |()| std::process::id(), ());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), Signal::SIGKILL).unwrap();
    while run_task(&engine, stashed, false) != 0.0 {}
    loop {
        match frozen.thaw() {
            Ok(_) => break,
            Err(again) => frozen = again,
        }
    }
}

#[test]
fn a_frozen_array_goes_through_queues_for_good() {
    let engine = engine(0);
    let queue = engine.queue::<Frozen<f64, Ix1>>(2).unwrap();
    let frozen = engine.freeze(engine.filled(10, 2.0).unwrap()).unwrap();
    queue.put(&frozen).unwrap();
    let there = engine.spawn(
        |queue: gristmill::Queue<Frozen<f64, Ix1>>| queue.get().unwrap().view().sum(),
        queue.clone(),
    );
    assert_eq!(there.unwrap().join().unwrap(), 20.0);
    queue.put(&frozen).unwrap();
    drop(frozen);
    let back = queue.get().unwrap();
    assert_eq!(back[9], 2.0);
    back.thaw().expect_err("others may have been sent it");
}
