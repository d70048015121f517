//! Stray writes stop at fences and are named by array and index; without fences, a fault is still
//! told in the words of the step. The workers die in earnest: what is asserted is what is reported.

mod support;

use gristmill::{
    Add, Cause, Chunk, DeathRecord, Engine, Error, Fault, FaultAccess, FaultElement, FaultPlace,
    In, InOut, Kernel, Merge, Out, Poisoned, Shapes, Sum, TaskFailure, TileOut, Whole,
};
use ndarray::{ArrayView2, ArrayViewMut2, Ix2};
use serde::{Deserialize, Serialize};

/// Elements of a chunk: of 8 bytes, as many as fill two pages.
const GRAIN: usize = 1024;

fn fenced(workers: usize) -> Engine {
    Engine::builder().workers(workers).fence(true).build().unwrap()
}

/// Writes one element at a distance from the begin of a slice, whatever is there.
fn stray<T: Copy>(from: &[T], distance: isize, value: T) {
    let address = from.as_ptr().cast_mut().wrapping_offset(distance);
    // SAFETY: none; the test wants the fault.
    unsafe { std::ptr::write_volatile(address, value) }
}

/// Which array a kernel writes though it should not, and how far from its chunk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Target {
    None,
    Input,
    Output,
    /// The first of another array that no argument names.
    Beyond,
}

/// y = 2 x, and one chunk writes where it should not.
#[derive(Serialize, Deserialize)]
struct Strays {
    target: Target,
    distance: isize,
    chunk: usize,
}

impl Kernel for Strays {
    type Args = (In<f64>, Out<f64>);
    type Output = Sum<f64>;

    fn run(&self, chunk: Chunk, (x, y): (&[f64], &mut [f64])) -> f64 {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = 2.0 * x);
        if chunk.index() == self.chunk {
            match self.target {
                Target::None => {}
                Target::Input => stray(x, self.distance, 7.0),
                Target::Output | Target::Beyond => stray(y, self.distance, 7.0),
            }
        }
        y.iter().sum()
    }

    fn grain(&self, _: &Shapes) -> usize {
        GRAIN
    }
}

fn poisoned(error: Error) -> Poisoned {
    match error {
        Error::Poisoned(poisoned) => poisoned,
        error => panic!("{error}"),
    }
}

fn fault(death: &DeathRecord) -> &Fault {
    match &death.cause {
        Cause::Signal { number: 11, fault: Some(fault), .. } => fault,
        cause => panic!("{cause}"),
    }
}

fn element(death: &DeathRecord) -> &FaultElement {
    match &fault(death).place {
        FaultPlace::Element(element) => element,
        place => panic!("{place}"),
    }
}

#[test]
fn a_write_to_a_neighbours_chunk_is_stopped_and_named() {
    const N: usize = 16 * GRAIN;
    for workers in [1, 2] {
        let engine = fenced(workers);
        let x = engine.from_fn(N, |i| i as f64).unwrap();
        let mut y = engine.zeros(N).unwrap();
        // From chunk 5 a page and more backwards, into chunk 4.
        let kernel = Strays { target: Target::Output, distance: -600, chunk: 5 };
        let poisoned = poisoned(engine.run(&kernel, (&x, &mut y)).unwrap_err());
        let chunk = &poisoned.chunks[0];
        assert_eq!((poisoned.chunks.len(), chunk.place.chunk, chunk.deaths.len()), (1, 5, 3));
        for death in &chunk.deaths {
            assert!(fault(death).fenced && fault(death).access == FaultAccess::Write, "{death}");
            let element = element(death);
            assert_eq!((element.argument, &element.access[..]), (1, "Out<f64>"));
            assert_eq!(
                (&element.index[..], &element.shape[..]),
                (&[5 * GRAIN - 600][..], &[N][..])
            );
        }
        let told = poisoned.to_string();
        assert!(
            told.contains("a stray write stopped by the fence: address 0x")
                && told.contains("= index [4520] of argument 1 (`Out<f64>`)"),
            "{told}"
        );
        // All others are done, and chunk 4 holds what it should.
        for (i, (x, y)) in x.as_slice().iter().zip(y.as_slice()).enumerate() {
            assert!(i / GRAIN == 5 || 2.0 * x == *y, "element {i}");
        }
        let kernel = Strays { target: Target::None, ..kernel };
        assert_eq!(engine.run(&kernel, (&x, &mut y)).unwrap(), 2.0 * x.view().sum());
    }
}

