//! Sorting, prefix sums and counting.

use crate::measure::{Bench, Row, Unit, timed, times};
use crate::memory::{PIECE, huge_vec_by, in_lanes};
use crate::openmp;
use crate::{alone_and_together, engine, pool, together};
use gristmill::Engine;
use gristmill_kernels::{
    CopyTo, Scan, Sortable, bin_count, scan as gristmill_scan, sort as gristmill_sort,
};
use rayon::ThreadPool;
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Bits without a pattern: the mixing of SplitMix64.
fn mixed(i: usize) -> u64 {
    let mut bits = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// From -1 to 1.
fn real(bits: u64) -> f64 {
    (bits as i64 >> 10) as f64 / 2f64.powi(53)
}

/// Elements: 64 MiB, or a quarter of a GiB.
fn sorted_elements(bench: &Bench) -> usize {
    if bench.full { 32 << 20 } else { 8 << 20 }
}

/// Sorts in place what is copied anew each time; only the sort counts.
pub(crate) fn sort(bench: &Bench) -> Vec<Row> {
    const FEW: u64 = 16;
    let n = sorted_elements(bench);
    let rows = together(bench).into_iter().flat_map(|workers| {
        let work = Sort { bench, workers, n, engine: engine(workers), pool: pool(workers) };
        [
            work.row("sort u64, random", mixed, |x| x.par_sort_unstable()),
            work.row("sort u64, sorted", |i| i as u64, |x| x.par_sort_unstable()),
            work.row("sort u64, few", |i| mixed(i) % FEW, |x| x.par_sort_unstable()),
            work.row("sort f64, random", |i| real(mixed(i)), sort_floats),
            work.row("sort f64, sorted", |i| i as f64, sort_floats),
            work.row("sort f64, few", |i| (mixed(i) % FEW) as f64, sort_floats),
        ]
    });
    rows.collect()
}

fn sort_floats(x: &mut [f64]) {
    x.par_sort_unstable_by(f64::total_cmp);
}

struct Sort<'a> {
    bench: &'a Bench,
    workers: usize,
    n: usize,
    engine: Engine,
    pool: ThreadPool,
}

impl Sort<'_> {
    fn row<T: Sortable + PartialEq + std::fmt::Debug>(
        &self,
        name: &str,
        of: impl Fn(usize) -> T + Copy + Sync,
        theirs: impl Fn(&mut [T]) + Sync,
    ) -> Row {
        let Sort { bench, workers, n, engine, pool } = self;
        let input = huge_vec_by(pool, *n, of);
        let source = engine.array_from(&ndarray::aview1(&input)).expect("memory");
        let mut x = engine.zeros(*n).expect("memory");
        let mut their_x = huge_vec_by(pool, *n, of);
        let sides = vec![
            times("ours", || {
                engine.run(&CopyTo::new(), (&source, &mut x)).expect("runs");
                clocked(|| gristmill_sort(engine, &mut x).expect("runs"))
            }),
            times("rayon, huge pages", || {
                their_x.copy_from_slice(&input);
                clocked(|| pool.install(|| theirs(&mut their_x)))
            }),
        ];
        let unit = Unit::MillionsPerSecond(*n as f64);
        let row = bench.compare(name, *workers, unit, Some(1.2), sides);
        assert_eq!(x.as_slice(), their_x);
        row
    }
}

fn clocked(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Prefix sums of 64 MiB.
pub(crate) fn scan(bench: &Bench) -> Vec<Row> {
    const N: usize = 8 << 20;
    let term = |i: usize| (i % 1000) as f64;
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let x = engine.from_fn(N, term).expect("memory");
        let mut y = engine.zeros(N).expect("memory");
        let their_x = huge_vec_by(&pool, N, term);
        let mut their_y = huge_vec_by(&pool, N, |_| 0.0);
        let mut sides = vec![
            timed("ours", || gristmill_scan(&engine, &x, &mut y, Scan::Inclusive).expect("runs")),
            timed("rayon, huge pages", || pool.install(|| scan_with(&their_x, &mut their_y))),
        ];
        let last = (0..N).map(term).sum();
        sides.extend(openmp::checked_side(workers, "scan", &[N], Some(last)));
        let unit = Unit::GigabytesPerSecond(2.0 * 8.0 * N as f64);
        let row = bench.compare("scan", workers, unit, Some(1.2), sides);
        // Whole numbers: they are exact in any order.
        assert_eq!(y.as_slice(), their_y);
        row
    });
    rows.collect()
}

