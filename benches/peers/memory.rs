//! Passes over large arrays: what memory gives, and sines.

use crate::measure::{Bench, Row, Side, Unit, timed};
use crate::openmp;
use crate::{alone_and_together, engine, pool, together};
use gristmill::Engine;
use gristmill_kernels::{Axpy, CopyTo, Dot, Max, SumExact, Triad};
use multiversion::multiversion;
use ndarray::Ix1;
use rayon::ThreadPool;
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// Elements of the 64 MiB arrays.
pub(crate) const N: usize = 8 << 20;
/// Elements per piece, as one cuts for rayon: large enough to cost nothing, small enough to share.
pub(crate) const PIECE: usize = 32 << 10;

/// A `Vec` whose pages are first touched by the threads that will work on them.
pub(crate) fn vec_by<T: Send>(
    pool: &ThreadPool,
    n: usize,
    of: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    touched(pool, Vec::with_capacity(n), n, of)
}

/// The same with huge pages, for whoever knows how to ask for them.
pub(crate) fn huge_vec_by<T: Send>(
    pool: &ThreadPool,
    n: usize,
    of: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    use nix::sys::mman::{MmapAdvise, madvise};
    let mut values: Vec<T> = Vec::with_capacity(n);
    let start = values.as_mut_ptr() as usize;
    let (first, end) = (start.next_multiple_of(4096), (start + n * size_of::<T>()) / 4096 * 4096);
    let address = std::ptr::NonNull::new(first as *mut std::ffi::c_void).expect("not null");
    // SAFETY: whole pages of a fresh allocation; the advice changes nothing that can be seen.
    // Where it is refused, pages are small.
    let _ = unsafe { madvise(address, end - first, MmapAdvise::MADV_HUGEPAGE) };
    touched(pool, values, n, of)
}

fn touched<T: Send>(
    pool: &ThreadPool,
    mut values: Vec<T>,
    n: usize,
    of: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let spare: &mut [MaybeUninit<T>] = &mut values.spare_capacity_mut()[..n];
    pool.install(|| {
        spare.par_chunks_mut(PIECE).enumerate().for_each(|(piece, values)| {
            for (i, value) in values.iter_mut().enumerate() {
                value.write(of(piece * PIECE + i));
            }
        });
    });
    // SAFETY: the loop above has written each of the first `n` elements.
    unsafe { values.set_len(n) };
    values
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn triad_piece(x: &mut [f64], b: &[f64], c: &[f64]) {
    for ((x, b), c) in x.iter_mut().zip(b).zip(c) {
        *x = b + 3.0 * c;
    }
}

pub(crate) fn triad_with(pool: &ThreadPool, b: &[f64], c: &[f64], x: &mut [f64]) {
    pool.install(|| {
        let pieces = x.par_chunks_mut(PIECE).zip(b.par_chunks(PIECE)).zip(c.par_chunks(PIECE));
        pieces.for_each(|((x, b), c)| triad_piece(x, b, c));
    });
}

/// A thread for each part, started anew each time.
fn triad_by_threads(threads: usize, b: &[f64], c: &[f64], x: &mut [f64]) {
    let part = x.len().div_ceil(threads);
    std::thread::scope(|scope| {
        for ((x, b), c) in x.chunks_mut(part).zip(b.chunks(part)).zip(c.chunks(part)) {
            scope.spawn(|| triad_piece(x, b, c));
        }
    });
}

/// A pass over 64 MiB arrays.
struct Pass {
    name: &'static str,
    /// Arrays that are read or written.
    arrays: usize,
    /// It writes one of them.
    writes: bool,
    goal: f64,
    /// What OpenMP's result must be.
    expected: Option<f64>,
}

impl Pass {
    /// Its row: of these sides, and OpenMP's.
    fn row<'a>(self, bench: &Bench, workers: usize, mut sides: Vec<Side<'a>>) -> Row {
        let Pass { name, arrays, writes, goal, expected } = self;
        sides.extend(openmp::checked_side(workers, name, &[N], expected));
        // As many bytes in all, of one array that is read or three of which one is written.
        let (row, n) = if writes { ("stream_triad", arrays * N / 3) } else { ("read", arrays * N) };
        let roof = openmp::side("the roof", openmp::Wait::Active, workers, row, &[n]);
        sides.extend(roof.map(|roof| Side::from(roof).into_roof()));
        let unit = Unit::GigabytesPerSecond(arrays as f64 * 8.0 * N as f64);
        bench.compare(name, workers, unit, Some(goal), sides)
    }
}

/// What the OpenMP peer reads, as its `three_arrays` makes it: y and z.
pub(crate) fn remainder(i: usize) -> f64 {
    (i % 1000) as f64
}

/// The last element of its triad of `n`.
pub(crate) fn last_of_triad(n: usize) -> f64 {
    (n - 1) as f64 + 3.0 * remainder(n - 1)
}

