//! What is computed while workers die: small, so that a case costs little beside its deaths, and cut
//! into tens of chunks. Each is compared with code that says the same naively.

use crate::passages::Shape;
use crate::{cell, fused};
use gristmill::{
    Add, Array, Chunk, Engine, Halo, HaloView, In, InOut, Kernel, Max, Merge, Out, Shapes, Sum,
    Whole,
};
use ndarray::{ArrayViewMut2, Ix1, Ix2};
use serde::{Deserialize, Serialize};

/// Computes once, and compares each bit.
pub(crate) type Launch = Box<dyn FnMut(&Engine)>;

/// What is computed.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// Makes the arrays.
    pub(crate) make: fn(&Engine) -> Launch,
}

impl Scenario {
    const fn new(name: &'static str, shape: Shape, make: fn(&Engine) -> Launch) -> Scenario {
        Scenario { name, shape, make }
    }
}

const STEP: Shape = Shape { steps: 1, chunks: CHUNKS, ..Shape::NOTHING };
pub(crate) const IN_PLACE: Shape = Shape { in_place: CHUNKS, ..STEP };
/// The accumulators of all chunks are folded by a step of one chunk.
const GROUPS: Shape = Shape { steps: 2, chunks: CHUNKS + 1, ..Shape::NOTHING };
/// Sums of two blocks each, one chunk of offsets in place, prefix sums.
const SCAN: Shape =
    Shape { steps: 3, chunks: CHUNKS / 2 + 1 + CHUNKS, in_place: 1, ..Shape::NOTHING };
const LOOP: Shape = Shape { steps: SWEEPS, chunks: SWEEPS * ROWS as u64, ..Shape::NOTHING };
const TASKS: Shape = Shape { tasks: QUEUED, large: QUEUED / 2, ..Shape::NOTHING };

pub(crate) const SCENARIOS: [Scenario; 9] = [
    Scenario::new("map", STEP, map),
    Scenario::new("in place", IN_PLACE, in_place),
    Scenario::new("tree", STEP, tree),
    Scenario::new("cell", cell::SHAPE, cell::cell),
    Scenario::new("groups", GROUPS, groups),
    Scenario::new("scan", SCAN, scan),
    Scenario::new("fused", fused::SHAPE, fused::fused),
    Scenario::new("loop", LOOP, sweeps),
    Scenario::new("tasks", TASKS, tasks),
];

pub(crate) const LEN: usize = 320;
pub(crate) const GRAIN: usize = 8;
pub(crate) const CHUNKS: u64 = (LEN / GRAIN) as u64;

/// Numbers of very different sizes, whose sum depends on the order of its terms.
pub(crate) fn number(i: usize) -> f64 {
    let magnitude = [1e-9, 1.0, 1e9, -1e9][i % 4];
    (1.0 + (i * 7919 % 10_007) as f64) / 3.0 * magnitude
}

fn numbers() -> Vec<f64> {
    (0..LEN).map(number).collect()
}

pub(crate) fn assert_bits(found: &[f64], expected: &[f64]) {
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<u64>>();
    assert_eq!(bits(found), bits(expected));
}

/// The sum of `values` along the fixed tree.
pub(crate) fn fold(values: &[f64]) -> f64 {
    match values {
        [] => 0.0,
        [one] => *one,
        _ => {
            let (left, right) = values.split_at(values.len().next_power_of_two() / 2);
            fold(left) + fold(right)
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Affine;

impl Kernel for Affine {
    type Args = (In<f64>, Out<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (x, y): (&[f64], &mut [f64])) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = 3.0 * x + 1.0);
    }

    fn grain(&self, _: &Shapes) -> usize {
        GRAIN
    }
}

fn map(engine: &Engine) -> Launch {
    let x = engine.from_fn(LEN, number).unwrap();
    let mut y = engine.zeros(LEN).unwrap();
    let expected: Vec<f64> = numbers().iter().map(|x| 3.0 * x + 1.0).collect();
    Box::new(move |engine| {
        y.as_mut_slice().fill(f64::NAN);
        engine.run(&Affine, (&x, &mut y)).unwrap();
        assert_bits(y.as_slice(), &expected);
    })
}

/// Run twice on an element it shows, in the element and in the sum.
#[derive(Serialize, Deserialize)]
struct Advance;

fn advanced(x: u64) -> u64 {
    x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1) >> 8
}

impl Kernel for Advance {
    type Args = InOut<u64>;
    type Output = Sum<u64>;

    fn run(&self, _: Chunk, x: &mut [u64]) -> u64 {
        x.iter_mut().for_each(|x| *x = advanced(*x));
        x.iter().sum()
    }

    fn grain(&self, _: &Shapes) -> usize {
        GRAIN
    }
}

