//! Sparse rows times a vector, the transpose of a matrix, and a stencil.

use crate::measure::{Bench, Row, Unit, timed};
use crate::memory::{huge_vec_by, vec_by};
use crate::openmp;
use crate::{engine, pool, together};
use gristmill_kernels::{Csr, Transpose, heat};
use multiversion::multiversion;
use rayon::ThreadPool;
use rayon::prelude::*;

/// As the OpenMP peer checks its results: weighted, so that what lies in the wrong place is noticed.
fn checked(of: &[f64], step: usize) -> Option<f64> {
    let places = (0..of.len()).step_by(step);
    Some(places.map(|i| of[i] * (i % 13) as f64).sum())
}

/// Every how many elements of a large array are checked.
const SAMPLE: usize = 97;

/// Rows of the sparse matrix, a power of two, and elements of each.
const SPARSE: usize = 1 << 20;
const PER_ROW: usize = 10;
const ELEMENTS: usize = SPARSE * PER_ROW;

pub(crate) fn spmv(bench: &Bench) -> Vec<Row> {
    let rows = together(bench).into_iter().flat_map(|workers| {
        let names = [("spmv, banded", false), ("spmv, random", true)];
        names.map(|(name, random)| spmv_with(bench, workers, name, random))
    });
    rows.collect()
}

/// The column of an element.
fn column(random: bool, element: usize) -> u32 {
    let at = match random {
        true => (element as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32,
        false => (element / PER_ROW + element % PER_ROW) as u64,
    };
    at as u32 & (SPARSE as u32 - 1)
}

/// A matrix and vectors of a user of rayon.
struct Sparse {
    offsets: Vec<u64>,
    columns: Vec<u32>,
    values: Vec<f64>,
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Sparse {
    fn multiply(&mut self, pool: &ThreadPool) {
        const PIECE: usize = 4096;
        let Sparse { offsets, columns, values, x, y } = self;
        pool.install(|| {
            let pieces = y.par_chunks_mut(PIECE).enumerate();
            pieces.for_each(|(piece, y)| {
                let offsets = &offsets[piece * PIECE..];
                for (y, bounds) in y.iter_mut().zip(offsets.windows(2)) {
                    let row = bounds[0] as usize..bounds[1] as usize;
                    let elements = columns[row.clone()].iter().zip(&values[row]);
                    *y = elements.map(|(column, value)| value * x[*column as usize]).sum();
                }
            });
        });
    }
}

fn spmv_with(bench: &Bench, workers: usize, name: &str, random: bool) -> Row {
    let (engine, pool) = (engine(workers), pool(workers));
    let mut plain = Sparse {
        offsets: vec_by(&pool, SPARSE + 1, |row| (row * PER_ROW) as u64),
        columns: vec_by(&pool, ELEMENTS, |element| column(random, element)),
        values: vec_by(&pool, ELEMENTS, |element| (element % 7) as f64),
        x: vec_by(&pool, SPARSE, |i| (i % 11) as f64),
        y: vec_by(&pool, SPARSE, |_| 0.0),
    };
    let mut huge = Sparse {
        offsets: huge_vec_by(&pool, SPARSE + 1, |row| plain.offsets[row]),
        columns: huge_vec_by(&pool, ELEMENTS, |element| plain.columns[element]),
        values: huge_vec_by(&pool, ELEMENTS, |element| plain.values[element]),
        x: huge_vec_by(&pool, SPARSE, |i| plain.x[i]),
        y: huge_vec_by(&pool, SPARSE, |_| 0.0),
    };
    let shape = [SPARSE; 2];
    let a = Csr::new(&engine, shape, &plain.offsets, &plain.columns, &plain.values);
    let (a, x) = (a.expect("memory"), engine.from_fn(SPARSE, |i| (i % 11) as f64));
    let (x, mut y) = (x.expect("memory"), engine.zeros(SPARSE).expect("memory"));
    a.multiply(&engine, &x, &mut y).expect("runs");
    let expected = checked(y.as_slice(), 1);
    let sizes = [SPARSE, random.into()];
    let mut sides = vec![
        timed("ours", || a.multiply(&engine, &x, &mut y).expect("runs")),
        timed("rayon", || plain.multiply(&pool)),
        timed("rayon, huge pages", || huge.multiply(&pool)),
    ];
    sides.extend(openmp::checked_side(workers, "spmv", &sizes, expected));
    let unit = Unit::GigaflopsPerSecond(2.0 * ELEMENTS as f64);
    let row = bench.compare(name, workers, unit, Some(1.0), sides);
    assert!(y.as_slice() == plain.y && plain.y == huge.y);
    row
}

/// By way of a copy of each block, as columns of a matrix of this size share few sets of the caches.
fn transpose_with(pool: &ThreadPool, n: usize, x: &[f64], y: &mut [f64]) {
    const BLOCK: usize = 32;
    pool.install(|| {
        y.par_chunks_mut(BLOCK * n).enumerate().for_each(|(band, y)| {
            for left in (0..n).step_by(BLOCK) {
                let mut turned = [[0.0; BLOCK]; BLOCK];
                for i in 0..BLOCK {
                    let x = &x[(left + i) * n + band * BLOCK..][..BLOCK];
                    turned.iter_mut().zip(x).for_each(|(turned, x)| turned[i] = *x);
                }
                for (y, turned) in y.chunks_exact_mut(n).zip(&turned) {
                    y[left..left + BLOCK].copy_from_slice(turned);
                }
            }
        });
    });
}

pub(crate) fn transpose(bench: &Bench) -> Vec<Row> {
    const N: usize = 8192;
    let rows = together(bench).into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let of = |i: usize| (i % 1000) as f64;
        let x = engine.from_fn((N, N), |(i, j)| of(i * N + j)).expect("memory");
        let mut y = engine.zeros((N, N)).expect("memory");
        let (their_x, huge_x) = (vec_by(&pool, N * N, of), huge_vec_by(&pool, N * N, of));
        let mut their_y = vec_by(&pool, N * N, |_| 0.0);
        let mut huge_y = huge_vec_by(&pool, N * N, |_| 0.0);
        engine.run(&Transpose::new(), (&x, &mut y)).expect("runs");
        let expected = checked(y.as_slice(), SAMPLE);
        let mut sides = vec![
            timed("ours", || engine.run(&Transpose::new(), (&x, &mut y)).expect("runs")),
            timed("rayon", || transpose_with(&pool, N, &their_x, &mut their_y)),
            timed("rayon, huge pages", || transpose_with(&pool, N, &huge_x, &mut huge_y)),
        ];
        sides.extend(openmp::checked_side(workers, "transpose", &[N], expected));
        let unit = Unit::GigabytesPerSecond(2.0 * 8.0 * (N * N) as f64);
        let row = bench.compare("transpose", workers, unit, Some(1.1), sides);
        assert!(y.as_slice() == their_y && their_y == huge_y);
        row
    });
    rows.collect()
}