#[test]
fn a_write_to_what_is_only_read_is_stopped() {
    let engine = fenced(2);
    let x = engine.from_fn(4 * GRAIN, |i| i as f64).unwrap();
    let mut y = engine.zeros(4 * GRAIN).unwrap();
    // In its own chunk: reading is all that was declared.
    let kernel = Strays { target: Target::Input, distance: 3, chunk: 2 };
    let poisoned = poisoned(engine.run(&kernel, (&x, &mut y)).unwrap_err());
    let element = element(&poisoned.chunks[0].deaths[0]);
    assert_eq!((element.argument, &element.access[..]), (0, "In<f64>"));
    assert_eq!(element.index, [2 * GRAIN + 3]);
    assert!(x.as_slice().iter().enumerate().all(|(i, x)| i as f64 == *x));
}

#[test]
fn a_write_to_an_array_of_nobodys_is_stopped() {
    let engine = fenced(1);
    let x = engine.from_fn(GRAIN, |i| i as f64).unwrap();
    let mut y = engine.zeros(GRAIN).unwrap();
    let bystander = engine.filled(100 * GRAIN, 1.5).unwrap();
    let from = y.as_slice().as_ptr() as isize;
    let distance = (bystander.as_slice().as_ptr() as isize - from) / 8 + 50 * GRAIN as isize;
    let kernel = Strays { target: Target::Beyond, distance, chunk: 0 };
    let poisoned = poisoned(engine.run(&kernel, (&x, &mut y)).unwrap_err());
    let fault = fault(&poisoned.chunks[0].deaths[0]);
    let FaultPlace::OtherBlock(block) = &fault.place else { panic!("{fault:?}") };
    let found = (fault.fenced, block.start, block.byte);
    assert_eq!(found, (true, bystander.as_slice().as_ptr() as u64, 8 * 50 * GRAIN as u64));
    let said = format!("byte {} of a filled array that is no argument of the step", block.byte);
    assert!(poisoned.to_string().contains(&said), "{poisoned}");
    assert!(bystander.as_slice().iter().all(|&value| value == 1.5));
}

/// Stores a number at a place in the region, through each mapping of it in turn.
fn scribble((mapping, offset): (usize, usize)) {
    let start = support::mappings_of_the_region()[mapping];
    // SAFETY: none; the test wants the fault.
    unsafe { ((start + offset) as *mut u64).write_volatile(9) };
}

#[test]
fn the_engines_own_mapping_is_no_way_around_the_fences() {
    let engine = fenced(1);
    let bystander = engine.filled(100 * GRAIN, 1.5).unwrap();
    let address = bystander.as_slice().as_ptr() as usize;
    // Of this engine's region: other tests have theirs in the same process.
    let below = support::mappings_of_the_region().into_iter().filter(|start| *start <= address);
    let offset = address - below.max().unwrap();
    for mapping in 0..2 {
        let mut results = engine.tasks().map(scribble, [(mapping, offset)]).unwrap();
        let Some(Err(Error::Task { reason: TaskFailure::Died(deaths), .. })) = results.next()
        else {
            panic!("it was not stopped")
        };
        assert!(fault(&deaths[0]).fenced, "{}", deaths[0]);
        // In a kernel.
        let mut x = engine.zeros(10).unwrap();
        let poisoned = poisoned(engine.run(&Wild { mapping, offset }, &mut x).unwrap_err());
        let place = &fault(&poisoned.chunks[0].deaths[0]).place;
        assert!(matches!(place, FaultPlace::OtherBlock(block) if block.byte == 0), "{place:?}");
    }
    assert!(bystander.as_slice().iter().all(|&value| value == 1.5));
}

