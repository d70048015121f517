//! Stock computations that scaling studies measure beside the kernels of job files: those that make
//! arrays of other shapes, or of none.
//!
//! Each is written as a user would write it: what is prepared on an engine, what is run and timed,
//! and what that does. Data look random and depend on their places alone.

use crate::{
    BinCount, BlackScholes, Csr, Gather, Gravity, Mandelbrot, MatMul, PiHits, Transpose, Uniform,
    kmeans,
};
use gristmill::scale::{Work, Workload};
use gristmill::{Array, Engine, Result};
use ndarray::Ix1;
use std::time::Instant;

/// All of them.
pub(crate) fn workloads() -> [Workload<'static>; 11] {
    [
        gemm(),
        spmv(),
        transpose(),
        gather(),
        bin_count(),
        clusters(),
        nbody(),
        mandelbrot(),
        black_scholes(),
        uniform(),
        pi(),
    ]
}

/// Bytes of a number.
const F64: f64 = size_of::<f64>() as f64;
const U32: f64 = size_of::<u32>() as f64;
const U64: f64 = size_of::<u64>() as f64;

/// Numbers from `low` to below `high`; each stream has others.
fn random(engine: &Engine, n: u64, stream: u64, [low, high]: [f64; 2]) -> Result<Array<f64, Ix1>> {
    let mut x = engine.zeros(n as usize)?;
    engine.run(&Uniform { seed: 1, stream }, &mut x)?;
    x.as_mut_slice().iter_mut().for_each(|x| *x = low + (high - low) * *x);
    Ok(x)
}

/// Whole numbers from 0 to below `bound`.
fn random_below(engine: &Engine, n: u64, bound: u64) -> Result<Array<u32, Ix1>> {
    let x = random(engine, n, 0, [0.0, bound as f64])?;
    engine.from_fn(n as usize, |i| x[i] as u32)
}

/// The product of two square matrices.
fn gemm() -> Workload<'static> {
    Workload::prepared(
        "gemm",
        |engine, n| {
            let n = n as usize;
            let a = engine.from_fn((n, n), |(i, j)| ((i * n + j) % 11) as f64 - 5.0)?;
            let b = engine.from_fn((n, n), |(i, j)| ((i * n + j) % 13) as f64 - 6.0)?;
            Ok((a, b, engine.zeros((n, n))?))
        },
        |engine, (a, b, c)| engine.run(&MatMul::new(), (&*a, &*b, c)),
    )
    .sizes("rows", 1024)
    .grows(3)
    .work(gemm_work)
}

/// A product and a sum for each row, column and element of the two.
fn gemm_work(n: u64) -> Work {
    let n = n as f64;
    Work {
        bytes_read: F64 * 2.0 * n * n,
        bytes_written: F64 * n * n,
        flops: Some(2.0 * n * n * n),
        ..Work::default()
    }
}

/// Elements of each row of the sparse matrix.
const PER_ROW: u64 = 32;

/// The product of a sparse matrix and a vector. Its elements lie near the diagonal, as those of a
/// mesh do whose points are numbered well: so what a row reads of the vector stays in the caches,
/// however large the matrix is.
fn spmv() -> Workload<'static> {
    /// Columns in which a row has one element.
    const APART: u64 = 128;
    let column = |element: u64, rows: u64| {
        let (row, number) = (element / PER_ROW, element % PER_ROW);
        (row + number * APART + (element * 0x9E37_79B9) % APART) % rows
    };
    Workload::prepared(
        "spmv",
        move |engine, rows| {
            let offsets: Vec<u64> = (0..=rows).map(|row| row * PER_ROW).collect();
            let elements = 0..rows * PER_ROW;
            let columns: Vec<u32> =
                elements.clone().map(|element| column(element, rows) as u32).collect();
            let values: Vec<f64> = elements.map(|element| (element % 7) as f64 - 3.0).collect();
            let a = Csr::new(engine, [rows as usize; 2], &offsets, &columns, &values)?;
            Ok((a, random(engine, rows, 0, [0.0, 1.0])?, engine.zeros(rows as usize)?))
        },
        |engine, (a, x, y)| a.multiply(engine, x, y),
    )
    .sizes("rows", 256 << 10)
    .work(spmv_work)
}

/// The matrix is read: offset, columns and values of each row; and both vectors.
fn spmv_work(rows: u64) -> Work {
    let (rows, per_row) = (rows as f64, PER_ROW as f64);
    Work {
        bytes_read: rows * (U64 + per_row * (U32 + F64) + F64),
        bytes_written: rows * F64,
        flops: Some(rows * 2.0 * per_row),
        ..Work::default()
    }
}