pub(crate) fn triad(bench: &Bench) -> Vec<Row> {
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let b = engine.from_fn(N, |i| i as f64).expect("memory");
        let c = engine.filled(N, 0.5).expect("memory");
        let mut x = engine.zeros(N).expect("memory");
        let (their_b, their_c) = (vec_by(&pool, N, |i| i as f64), vec_by(&pool, N, |_| 0.5));
        let mut their_x = vec_by(&pool, N, |_| 0.0);
        let (huge_b, huge_c) =
            (huge_vec_by(&pool, N, |i| i as f64), huge_vec_by(&pool, N, |_| 0.5));
        let mut huge_x = huge_vec_by(&pool, N, |_| 0.0);
        let mut scoped = vec_by(&pool, N, |_| 0.0);
        let sides = vec![
            timed("ours", || engine.run(&Triad { a: 3.0 }, (&b, &c, &mut x)).expect("runs")),
            timed("rayon", || triad_with(&pool, &their_b, &their_c, &mut their_x)),
            timed("rayon, huge pages", || triad_with(&pool, &huge_b, &huge_c, &mut huge_x)),
            timed("thread::scope", || triad_by_threads(workers, &their_b, &their_c, &mut scoped)),
        ];
        let expected = Some(last_of_triad(N));
        let pass = Pass { name: "triad", arrays: 3, writes: true, goal: 1.2, expected };
        let row = pass.row(bench, workers, sides);
        assert!(x.as_slice() == their_x && their_x == scoped);
        row
    });
    rows.collect()
}

pub(crate) fn copy(bench: &Bench) -> Vec<Row> {
    let expected = Some(remainder(N - 1));
    y_of_x(
        bench,
        || Pass { name: "copy", arrays: 2, writes: true, goal: 1.2, expected },
        |engine, x, y| engine.run(&CopyTo::new(), (x, y)),
        |x, y| y.copy_from_slice(x),
    )
}

pub(crate) fn axpy(bench: &Bench) -> Vec<Row> {
    const A: f64 = 1e-9;
    y_of_x(
        bench,
        || Pass { name: "axpy", arrays: 3, writes: true, goal: 1.2, expected: None },
        |engine, x, y| engine.run(&Axpy { a: A }, (x, y)),
        |x, y| axpy_piece(A, x, y),
    )
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn axpy_piece(a: f64, x: &[f64], y: &mut [f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}

type Array = gristmill::Array<f64, Ix1>;

/// Rows in which one array is made of another, piece by piece with rayon.
fn y_of_x(
    bench: &Bench,
    pass: impl Fn() -> Pass,
    ours: impl Fn(&Engine, &Array, &mut Array) -> gristmill::Result<()>,
    theirs: impl Fn(&[f64], &mut [f64]) + Sync,
) -> Vec<Row> {
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let x = engine.from_fn(N, |i| i as f64).expect("memory");
        let mut y = engine.zeros(N).expect("memory");
        let their_x = vec_by(&pool, N, |i| i as f64);
        let mut their_y = vec_by(&pool, N, |_| 0.0);
        let sides = vec![
            timed("ours", || ours(&engine, &x, &mut y).expect("runs")),
            timed("rayon", || {
                pool.install(|| {
                    let pieces = their_y.par_chunks_mut(PIECE).zip(their_x.par_chunks(PIECE));
                    pieces.for_each(|(y, x)| theirs(x, y));
                });
            }),
        ];
        let row = pass().row(bench, workers, sides);
        assert_eq!(y.as_slice(), their_y);
        row
    });
    rows.collect()
}

/// The sum of products in 32 lanes, as one writes it who knows that float additions wait.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub(crate) fn dot_in_lanes(x: &[f64], y: &[f64]) -> f64 {
    let mut lanes = [0.0; 32];
    let (x, x_rest) = x.as_chunks::<32>();
    let (y, y_rest) = y.as_chunks::<32>();
    for (x, y) in x.iter().zip(y) {
        lanes.iter_mut().zip(x).zip(y).for_each(|((lane, x), y)| *lane += x * y);
    }
    let rest: f64 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
    lanes.iter().sum::<f64>() + rest
}

pub(crate) fn dot(bench: &Bench) -> Vec<Row> {
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let x = engine.from_fn(N, remainder).expect("memory");
        let y = engine.from_fn(N, |i| i as f64).expect("memory");
        let (their_x, their_y) = (vec_by(&pool, N, remainder), vec_by(&pool, N, |i| i as f64));
        let expected = Some(engine.run(&Dot::new(), (&x, &y)).expect("runs"));
        let sides = vec![
            timed("ours", || engine.run(&Dot::new(), (&x, &y)).expect("runs")),
            timed("rayon, 32 lanes", || {
                pool.install(|| {
                    let pieces = their_x.par_chunks(PIECE).zip(their_y.par_chunks(PIECE));
                    pieces.map(|(x, y)| dot_in_lanes(x, y)).sum::<f64>()
                })
            }),
        ];
        Pass { name: "dot", arrays: 2, writes: false, goal: 0.97, expected }
            .row(bench, workers, sides)
    });
    rows.collect()
}