/// Writes tiles, and one of them far below itself.
#[derive(Serialize, Deserialize)]
struct StrayTile {
    rows_below: usize,
}

impl Kernel for StrayTile {
    type Args = (Whole<f64, Ix2>, TileOut<f64>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, mut y): (ArrayView2<f64>, ArrayViewMut2<f64>)) {
        let (rows, columns) = (chunk.range(), chunk.columns());
        y.indexed_iter_mut().for_each(|((i, j), y)| {
            *y = x[[columns.start + j, rows.start + i]];
        });
        if chunk.index() == 3 && self.rows_below > 0 {
            // SAFETY: none; the test wants the fault.
            unsafe {
                let stride = y.strides()[0] as usize;
                let below = y.as_mut_ptr().wrapping_add(self.rows_below * stride + 2);
                below.write_volatile(1.0);
            }
        }
    }

    fn tile(&self, _: &Shapes) -> [usize; 2] {
        [8, 640]
    }
}

#[test]
fn rows_of_a_tile_are_open_and_nothing_between_them() {
    // A row has five pages, a tile 640 of 2,560 columns.
    const N: usize = 2560;
    let engine = fenced(2);
    let x = engine.from_fn((N, N), |(i, j)| (i * N + j) as f64).unwrap();
    let mut y = engine.zeros((N, N)).unwrap();
    engine.run(&StrayTile { rows_below: 0 }, (&x, &mut y)).unwrap();
    assert_eq!(y.view(), x.view().t());
    let stray = StrayTile { rows_below: 20 };
    let poisoned = poisoned(engine.run(&stray, (&x, &mut y)).unwrap_err());
    let element = element(&poisoned.chunks[0].deaths[0]);
    assert_eq!((element.argument, &element.access[..]), (1, "TileOut<f64>"));
    assert_eq!(element.index, [20, 3 * 640 + 2]);
}

/// Counts residues, and updates in place; both in all ways that the engine has.
#[derive(Serialize, Deserialize)]
struct Count;

impl Kernel for Count {
    type Args = (In<u64>, Merge<u64, Add>, Merge<f64, Add>);
    type Output = Sum<u64>;

    fn run(&self, _: Chunk, (x, counts, sums): (&[u64], &mut [u64], &mut [f64])) -> u64 {
        for &x in x {
            counts[x as usize % counts.len()] += 1;
            sums[x as usize % sums.len()] += 0.5;
        }
        x.len() as u64
    }
}

#[derive(Serialize, Deserialize)]
struct Thirds;

impl Kernel for Thirds {
    type Args = InOut<f64, Ix2>;
    type Output = Sum<f64>;

    fn run(&self, _: Chunk, mut x: ArrayViewMut2<f64>) -> f64 {
        x.mapv_inplace(|x| x / 3.0 + 1.0);
        x.sum()
    }
}

/// The results of every kind of access, and of a plan with a loop, a condition and a task.
fn all_kinds(engine: &Engine) -> impl PartialEq + use<> {
    let x = engine.from_fn(100_000, |i| i as u64 * 7).unwrap();
    let (mut counts, mut sums) = (engine.zeros(600).unwrap(), engine.zeros(5).unwrap());
    let total = engine.run(&Count, (&x, &mut counts, &mut sums)).unwrap();
    // Larger than what the caller fills: its pages are made present by the workers.
    let mut grid = engine.zeros::<f64, _>((300, 700)).unwrap();
    let (sweeps, sum) = engine
        .plan(|p| {
            let mut grid = p.write(&mut grid);
            p.repeat(50, |p| {
                let sum = p.step(&Thirds, &mut grid);
                p.until(sum, |sum| sum > 314_990.0);
                sum
            })
        })
        .unwrap();
    let tasks = engine.tasks().map(|n: u32| n * n, 0..20).unwrap();
    let squares: Vec<u32> = tasks.map(Result::unwrap).collect();
    let (counts, sums) = (counts.as_slice().to_vec(), sums.as_slice().to_vec());
    (total, counts, sums, sum, grid.as_slice().to_vec(), sweeps, squares)
}

