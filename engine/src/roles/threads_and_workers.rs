//! Launches on threads come to the same bits as on workers, whatever they are made of. (What goes
//! wrong on threads, and who runs them, is in `threads_alone.rs`.)
#![cfg(feature = "cli")]

use super::engine::Engine;
use super::placement::Pin;
use crate::compute::{
    Add, Chunk, Halo, HaloView, In, InOut, Kernel, Largest, Max, Merge, Out, Reduce, Shapes, Sum,
    Tile, TileOut, Views, Whole, with,
};
use crate::error::Result;
use crate::memory::{Array, Element};
use ndarray::{ArrayView2, ArrayViewMut2, Dimension, Ix1, Ix2};
use serde::{Deserialize, Serialize};

/// An engine on so many threads; with none on two workers.
fn engine(threads: usize) -> Engine {
    let builder = Engine::builder().workers(threads.max(1)).pin(Pin::No);
    match threads {
        0 => builder.workers(2),
        _ => builder.on_threads(true),
    }
    .build()
    .unwrap()
}

/// What a launch came to, as bits.
type Bits = Vec<u64>;

fn bits<T: Element, D: Dimension>(array: &Array<T, D>) -> Bits {
    let bytes = bytemuck::cast_slice::<T, u8>(array.as_slice());
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_ne_bytes(word)
    };
    bytes.chunks(8).map(word).collect()
}

fn input(engine: &Engine, len: usize) -> Result<Array<f64, Ix1>> {
    engine.from_fn(len, |i| ((i * 7919) % 10_007) as f64 * 1.000_1e-3 - 3.0)
}

/// Runs it on workers, then on 1, 2 and 3 threads, and compares the bits; gives them.
fn alike(launches: impl Fn(&Engine) -> Result<Bits>) -> Bits {
    let expected = launches(&engine(0)).unwrap();
    for threads in 1..=3 {
        let engine = engine(threads);
        assert_eq!(engine.workers(), threads);
        // The second time, with what the first has left.
        for turn in ["first", "second"] {
            let bits = launches(&engine).unwrap();
            assert!(bits == expected, "{threads} threads, the {turn} time");
        }
        assert_eq!(engine.stats().deaths, 0);
    }
    expected
}

/// The least and the last of all, so that order shows.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct LeastAndLast(f64, f64);

impl Reduce for LeastAndLast {
    fn identity() -> Self {
        LeastAndLast(f64::INFINITY, 0.0)
    }

    fn combine(self, right: Self) -> Self {
        LeastAndLast(self.0.min(right.0), right.1)
    }
}

#[test]
fn stock_operations() {
    let len = 300_001;
    let found = alike(|engine| {
        let x = input(engine, len)?;
        let (mut y, mut z) = (engine.zeros(len)?, engine.scratch(len)?);
        let ones = engine.filled(len, 1.5f32)?;
        engine.map_with(&0.3, &x, &mut y, |by, x: f64| (by * x).sqrt())?;
        engine.map_with(&0.3, &x, &mut y, |by, x: f64| (by * x).sin())?;
        engine.zip_map(&y, &ones, &mut z, |y: f64, one: f32| y - f64::from(one))?;
        let least: LeastAndLast = engine.reduce(&z, |z: f64| LeastAndLast(z, z))?;
        let sums = [engine.sum(&x)?, engine.sum(&z)?, f64::from(engine.sum(&ones)?), least.0];
        Ok([bits(&y), bits(&z), sums.map(f64::to_bits).to_vec(), vec![least.1.to_bits()]].concat())
    });
    assert_eq!(f64::from_bits(found[2 * len + 2]), 1.5 * len as f64);
}

/// y = the mean of x, the rows above and below; yields the sum of y.
#[derive(Serialize, Deserialize)]
struct Blur;

impl Kernel for Blur {
    type Args = (Halo<f64, Ix2>, Out<f64, Ix2>);
    type Output = Sum<f64>;

    fn run(&self, _: Chunk, (x, mut y): (HaloView<'_, f64, Ix2>, ArrayViewMut2<'_, f64>)) -> f64 {
        for (row, mut y) in y.rows_mut().into_iter().enumerate() {
            let row = row as isize;
            let above_below = x.row(row - 1).iter().zip(x.row(row + 1));
            for (y, (x, (above, below))) in y.iter_mut().zip(x.row(row).iter().zip(above_below)) {
                *y = (x + above + below) / 3.0;
            }
        }
        y.iter().sum()
    }
}

/// y = x rows[column]; yields the greatest.
#[derive(Serialize, Deserialize)]
struct ByTiles;

impl Kernel for ByTiles {
    type Args = (Tile<f64>, Whole<f64>, TileOut<f64>);
    type Output = Max<f64>;

    fn run(
        &self,
        chunk: Chunk,
        (x, by, mut y): (ArrayView2<'_, f64>, &[f64], ArrayViewMut2<'_, f64>),
    ) -> f64 {
        let columns = chunk.columns();
        y.indexed_iter_mut().for_each(|((row, column), y)| {
            *y = x[[row, column]] * by[columns.start + column];
        });
        y.iter().fold(f64::NEG_INFINITY, |greatest, y| y.max(greatest))
    }

    fn tile(&self, _: &Shapes) -> [usize; 2] {
        [32, 48]
    }
}

#[test]
fn halos_and_tiles() {
    alike(|engine| {
        let x = engine.from_fn((301, 157), |(row, column)| ((row * column) % 97) as f64 / 7.0)?;
        let by = input(engine, 157)?;
        let (mut y, mut z) = (engine.zeros((301, 157))?, engine.zeros((301, 157))?);
        let sum = engine.run(&Blur, (&x, &mut y))?;
        let greatest = engine.run(&ByTiles, (&y, &by, &mut z))?;
        Ok([bits(&y), bits(&z), vec![sum.to_bits(), greatest.to_bits()]].concat())
    });
}