/// The transpose of a square matrix.
fn transpose() -> Workload<'static> {
    Workload::prepared(
        "transpose",
        |engine, n| {
            let n = n as usize;
            Ok((engine.from_fn((n, n), |(i, j)| (i * n + j) as f64)?, engine.zeros((n, n))?))
        },
        |engine, (x, y)| engine.run(&Transpose::new(), (&*x, y)),
    )
    .sizes("rows", 4096)
    .grows(2)
    .work(|n| moved(F64 * n as f64 * n as f64, F64 * n as f64 * n as f64))
}

/// Work that only moves bytes, or of which other operations are not told.
fn moved(bytes_read: f64, bytes_written: f64) -> Work {
    Work { bytes_read, bytes_written, ..Work::default() }
}

/// Elements picked at random, as many as there are.
fn gather() -> Workload<'static> {
    Workload::prepared(
        "gather",
        |engine, n| {
            let index = random_below(engine, n, n.min(1 << 32))?;
            Ok((random(engine, n, 1, [0.0, 1.0])?, index, engine.zeros(n as usize)?))
        },
        |engine, (x, index, y)| engine.run(&Gather::new(), (&*x, &*index, y)),
    )
    .sizes("elements", 4 << 20)
    .work(|n| moved((F64 + U32) * n as f64, F64 * n as f64))
}

/// Whole numbers counted.
fn bin_count() -> Workload<'static> {
    const BINS: u64 = 1024;
    Workload::prepared(
        "bin_count",
        |engine, n| Ok((random_below(engine, n, BINS)?, engine.zeros(BINS as usize)?)),
        |engine, (x, counts)| engine.run(&BinCount::new(), (&*x, counts)),
    )
    .sizes("elements", 32 << 20)
    .work(|n| moved(U32 * n as f64, U64 * BINS as f64))
}

/// Iterations of k-means, coordinates of a point, and centres.
const ITERATIONS: u64 = 4;
const AXES: u64 = 16;
const CENTRES: u64 = 16;

/// Points that are grouped around centres; the first of them are where it begins.
fn clusters() -> Workload<'static> {
    Workload::timed(
        "kmeans",
        |engine, n| {
            let axes = AXES as usize;
            let x = random(engine, n * AXES, 0, [0.0, 1.0])?;
            let points = engine.from_fn((n as usize, axes), |(i, axis)| x[i * axes + axis])?;
            Ok((points, engine.zeros((CENTRES as usize, axes))?, engine.zeros(n as usize)?))
        },
        |engine, (points, centres, labels)| {
            let first = points.as_slice().iter().cycle();
            centres.as_mut_slice().iter_mut().zip(first).for_each(|(centre, x)| *centre = *x);
            let start = Instant::now();
            kmeans(engine, points, centres, labels, 0.0, ITERATIONS)?;
            Ok(start.elapsed())
        },
    )
    .sizes("points", 128 << 10)
    .work(clusters_work)
}

/// In each iteration the points are read, and then once more for the labels: a difference, a
/// product and a sum for each coordinate and centre. In an iteration each point is added to its
/// centre and counted; what remains to be done for the centres is left out.
fn clusters_work(points: u64) -> Work {
    let [points, axes, centres] = [points, AXES, CENTRES].map(|count| count as f64);
    let iterations = ITERATIONS as f64;
    let distances = 3.0 * axes * centres;
    Work {
        bytes_read: (iterations + 1.0) * F64 * points * axes,
        bytes_written: U32 * points,
        footprint: Some((F64 * axes + U32) * points),
        flops: Some(points * (iterations * (distances + axes + 1.0) + distances + 1.0)),
        ..Work::default()
    }
}

/// The accelerations of bodies by the gravity of all others.
fn nbody() -> Workload<'static> {
    let gravity = Gravity { constant: 1.0, softening: 0.01 };
    Workload::prepared(
        "nbody",
        |engine, n| {
            let n = n as usize;
            let masses = engine.filled(n, 1.0 / n as f64)?;
            let x = random(engine, 3 * n as u64, 0, [0.0, 1.0])?;
            let x = engine.from_fn((3, n), |(axis, body)| x[axis * n + body])?;
            Ok((masses, x, engine.zeros((3, n))?))
        },
        move |engine, (masses, x, a)| engine.run(&gravity, (&*masses, &*x, a)),
    )
    .sizes("bodies", 8192)
    .grows(2)
    .work(nbody_work)
}