/// The greatest of a slice in 32 lanes.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn max_in_lanes(x: &[f64]) -> f64 {
    let mut lanes = [f64::NEG_INFINITY; 32];
    let (blocks, rest) = x.as_chunks::<32>();
    let greater = |a: f64, b: f64| if b > a { b } else { a };
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(lane, x)| *lane = greater(*lane, *x));
    }
    lanes.iter().chain(rest).copied().fold(f64::NEG_INFINITY, greater)
}

pub(crate) fn max(bench: &Bench) -> Vec<Row> {
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let x = engine.from_fn(N, remainder).expect("memory");
        let their_x = vec_by(&pool, N, remainder);
        let expected = Some(engine.run(&Max::new(), &x).expect("runs"));
        let sides = vec![
            timed("ours", || engine.run(&Max::new(), &x).expect("runs")),
            timed("rayon, 32 lanes", || {
                pool.install(|| {
                    let greatest = their_x.par_chunks(PIECE).map(max_in_lanes);
                    greatest.reduce(|| f64::NEG_INFINITY, f64::max)
                })
            }),
        ];
        Pass { name: "max", arrays: 1, writes: false, goal: 0.97, expected }
            .row(bench, workers, sides)
    });
    rows.collect()
}

/// The sum of a slice in 32 lanes, as one writes it who knows that float additions wait.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
pub(crate) fn in_lanes(x: &[f64]) -> f64 {
    let mut lanes = [0.0; 32];
    let (blocks, rest) = x.as_chunks::<32>();
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(lane, x)| *lane += x);
    }
    lanes.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

fn sum_by_threads(threads: usize, x: &[f64]) -> f64 {
    std::thread::scope(|scope| {
        let parts = x.chunks(x.len().div_ceil(threads));
        let parts: Vec<_> = parts.map(|part| scope.spawn(|| in_lanes(part))).collect();
        parts.into_iter().map(|part| part.join().expect("it adds up")).sum()
    })
}

pub(crate) fn sum(bench: &Bench) -> Vec<Row> {
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let x = engine.from_fn(N, remainder).expect("memory");
        let (their_x, huge_x) = (vec_by(&pool, N, remainder), huge_vec_by(&pool, N, remainder));
        let expected = Some(engine.sum(&x).expect("runs"));
        let sides = vec![
            timed("ours", || engine.sum(&x).expect("runs")),
            timed("rayon, par_iter", || pool.install(|| their_x.par_iter().sum::<f64>())),
            timed("rayon, 32 lanes", || {
                pool.install(|| their_x.par_chunks(PIECE).map(in_lanes).sum::<f64>())
            }),
            timed("thread::scope, lanes", || sum_by_threads(workers, &their_x)),
            timed("… and huge pages", || {
                pool.install(|| huge_x.par_chunks(PIECE).map(in_lanes).sum::<f64>())
            }),
        ];
        Pass { name: "sum", arrays: 1, writes: false, goal: 0.97, expected }
            .row(bench, workers, sides)
    });
    rows.collect()
}

/// The correctly rounded sum, against our ordinary one.
pub(crate) fn sum_exact(bench: &Bench) -> Vec<Row> {
    let rows = alone_and_together().into_iter().map(|workers| {
        let engine = engine(workers);
        let x = engine.from_fn(N, remainder).expect("memory");
        let sides = vec![
            timed("ours", || engine.run(&SumExact::new(), &x).expect("runs").to_f64()),
            timed("our sum", || engine.sum(&x).expect("runs")),
        ];
        let unit = Unit::GigabytesPerSecond(8.0 * N as f64);
        bench.compare("sum_exact", workers, unit, Some(0.5), sides)
    });
    rows.collect()
}

pub(crate) fn map_sin(bench: &Bench) -> Vec<Row> {
    together(bench).into_iter().map(|workers| map_sin_with(bench, workers)).collect()
}

fn map_sin_with(bench: &Bench, workers: usize) -> Row {
    const N: usize = 16 << 20;
    let (engine, pool) = (engine(workers), pool(workers));
    let x = engine.from_fn(N, |i| i as f64 * 1e-3).expect("memory");
    let mut y = engine.zeros(N).expect("memory");
    let their_x = vec_by(&pool, N, |i| i as f64 * 1e-3);
    let mut their_y = vec_by(&pool, N, |_| 0.0);
    let sides = vec![
        timed("ours", || engine.map(&x, &mut y, |x: f64| x.sin()).expect("runs")),
        timed("rayon", || {
            pool.install(|| {
                let pairs = their_y.par_iter_mut().zip(&their_x).with_min_len(1024);
                pairs.for_each(|(y, x)| *y = x.sin());
            });
        }),
    ];
    let row = bench.compare("map_sin", workers, Unit::Milliseconds(1.0), None, sides);
    assert_eq!(y.as_slice(), their_y);
    row
}
