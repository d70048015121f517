//! What the soak runs: every stock kernel and every way in which a kernel can reach its arrays. Each
//! gives the bits of its results.

use gristmill::{Add, Array, Chunk, Engine, In, InOut, Kernel, Merge, Result, Sum};
use gristmill_kernels as kernels;
use ndarray::{Dimension, Ix1, Ix2};
use serde::{Deserialize, Serialize};

/// Arrays to read.
pub(crate) struct Data {
    x: Array<f64, Ix1>,
    y: Array<f64, Ix1>,
    grid: Array<f64, Ix2>,
}

/// Elements of a vector: some dozens of chunks.
const LENGTH: usize = 200_003;
const GRID: (usize, usize) = (301, 257);
const CELL: [f64; 2] = [92.6, 74.4];

impl Data {
    pub(crate) fn new(engine: &Engine) -> Result<Data> {
        Ok(Data {
            x: engine.from_fn(LENGTH, |i| ((i * 7919) % 10_007) as f64 / 1e3 - 5.0)?,
            y: engine.from_fn(LENGTH, |i| 1.0 + ((i * 31) % 101) as f64 * 1e-5)?,
            grid: engine.from_fn(GRID, |(i, j)| ((i * 37 + j * 11) % 503) as f64)?,
        })
    }
}

/// Something to run, which gives the bits of its results.
type Run = fn(&Engine, &Data) -> Result<Vec<u64>>;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let all: [(&'static str, Run); 9] = [
        ("closures", closures),
        ("sums and extremes", reductions),
        ("statistics", statistics),
        ("arrays", arrays),
        ("in place", in_place),
        ("accumulators", accumulators),
        ("maps of terrain", maps),
        ("a plan with a loop", plan),
        ("tasks", tasks),
    ];
    all.into_iter().map(|(name, run)| Case { name, run }).collect()
}

fn bits<D: Dimension>(array: &Array<f64, D>) -> impl Iterator<Item = u64> {
    array.as_slice().iter().map(|x| x.to_bits())
}

/// Of what has no more bits than its `Debug` shows, which is exact.
fn text(value: &dyn std::fmt::Debug) -> impl Iterator<Item = u64> {
    format!("{value:?}").into_bytes().into_iter().map(u64::from)
}

fn closures(engine: &Engine, data: &Data) -> Result<Vec<u64>> {
    let (mut y, mut z) = (engine.zeros(LENGTH)?, engine.zeros(LENGTH)?);
    engine.map(&data.x, &mut y, |x: f64| (x * x + 1.0).sqrt())?;
    engine.zip_map(&data.x, &y, &mut z, |x: f64, y: f64| x / y)?;
    let sum: f64 = engine.sum(&z)?;
    Ok(bits(&y).chain(bits(&z)).chain([sum.to_bits()]).collect())
}

fn reductions(engine: &Engine, data: &Data) -> Result<Vec<u64>> {
    let (x, y) = (&data.x, &data.y);
    let floats = [
        engine.run(&kernels::Sum::new(), x)?,
        engine.run(&kernels::SumExact::new(), x)?.to_f64(),
        engine.run(&kernels::Dot::new(), (x, y))?,
        engine.run(&kernels::Prod::new(), y)?,
        engine.run(&kernels::Min::new(), x)?,
        engine.run(&kernels::Max::new(), x)?,
    ];
    Ok(floats.into_iter().map(f64::to_bits).collect())
}

fn statistics(engine: &Engine, data: &Data) -> Result<Vec<u64>> {
    let x = &data.x;
    Ok(text(&engine.run(&kernels::Norm2::new(), x)?)
        .chain(text(&engine.run(&kernels::Mean::new(), x)?))
        .chain(text(&engine.run(&kernels::Variance::new(), x)?))
        .chain(text(&engine.run(&kernels::Summary::new(), x)?))
        .chain(text(&engine.run(&kernels::ArgMin::new(), x)?))
        .chain(text(&engine.run(&kernels::ArgMax::new(), x)?))
        .collect())
}

