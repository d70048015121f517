//! Passes over large arrays: what memory gives, and sines.

use crate::measure::{Bench, Row, Unit, timed, times};
use crate::{alone_and_together, engine, pool};
use gristmill_kernels::Triad;
use rayon::ThreadPool;
use rayon::prelude::*;
use std::mem::MaybeUninit;
use std::time::Instant;

/// Elements of the 64 MiB arrays.
const N: usize = 8 << 20;
/// Elements per piece, as one cuts for rayon: large enough to cost nothing, small enough to share.
const PIECE: usize = 32 << 10;

/// A `Vec` whose pages are first touched by the threads that will work on them.
fn vec_by(pool: &ThreadPool, n: usize, of: impl Fn(usize) -> f64 + Sync) -> Vec<f64> {
    touched(pool, Vec::with_capacity(n), n, of)
}

/// The same with huge pages, for whoever knows how to ask for them.
fn huge_vec_by(pool: &ThreadPool, n: usize, of: impl Fn(usize) -> f64 + Sync) -> Vec<f64> {
    use nix::sys::mman::{MmapAdvise, madvise};
    let mut values = Vec::with_capacity(n);
    let start = values.as_mut_ptr() as usize;
    let (first, end) = (start.next_multiple_of(4096), (start + 8 * n) / 4096 * 4096);
    let address = std::ptr::NonNull::new(first as *mut std::ffi::c_void).expect("not null");
    // SAFETY: whole pages of a fresh allocation; the advice changes nothing that can be seen.
    // Where it is refused, pages are small.
    let _ = unsafe { madvise(address, end - first, MmapAdvise::MADV_HUGEPAGE) };
    touched(pool, values, n, of)
}

fn touched(
    pool: &ThreadPool,
    mut values: Vec<f64>,
    n: usize,
    of: impl Fn(usize) -> f64 + Sync,
) -> Vec<f64> {
    let spare: &mut [MaybeUninit<f64>] = &mut values.spare_capacity_mut()[..n];
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

fn triad_with(pool: &ThreadPool, b: &[f64], c: &[f64], x: &mut [f64]) {
    pool.install(|| {
        let pieces = x.par_chunks_mut(PIECE).zip(b.par_chunks(PIECE)).zip(c.par_chunks(PIECE));
        pieces.for_each(|((x, b), c)| {
            for ((x, b), c) in x.iter_mut().zip(b).zip(c) {
                *x = b + 3.0 * c;
            }
        });
    });
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
        let sides = vec![
            timed("ours", || engine.run(&Triad { a: 3.0 }, (&b, &c, &mut x)).expect("runs")),
            timed("rayon", || triad_with(&pool, &their_b, &their_c, &mut their_x)),
            timed("rayon, huge pages", || triad_with(&pool, &huge_b, &huge_c, &mut huge_x)),
        ];
        let unit = Unit::GigabytesPerSecond(3.0 * 8.0 * N as f64);
        let target = (workers == 2).then_some(1.0);
        let row = bench.compare("triad", workers, unit, target, sides);
        assert_eq!(x.as_slice(), their_x);
        row
    });
    rows.collect()
}

/// The sum of a slice in 32 lanes, as one writes it who knows that float additions wait.
fn in_lanes(x: &[f64]) -> f64 {
    let mut lanes = [0.0; 32];
    let (blocks, rest) = x.as_chunks::<32>();
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(lane, x)| *lane += x);
    }
    lanes.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

pub(crate) fn sum(bench: &Bench) -> Vec<Row> {
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let x = engine.from_fn(N, |i| (i % 1000) as f64).expect("memory");
        let their_x = vec_by(&pool, N, |i| (i % 1000) as f64);
        let huge_x = huge_vec_by(&pool, N, |i| (i % 1000) as f64);
        let sides = vec![
            timed("ours", || engine.sum(&x).expect("runs")),
            timed("rayon, naive", || {
                pool.install(|| {
                    their_x.par_chunks(PIECE).map(|x| x.iter().sum::<f64>()).sum::<f64>()
                })
            }),
            timed("rayon, par_iter", || pool.install(|| their_x.par_iter().sum::<f64>())),
            timed("rayon, 32 lanes", || {
                pool.install(|| their_x.par_chunks(PIECE).map(in_lanes).sum::<f64>())
            }),
            timed("… and huge pages", || {
                pool.install(|| huge_x.par_chunks(PIECE).map(in_lanes).sum::<f64>())
            }),
        ];
        let unit = Unit::GigabytesPerSecond(8.0 * N as f64);
        bench.compare("sum", workers, unit, (workers == 2).then_some(1.0), sides)
    });
    rows.collect()
}

pub(crate) fn map_sin(bench: &Bench) -> Vec<Row> {
    const N: usize = 16 << 20;
    let workers = crate::cpus().len();
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
    vec![row]
}

/// 256 MiB of zeros, present: fresh ones from a new engine, and ones that were used before.
pub(crate) fn zeros(bench: &Bench) -> Vec<Row> {
    const N: usize = 32 << 20;
    let workers = crate::cpus().len();
    let pool = pool(workers);
    let theirs = || {
        times("rayon", || {
            let start = Instant::now();
            let zeros = vec_by(&pool, N, |_| 0.0);
            let took = start.elapsed();
            drop(zeros);
            took
        })
    };
    let unit = Unit::GigabytesPerSecond(8.0 * N as f64);
    let fresh = times("ours", || {
        let engine = engine(workers);
        let start = Instant::now();
        let zeros = engine.zeros::<f64, _>(N).expect("memory");
        let took = start.elapsed();
        drop(zeros);
        took
    });
    let fresh = bench.compare("zeros, fresh", workers, unit, None, vec![fresh, theirs()]);
    let engine = engine(workers);
    let again = timed("ours", || engine.zeros::<f64, _>(N).expect("memory"));
    let again = bench.compare("zeros, again", workers, unit, None, vec![again, theirs()]);
    vec![fresh, again]
}