/// x = x / 3 + `more`; yields the sum.
#[derive(Serialize, Deserialize)]
struct Update {
    more: Vec<f64>,
}

impl Update {
    fn by(more: f64) -> Update {
        Update { more: vec![more] }
    }
}

impl Kernel for Update {
    type Args = InOut<f64>;
    type Output = Sum<f64>;

    fn run(&self, _: Chunk, x: &mut [f64]) -> f64 {
        x.iter_mut().for_each(|x| *x = *x / 3.0 + self.more[0]);
        x.iter().sum()
    }
}

#[test]
fn updates_in_place() {
    alike(|engine| {
        let mut x = input(engine, 50_000)?;
        let sums = [engine.run(&Update::by(0.1), &mut x)?, engine.run(&Update::by(-7.0), &mut x)?];
        Ok([bits(&x), sums.map(f64::to_bits).to_vec()].concat())
    });
}

/// How often each key is there, its greatest weight, and the sum of its weights.
#[derive(Serialize, Deserialize)]
struct Tally;

impl Kernel for Tally {
    type Args = (In<u32>, In<f64>, Merge<u64, Add>, Merge<i64, Largest>, Merge<f64, Add>);
    type Output = Sum<u64>;

    fn run(&self, _: Chunk, (keys, weights, counts, largest, sums): Views<'_, Self>) -> u64 {
        for (key, weight) in keys.iter().zip(weights) {
            let key = *key as usize;
            counts[key] += 1;
            largest[key] = largest[key].max((weight * 1000.0) as i64);
            sums[key] += weight;
        }
        keys.len() as u64
    }

    fn grain(&self, _: &Shapes) -> usize {
        100
    }
}

fn tally(engine: &Engine, len: usize) -> Result<Bits> {
    let keys = engine.from_fn(len, |i| (i * i % 31) as u32)?;
    let weights = input(engine, len)?;
    // What is there before is replaced.
    let mut counts = engine.filled(31, 9u64)?;
    let (mut largest, mut sums) = (engine.filled(31, 9i64)?, engine.filled(31, 9.0)?);
    let n = engine.run(&Tally, (&keys, &weights, &mut counts, &mut largest, &mut sums))?;
    assert_eq!((n, counts.as_slice().iter().sum::<u64>()), (len as u64, len as u64));
    Ok([bits(&counts), bits(&largest), bits(&sums)].concat())
}

#[test]
fn accumulators_of_integers_and_of_floats() {
    alike(|engine| tally(engine, 40_003));
}

#[test]
fn what_is_empty() {
    let found = alike(|engine| {
        let x = input(engine, 0)?;
        let mut y = engine.zeros(0)?;
        engine.map(&x, &mut y, |x: f64| x)?;
        let mut empty_and_not = input(engine, 1000)?;
        let sums = engine.plan(|p| {
            let (mut y, mut z) = (p.write(&mut y), p.write(&mut empty_and_not));
            let of_none = p.step(&Update::by(1.0), &mut y);
            let of_some = p.step(&Update::by(1.0), &mut z);
            (of_none, of_some, p.step(&Update::by(1.0), &mut y))
        })?;
        let sums = [sums.0, sums.1, sums.2, engine.sum(&y)?].map(f64::to_bits);
        Ok([tally(engine, 0)?, sums.to_vec()].concat())
    });
    // No keys: the identities of all accumulators.
    assert_eq!(found[..31], [0; 31]);
    assert_eq!(found[31..62], [i64::MIN as u64; 31]);
    assert_eq!(found[62..93], [0; 31]);
}

/// y = x `by`, fused with what follows; yields the greatest distance.
#[derive(Serialize, Deserialize)]
struct Scale {
    by: f64,
}

impl Kernel for Scale {
    type Args = (In<f64>, Out<f64>);
    type Output = Max<f64>;

    fn run(&self, _: Chunk, (x, y): (&[f64], &mut [f64])) -> f64 {
        y.iter_mut().zip(x).fold(0.0, |greatest, (y, x)| {
            *y = x * self.by;
            greatest.max((*y - x).abs())
        })
    }
}

#[test]
fn a_plan_with_loops_conditions_scalars_swaps_and_stages_that_run_together() {
    let found = alike(|engine| {
        let (mut x, mut y) = (input(engine, 30_000)?, engine.zeros(30_000)?);
        let (rounds, (distance, of_stage)) = engine.plan(|p| {
            let (mut x, mut y) = (p.write(&mut x), p.write(&mut y));
            let norm = p.step(&Update::by(0.25), &mut x);
            p.repeat(3, |p| {
                p.repeat(0, |p| p.step(&Update::by(99.0), &mut x));
            });
            p.repeat(50, |p| {
                let by = with((norm, 0.75), |(norm, most)| Scale { by: most - 1.0 / norm.abs() });
                let distance = p.step(&by, (&x, &mut y));
                // One more stage of the same step, whose chunks are those of `y`.
                let of_stage = p.step(&Update::by(0.001), &mut y);
                p.swap(&mut x, &mut y);
                p.until((distance, 0.01), |(distance, enough)| distance < enough);
                (distance, of_stage)
            })
        })?;
        let scalars = [rounds, distance.to_bits(), of_stage.to_bits()];
        Ok([bits(&x), bits(&y), scalars.to_vec()].concat())
    });
    let rounds = found[60_000];
    assert!((2..50).contains(&rounds), "the condition ends it, after {rounds} rounds");
}

#[test]
fn files_are_read_by_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    input(&engine(0), 100_000).unwrap().save_npy(&path).unwrap();
    alike(|engine| Ok(bits(&engine.open_npy::<f64, Ix1>(&path)?)));
}