fn in_place(engine: &Engine) -> Launch {
    let mut x = engine.from_fn(LEN, |i| i as u64).unwrap();
    Box::new(move |engine| {
        let expected: Vec<u64> = x.as_slice().iter().map(|&x| advanced(x)).collect();
        let sum = engine.run(&Advance, &mut x).unwrap();
        assert_eq!(x.as_slice(), expected);
        assert_eq!(sum, expected.iter().sum::<u64>());
    })
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Total;

impl Kernel for Total {
    type Args = In<f64>;
    type Output = Sum<f64>;

    fn run(&self, _: Chunk, x: &[f64]) -> f64 {
        x.iter().sum()
    }

    fn grain(&self, _: &Shapes) -> usize {
        GRAIN
    }
}

fn tree(engine: &Engine) -> Launch {
    let x = engine.from_fn(LEN, number).unwrap();
    let sums: Vec<f64> = numbers().chunks(GRAIN).map(|chunk| chunk.iter().sum()).collect();
    let expected = fold(&sums);
    assert_ne!(expected.to_bits(), numbers().iter().sum::<f64>().to_bits());
    Box::new(move |engine| {
        let total = engine.run(&Total, &x).unwrap();
        assert_bits(&[total], &[expected]);
    })
}

/// Accumulators that are histograms have so many bins.
pub(crate) const BINS: usize = 16;

pub(crate) fn bin(i: usize) -> u32 {
    (i * 31 % 1009 % BINS) as u32
}

/// Accumulators of floats, one per chunk, folded by the fixed tree.
#[derive(Serialize, Deserialize)]
struct Weigh;

impl Kernel for Weigh {
    type Args = (In<u32>, In<f64>, Merge<f64, Add>);
    type Output = ();

    fn run(&self, _: Chunk, (bins, weights, sums): (&[u32], &[f64], &mut [f64])) {
        bins.iter().zip(weights).for_each(|(bin, weight)| sums[*bin as usize] += weight);
    }

    fn grain(&self, _: &Shapes) -> usize {
        GRAIN
    }
}

fn groups(engine: &Engine) -> Launch {
    let bins = engine.from_fn(LEN, bin).unwrap();
    let weights = engine.from_fn(LEN, number).unwrap();
    let mut sums: Array<f64, Ix1> = engine.filled(BINS, 77.0).unwrap();
    let weight = |i: usize, b: usize| if bin(i) as usize == b { number(i) } else { 0.0 };
    let in_chunk = |chunk: usize, b: usize| {
        (chunk * GRAIN..(chunk + 1) * GRAIN).fold(0.0, |sum, i| sum + weight(i, b))
    };
    let in_bin = |b| fold(&(0..LEN / GRAIN).map(|chunk| in_chunk(chunk, b)).collect::<Vec<_>>());
    let expected: Vec<f64> = (0..BINS).map(in_bin).collect();
    Box::new(move |engine| {
        engine.run(&Weigh, (&bins, &weights, &mut sums)).unwrap();
        assert_bits(sums.as_slice(), &expected);
    })
}

/// The sum of each block of [`GRAIN`] elements.
#[derive(Serialize, Deserialize)]
struct BlockSums;

impl Kernel for BlockSums {
    type Args = (Whole<f64>, Out<f64>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, sums): (&[f64], &mut [f64])) {
        let blocks = x.chunks(GRAIN).skip(chunk.start());
        sums.iter_mut().zip(blocks).for_each(|(sum, block)| *sum = block.iter().sum());
    }

    fn grain(&self, _: &Shapes) -> usize {
        2
    }
}

/// Replaces each sum by the sum of all before it.
#[derive(Serialize, Deserialize)]
struct Offsets;

impl Kernel for Offsets {
    type Args = InOut<f64>;
    type Output = ();

    fn run(&self, _: Chunk, sums: &mut [f64]) {
        let mut before = 0.0;
        sums.iter_mut().for_each(|sum| (*sum, before) = (before, before + *sum));
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        shapes.extent()
    }
}

#[derive(Serialize, Deserialize)]
struct PrefixSums;

impl Kernel for PrefixSums {
    type Args = (In<f64>, Whole<f64>, Out<f64>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, offsets, y): (&[f64], &[f64], &mut [f64])) {
        let mut sum = offsets[chunk.start() / GRAIN];
        for (x, y) in x.iter().zip(y) {
            sum += x;
            *y = sum;
        }
    }

    fn grain(&self, _: &Shapes) -> usize {
        GRAIN
    }
}