const RATE: f64 = 0.2;

/// One sweep after the other; the result is in `old`, if there is an even number.
fn heat_with(pool: &ThreadPool, n: usize, sweeps: usize, [old, new]: [&mut Vec<f64>; 2]) {
    const ROWS: usize = 16;
    for _ in 0..sweeps {
        pool.install(|| {
            let inner = &mut new[n..(n - 1) * n];
            inner.par_chunks_mut(ROWS * n).enumerate().for_each(|(band, new)| {
                for (row, new) in new.chunks_exact_mut(n).enumerate() {
                    let at = (1 + band * ROWS + row) * n;
                    heat_row(&old[at - n..at], &old[at..at + n], &old[at + n..at + 2 * n], new);
                }
            });
        });
        std::mem::swap(old, new);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn heat_row(north: &[f64], here: &[f64], south: &[f64], new: &mut [f64]) {
    let cells = here.len() - 2;
    let (west, east) = (&here[..cells], &here[2..][..cells]);
    let (north, south) = (&north[1..][..cells], &south[1..][..cells]);
    let (here, new) = (&here[1..][..cells], &mut new[1..][..cells]);
    for i in 0..cells {
        let around = (north[i] + south[i]) + (west[i] + east[i]);
        new[i] = here[i] + RATE * (around - 4.0 * here[i]);
    }
}

/// A hundred sweeps over a grid that exceeds the caches. Ours and rayon's go on from where their
/// round before ended, as they replace the grid.
pub(crate) fn stencil(bench: &Bench) -> Vec<Row> {
    const N: usize = 4096;
    const SWEEPS: usize = 100;
    let rows = together(bench).into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let of = |i: usize| (i % 1000) as f64;
        let start = || engine.from_fn((N, N), |(i, j)| of(i * N + j)).expect("memory");
        let mut grid = start();
        heat(&engine, &mut grid, RATE, 0.0, SWEEPS as u64).expect("runs");
        let expected = checked(grid.as_slice(), SAMPLE);
        grid = start();
        let [mut old, mut new] = [(); 2].map(|()| vec_by(&pool, N * N, of));
        let mut sides = vec![
            timed("ours", || heat(&engine, &mut grid, RATE, 0.0, SWEEPS as u64).expect("runs")),
            timed("rayon", || heat_with(&pool, N, SWEEPS, [&mut old, &mut new])),
        ];
        sides.extend(openmp::checked_side(workers, "heat", &[N, SWEEPS], expected));
        let unit = Unit::MillionsPerSecond((N * N * SWEEPS) as f64);
        let row = bench.compare("stencil", workers, unit, Some(1.3), sides);
        assert!(grid.as_slice() == old, "the sweeps differ");
        row
    });
    rows.collect()
}