/// In two passes: sums of pieces, then prefix sums of each, four elements per addition that the next
/// must wait for.
fn scan_with(x: &[f64], y: &mut [f64]) {
    let mut offsets: Vec<f64> = x.par_chunks(PIECE).map(in_lanes).collect();
    let mut before = 0.0;
    for offset in &mut offsets {
        (*offset, before) = (before, before + *offset);
    }
    let pieces = y.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).zip(offsets);
    pieces.for_each(|((y, x), mut sum)| {
        let (x, x_rest) = x.as_chunks::<4>();
        let (y, y_rest) = y.as_chunks_mut::<4>();
        for ([a, b, c, d], y) in x.iter().zip(y) {
            let (ab, cd) = (a + b, c + d);
            *y = [sum + a, sum + ab, sum + (ab + c), sum + (ab + cd)];
            sum = y[3];
        }
        for (x, y) in x_rest.iter().zip(y_rest) {
            sum += x;
            *y = sum;
        }
    });
}

/// Counts of 64 Mi elements.
pub(crate) fn histogram(bench: &Bench) -> Vec<Row> {
    let rows = alone_and_together().into_iter().flat_map(|workers| {
        [("histogram_256", 1 << 8), ("histogram_64k", 1 << 16), ("histogram_16m", 1 << 24)]
            .map(|(name, bins)| histogram_of(bench, workers, name, bins))
    });
    rows.collect()
}

fn histogram_of(bench: &Bench, workers: usize, name: &'static str, bins: usize) -> Row {
    const N: usize = 64 << 20;
    let key = |i: usize| mixed(i) as u32 % bins as u32;
    let (engine, pool) = (engine(workers), pool(workers));
    let x = engine.from_fn(N, key).expect("memory");
    let mut counts = engine.zeros(bins).expect("memory");
    let expected = {
        bin_count(&engine, &x, &mut counts).expect("runs");
        let weighted = |(bin, count): (usize, &u64)| ((bin % 1000) as u64 + 1) * count;
        counts.as_slice().iter().enumerate().map(weighted).sum::<u64>() as f64
    };
    let their_x = huge_vec_by(&pool, N, key);
    // Many bins are shared, for nobody has room for tables of their own.
    let shared = (bins > 1 << 20).then(|| huge_vec_by(&pool, bins, |_| AtomicU64::new(0)));
    let mut their_counts = vec![];
    let mut sides = vec![
        timed("ours", || bin_count(&engine, &x, &mut counts).expect("runs")),
        match &shared {
            Some(shared) => timed("rayon, atomics", || {
                pool.install(|| count_together(&their_x, shared));
            }),
            None => timed("rayon", || their_counts = pool.install(|| count_apart(&their_x, bins))),
        },
    ];
    sides.extend(openmp::checked_side(workers, name, &[N, bins], Some(expected)));
    let row = bench.compare(name, workers, Unit::MillionsPerSecond(N as f64), Some(1.2), sides);
    if let Some(shared) = shared {
        their_counts = shared.into_iter().map(AtomicU64::into_inner).collect();
    }
    assert_eq!(counts.as_slice(), their_counts);
    row
}

/// Counts of their own for a few large pieces, then added up. Few bins are counted in four tables.
fn count_apart(x: &[u32], bins: usize) -> Vec<u64> {
    let piece = x.len() / (4 * rayon::current_num_threads());
    let add = |mut a: Vec<u64>, b: Vec<u64>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    let pieces = x.par_chunks(piece).map(|x| {
        if bins > 4096 {
            let mut counts = vec![0u32; bins];
            x.iter().for_each(|x| counts[*x as usize] += 1);
            return counts.into_iter().map(u64::from).collect();
        }
        let mut tables = vec![[0u32; 4]; bins];
        let (rows, rest) = x.as_chunks::<4>();
        for row in rows {
            row.iter().enumerate().for_each(|(table, x)| tables[*x as usize][table] += 1);
        }
        rest.iter().for_each(|x| tables[*x as usize][0] += 1);
        tables.iter().map(|of| of.iter().map(|count| u64::from(*count)).sum()).collect()
    });
    pieces.reduce(|| vec![0; bins], add)
}

/// Counts that all share.
fn count_together(x: &[u32], counts: &[AtomicU64]) {
    counts.par_iter().with_min_len(PIECE).for_each(|count| count.store(0, Relaxed));
    x.par_chunks(PIECE).for_each(|x| {
        for x in x {
            counts[*x as usize].fetch_add(1, Relaxed);
        }
    });
}