fn arrays(engine: &Engine, data: &Data) -> Result<Vec<u64>> {
    let mut z = engine.zeros(LENGTH)?;
    let mut all = vec![];
    engine.run(&kernels::Fill { value: 0.1 }, &mut z)?;
    all.extend(bits(&z));
    engine.run(&kernels::CopyTo::new(), (&data.x, &mut z))?;
    all.extend(bits(&z));
    engine.run(&kernels::Triad { a: 0.7 }, (&data.x, &data.y, &mut z))?;
    all.extend(bits(&z));
    kernels::scan(engine, &data.x, &mut z, kernels::Scan::Inclusive)?;
    all.extend(bits(&z));
    kernels::scan(engine, &data.y, &mut z, kernels::Scan::Exclusive)?;
    all.extend(bits(&z));
    engine.run(&kernels::Uniform { seed: 1, stream: 2 }, &mut z)?;
    all.extend(bits(&z));
    let mut hits = engine.zeros(300)?;
    engine.run(&kernels::PiHits { seed: 1, points: 100 }, &mut hits)?;
    all.extend(hits.as_slice());
    let mut transposed = engine.zeros((GRID.1, GRID.0))?;
    engine.run(&kernels::Transpose::new(), (&data.grid, &mut transposed))?;
    all.extend(bits(&transposed));
    Ok(all)
}

/// x = x / 3 + 1: what is done twice shows.
#[derive(Serialize, Deserialize)]
struct Update;

impl Kernel for Update {
    type Args = InOut<f64>;
    type Output = Sum<f64>;

    fn run(&self, _: Chunk, x: &mut [f64]) -> f64 {
        x.iter_mut().for_each(|x| *x = *x / 3.0 + 1.0);
        x.iter().sum()
    }
}

fn in_place(engine: &Engine, data: &Data) -> Result<Vec<u64>> {
    let mut z = engine.array_from(&data.x.view())?;
    let sums = [engine.run(&Update, &mut z)?, engine.run(&Update, &mut z)?];
    engine.run(&kernels::Axpy { a: 0.3 }, (&data.y, &mut z))?;
    Ok(bits(&z).chain(sums.map(f64::to_bits)).collect())
}

/// Counts in a reduction cell, and sums of floats in groups.
#[derive(Serialize, Deserialize)]
struct ByResidue;

impl Kernel for ByResidue {
    type Args = (In<f64>, Merge<u64, Add>, Merge<f64, Add>);
    type Output = ();

    fn run(&self, _: Chunk, (x, counts, sums): (&[f64], &mut [u64], &mut [f64])) {
        for x in x {
            let residue = x.to_bits() as usize % counts.len();
            counts[residue] += 1;
            sums[residue] += x;
        }
    }
}

fn accumulators(engine: &Engine, data: &Data) -> Result<Vec<u64>> {
    let (mut counts, mut sums) = (engine.zeros(97)?, engine.zeros(97)?);
    engine.run(&ByResidue, (&data.x, &mut counts, &mut sums))?;
    let mut histogram = engine.zeros(100)?;
    let outside =
        engine.run(&kernels::Histogram::new(100, [-4.0, 4.0]), (&data.x, &mut histogram))?;
    let counts = counts.as_slice().iter().chain(histogram.as_slice()).copied();
    Ok(counts.chain(bits(&sums)).chain(text(&outside)).collect())
}

fn maps(engine: &Engine, data: &Data) -> Result<Vec<u64>> {
    let (z, mut map) = (&data.grid, engine.zeros(GRID)?);
    let mut all = vec![];
    engine.run(&kernels::Slope { cell: CELL }, (z, &mut map))?;
    all.extend(bits(&map));
    let light = kernels::Hillshade { azimuth: 315.0, altitude: 45.0, z_factor: 1.0, cell: CELL };
    engine.run(&light, (z, &mut map))?;
    all.extend(bits(&map));
    engine.run(&kernels::SkyView { azimuths: 4, radius: 6, cell: CELL }, (z, &mut map))?;
    all.extend(bits(&map));
    Ok(all)
}

fn plan(engine: &Engine, data: &Data) -> Result<Vec<u64>> {
    let mut grid = engine.array_from(&data.grid.view())?;
    let end = kernels::heat(engine, &mut grid, 0.2, 1e-9, 50)?;
    Ok(bits(&grid).chain(text(&end)).collect())
}

fn tasks(engine: &Engine, _: &Data) -> Result<Vec<u64>> {
    let squares = |n: u64| (0..6000).map(|i| (n + i) * (n + i)).collect::<Vec<u64>>();
    let results: Result<Vec<Vec<u64>>> = engine.tasks().map(squares, 0..24)?.collect();
    Ok(results?.concat())
}