fn scan(engine: &Engine) -> Launch {
    let x = engine.from_fn(LEN, number).unwrap();
    let mut offsets = engine.zeros(LEN / GRAIN).unwrap();
    let mut y = engine.zeros(LEN).unwrap();
    let mut before = 0.0;
    let mut expected = vec![];
    for block in numbers().chunks(GRAIN) {
        expected.extend(block.iter().scan(before, |sum, x| {
            *sum += x;
            Some(*sum)
        }));
        before += block.iter().sum::<f64>();
    }
    Box::new(move |engine| {
        y.as_mut_slice().fill(f64::NAN);
        engine
            .plan(|p| {
                let (x, mut y, mut offsets) = (p.read(&x), p.write(&mut y), p.write(&mut offsets));
                p.step(&BlockSums, (&x, &mut offsets));
                p.step(&Offsets, &mut offsets);
                p.step(&PrefixSums, (&x, &offsets, &mut y));
            })
            .unwrap();
        assert_bits(y.as_slice(), &expected);
    })
}

const ROWS: usize = 24;
const COLUMNS: usize = 6;
const TOLERANCE: f64 = 0.4;
/// Until the greatest change is below that.
const SWEEPS: u64 = 6;

/// One sweep of averaging a row with its neighbours.
#[derive(Serialize, Deserialize)]
struct Smooth;

fn smoothed([above, own, below]: [f64; 3]) -> f64 {
    (above + 2.0 * own + below) / 4.0
}

impl Kernel for Smooth {
    type Args = (Halo<f64, Ix2>, Out<f64, Ix2>);
    type Output = Max<f64>;

    fn run(&self, _: Chunk, (old, mut new): (HaloView<f64, Ix2>, ArrayViewMut2<f64>)) -> f64 {
        let mut change: f64 = 0.0;
        for (row, mut to) in new.rows_mut().into_iter().enumerate() {
            let rows = [-1, 0, 1].map(|d| old.row(row as isize + d));
            for (column, to) in to.iter_mut().enumerate() {
                *to = smoothed(rows.map(|row| row[column]));
                change = change.max((*to - rows[1][column]).abs());
            }
        }
        change
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

fn height(row: usize, column: usize) -> f64 {
    ((row * 37 + column * 11) % 17) as f64
}

/// The same sweeps, row by row.
fn swept() -> (u64, f64, Vec<f64>) {
    let mut now: Vec<Vec<f64>> =
        (0..ROWS).map(|row| (0..COLUMNS).map(|column| height(row, column)).collect()).collect();
    for sweep in 1.. {
        let next: Vec<Vec<f64>> = (0..ROWS)
            .map(|row| {
                let rows = [row.saturating_sub(1), row, (row + 1).min(ROWS - 1)];
                (0..COLUMNS).map(|column| smoothed(rows.map(|row| now[row][column]))).collect()
            })
            .collect();
        let pairs = next.iter().flatten().zip(now.iter().flatten());
        let change = pairs.fold(0.0f64, |change, (new, old)| change.max((new - old).abs()));
        now = next;
        if change < TOLERANCE {
            return (sweep, change, now.concat());
        }
    }
    unreachable!("it settles")
}

fn sweeps(engine: &Engine) -> Launch {
    let (sweeps, change, expected) = swept();
    assert_eq!(sweeps, SWEEPS);
    let mut now = engine.zeros((ROWS, COLUMNS)).unwrap();
    let mut next = engine.zeros((ROWS, COLUMNS)).unwrap();
    Box::new(move |engine| {
        for ((row, column), x) in now.view_mut().indexed_iter_mut() {
            *x = height(row, column);
        }
        let ended = engine.plan(|p| {
            let (mut a, mut b) = (p.write(&mut now), p.write(&mut next));
            p.repeat(100, |p| {
                let change = p.step(&Smooth, (&a, &mut b));
                p.swap(&mut a, &mut b);
                p.until((change, TOLERANCE), |(change, tolerance)| change < tolerance);
                change
            })
        });
        assert_eq!(ended.unwrap(), (sweeps, change));
        assert_bits(now.as_slice(), &expected);
    })
}

const QUEUED: u64 = 24;

/// Every other result does not fit its slot: of these numbers each takes two bytes.
fn repeated(n: u64) -> Vec<u64> {
    vec![n * n + 1000; if n.is_multiple_of(2) { 3 } else { 1000 }]
}

fn tasks(_: &Engine) -> Launch {
    Box::new(|engine| {
        let mut queue = engine.tasks().queue(repeated).unwrap();
        (0..QUEUED).for_each(|n| assert_eq!(queue.put(&n).unwrap(), n));
        queue.join();
        let mut results: Vec<(u64, Vec<u64>)> =
            queue.close().map(|(task, result)| (task, result.unwrap())).collect();
        results.sort();
        assert_eq!(results, (0..QUEUED).map(|n| (n, repeated(n))).collect::<Vec<_>>());
    })
}