#[test]
fn what_is_declared_can_be_written_and_the_bits_are_the_same() {
    let without = all_kinds(&support::engine(2));
    for workers in [1, 3] {
        let engine = fenced(workers);
        assert!(all_kinds(&engine) == without);
        assert_eq!(engine.stats().deaths, 0);
    }
}

/// Reads or writes an address of the control block, found as a wild pointer might.
#[derive(Serialize, Deserialize)]
struct Wild {
    mapping: usize,
    offset: usize,
}

impl Kernel for Wild {
    type Args = Out<u64>;
    type Output = ();

    fn run(&self, _: Chunk, x: &mut [u64]) {
        x.fill(1);
        let start = support::mappings_of_the_region()[self.mapping];
        // SAFETY: none; the test wants the fault.
        unsafe { ((start + self.offset) as *mut u64).write_volatile(0) };
    }
}

#[test]
fn the_control_block_cannot_be_written_behind_fences() {
    let places = [(4096, FaultPlace::ControlBlock), (0, FaultPlace::GuardPage)];
    // Of the engine's own mapping and that of the views, whichever lies lower.
    let cases = places.iter().flat_map(|place| [(0, place), (1, place)]);
    for (mapping, &(offset, ref place)) in cases {
        let engine = fenced(2);
        let mut x = engine.zeros(10).unwrap();
        let poisoned = poisoned(engine.run(&Wild { mapping, offset }, &mut x).unwrap_err());
        for death in &poisoned.chunks[0].deaths {
            assert_eq!((fault(death).access, &fault(death).place), (FaultAccess::Write, place));
        }
        assert_eq!(engine.run(&Thirds, &mut engine.zeros((9, 9)).unwrap()).unwrap(), 81.0);
    }
}

/// Panics with its fence open.
#[derive(Serialize, Deserialize)]
struct Panics;

impl Kernel for Panics {
    type Args = Out<u64>;
    type Output = ();

    fn run(&self, _: Chunk, x: &mut [u64]) {
        x.fill(1);
        panic!("as it should");
    }
}

#[test]
fn a_panic_behind_fences_closes_them() {
    let engine = fenced(1);
    let mut y = engine.zeros(4 * GRAIN).unwrap();
    let error = engine.run(&Panics, &mut y).unwrap_err();
    assert!(matches!(&error, Error::Panicked(panic) if panic.message == "as it should"), "{error}");
    let x = engine.from_fn(4 * GRAIN, |i| i as f64).unwrap();
    let mut y = y_of(&engine);
    let kernel = Strays { target: Target::Output, distance: 3 * GRAIN as isize, chunk: 0 };
    assert!(engine.run(&kernel, (&x, &mut y)).is_err());
    assert_eq!(engine.stats().deaths, 3);
}

fn y_of(engine: &Engine) -> gristmill::Array<f64, ndarray::Ix1> {
    engine.zeros(4 * GRAIN).unwrap()
}

#[test]
fn without_fences_a_fault_is_told_with_what_was_done() {
    let engine = support::engine(1);
    let x = engine.from_fn(GRAIN, |i| i as f64).unwrap();
    let mut y = engine.zeros(GRAIN).unwrap();
    // Far below everything that is mapped near the arrays.
    let kernel = Strays { target: Target::Beyond, distance: -(64 << 30), chunk: 0 };
    let poisoned = poisoned(engine.run(&kernel, (&x, &mut y)).unwrap_err());
    let fault = fault(&poisoned.chunks[0].deaths[0]);
    assert!(!fault.fenced && fault.place == FaultPlace::Elsewhere, "{fault:?}");
    let told = poisoned.to_string();
    assert!(told.contains("was killed by SIGSEGV (signal 11) writing address 0x"), "{told}");
}