/// Each body is paired with all, itself included; then its pull is scaled. Masses and places are
/// read.
fn nbody_work(n: u64) -> Work {
    let n = n as f64;
    Work {
        bytes_read: F64 * 4.0 * n,
        bytes_written: F64 * 3.0 * n,
        flops: Some(Gravity::FLOPS_PER_PAIR as f64 * n * n + 3.0 * n),
        ..Work::default()
    }
}

/// A square picture of the whole set. How many steps its points take is not known beforehand, but
/// it grows with the number of points.
fn mandelbrot() -> Workload<'static> {
    let set = Mandelbrot { real: [-2.0, 0.5], imaginary: [-1.25, 1.25], steps_max: 500 };
    Workload::prepared(
        "mandelbrot",
        |engine, n| engine.zeros((n as usize, n as usize)),
        move |engine, steps| engine.run(&set, steps),
    )
    .sizes("rows", 1024)
    .grows(2)
    .work(|n| moved(0.0, U32 * n as f64 * n as f64))
}

/// Prices of calls and puts.
fn black_scholes() -> Workload<'static> {
    let market = BlackScholes { rate: 0.02, volatility: 0.3 };
    Workload::prepared(
        "black_scholes",
        |engine, n| {
            let stock = random(engine, n, 0, [5.0, 30.0])?;
            let strike = random(engine, n, 1, [1.0, 100.0])?;
            let years = random(engine, n, 2, [0.25, 10.0])?;
            let (call, put) = (engine.zeros(n as usize)?, engine.zeros(n as usize)?);
            Ok((stock, strike, years, call, put))
        },
        move |engine, (stock, strike, years, call, put)| {
            engine.run(&market, (&*stock, &*strike, &*years, call, put))
        },
    )
    .sizes("options", 1 << 20)
    .work(black_scholes_work)
}

/// The logarithms, exponentials and distribution functions are polynomials of ours, whose
/// operations are known.
fn black_scholes_work(n: u64) -> Work {
    let n = n as f64;
    Work {
        bytes_read: F64 * 3.0 * n,
        bytes_written: F64 * 2.0 * n,
        flops: Some(BlackScholes::FLOPS_PER_OPTION as f64 * n),
        ..Work::default()
    }
}

/// Random numbers, which are made of integers.
fn uniform() -> Workload<'static> {
    Workload::prepared(
        "uniform",
        |engine, n| engine.zeros(n as usize),
        |engine, x| engine.run(&Uniform { seed: 1, stream: 0 }, x),
    )
    .sizes("elements", 4 << 20)
    .work(|n| moved(0.0, F64 * n as f64))
}

/// Points of each of the streams by which pi is found.
const POINTS: u64 = 4096;

/// Random points, those within a circle counted.
fn pi() -> Workload<'static> {
    Workload::prepared(
        "pi",
        |engine, streams| engine.zeros(streams as usize),
        |engine, hits| engine.run(&PiHits { seed: 1, points: POINTS }, hits),
    )
    .sizes("streams", 1024)
    .work(pi_work)
}

/// For each of its two coordinates a point takes a sum and a product to make it, and a square; and
/// then the sum of the squares. The random words are made of integers.
fn pi_work(streams: u64) -> Work {
    let points = (streams * POINTS) as f64;
    Work { bytes_written: U64 * streams as f64, flops: Some(7.0 * points), ..Work::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_by_hand() {
        let gemm = gemm_work(2);
        // Four elements of two products and two sums each, the first one with 0.
        assert_eq!(gemm.flops, Some(16.0));
        assert_eq!([gemm.bytes_read, gemm.bytes_written], [64.0, 32.0]);
        let spmv = spmv_work(10);
        assert_eq!(spmv.flops, Some(640.0));
        assert_eq!([spmv.bytes_read, spmv.bytes_written], [80.0 + 3840.0 + 80.0, 80.0]);
        // Three bodies: nine pairs.
        assert_eq!(nbody_work(3).flops, Some(9.0 * 38.0 + 9.0));
        assert_eq!(nbody_work(3).bytes(), 3.0 * 7.0 * 8.0);
        // Five times the distances to 16 centres in 16 coordinates; four times a sum of 17, and
        // the inertia.
        assert_eq!(clusters_work(1).flops, Some(5.0 * 768.0 + 4.0 * 17.0 + 1.0));
        assert_eq!(black_scholes_work(2).flops, Some(2.0 * 276.0));
        assert_eq!(pi_work(1).flops, Some(7.0 * 4096.0));
    }
}
