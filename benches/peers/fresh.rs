//! Fresh arrays, and random reads over large ones: what the size of pages is worth.

use crate::measure::{Bench, Row, Side, Unit, timed, times};
use crate::memory::{PIECE, huge_vec_by, vec_by};
use crate::{engine, pool, together};
use gristmill_kernels::Gather;
use rayon::ThreadPool;
use rayon::prelude::*;
use std::time::Instant;

/// Elements of a 1 GiB array.
const GIBI: usize = 128 << 20;

/// How the peer has its memory.
type VecBy = fn(&ThreadPool, usize, fn(usize) -> f64) -> Vec<f64>;

/// The same of indices.
type IndexBy = fn(&ThreadPool, usize, fn(usize) -> u32) -> Vec<u32>;

const SMALL_PAGES: VecBy = vec_by;
const HUGE_PAGES: VecBy = huge_vec_by;

/// Time to have an array and fill it; not to give it back.
fn filling<'a, T>(name: &'static str, mut filled: impl FnMut() -> T + 'a) -> Side<'a> {
    times(name, move || {
        let start = Instant::now();
        let array = filled();
        let took = start.elapsed();
        drop(array);
        took
    })
}

/// The same with an array of a new engine, which has no used blocks to give.
fn fresh<'a>(workers: usize, n: usize, value: f64) -> Side<'a> {
    times("ours", move || {
        let engine = engine(workers);
        let start = Instant::now();
        let array = engine.filled(n, value).expect("memory");
        let took = start.elapsed();
        assert_eq!(array[n - 1], value);
        took
    })
}

/// 256 MiB of zeros, present: of a new engine, and in blocks that were used before.
pub(crate) fn zeros(bench: &Bench) -> Vec<Row> {
    const N: usize = 32 << 20;
    let unit = Unit::GigabytesPerSecond(8.0 * N as f64);
    let rows = together(bench).into_iter().flat_map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let theirs = || filling("rayon", || vec_by(&pool, N, |_| 0.0));
        let new = vec![fresh(workers, N, 0.0), theirs()];
        let used = vec![timed("ours", || engine.zeros::<f64, _>(N).expect("memory")), theirs()];
        [
            bench.compare("zeros, fresh", workers, unit, None, new),
            bench.compare("zeros, again", workers, unit, None, used),
        ]
    });
    rows.collect()
}

/// A fresh 1 GiB array, filled.
pub(crate) fn alloc_fill(bench: &Bench) -> Vec<Row> {
    let unit = Unit::GigabytesPerSecond(8.0 * GIBI as f64);
    let rows = together(bench).into_iter().flat_map(|workers| {
        let pool = pool(workers);
        [("alloc_fill", SMALL_PAGES, 2.0), ("alloc_fill_huge", HUGE_PAGES, 1.0)].map(
            |(name, memory, goal)| {
                let theirs = filling("rayon", || memory(&pool, GIBI, |_| 0.5));
                let sides = vec![fresh(workers, GIBI, 0.5), theirs];
                bench.compare(name, workers, unit, Some(goal), sides)
            },
        )
    });
    rows.collect()
}

/// A place that cannot be foreseen, in 1 GiB.
fn place(i: usize) -> u32 {
    const A: u64 = 6_364_136_223_846_793_005;
    ((i as u64).wrapping_mul(A) >> 20) as u32 % GIBI as u32
}

/// Random reads over 1 GiB.
pub(crate) fn gather(bench: &Bench) -> Vec<Row> {
    const READS: usize = 8 << 20;
    let rows = together(bench).into_iter().flat_map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let x = engine.from_fn(GIBI, |i| i as f64).expect("memory");
        let index = engine.from_fn(READS, place).expect("memory");
        let mut y = engine.zeros(READS).expect("memory");
        let mut row = |name: &str, memory: VecBy, index_by: IndexBy, goal: f64| {
            let their_x = memory(&pool, GIBI, |i| i as f64);
            let (their_index, mut their_y) =
                (index_by(&pool, READS, place), memory(&pool, READS, |_| 0.0));
            y.as_mut_slice().fill(0.0);
            let sides = vec![
                timed("ours", || engine.run(&Gather::new(), (&x, &index, &mut y)).expect("runs")),
                timed("rayon", || {
                    pool.install(|| {
                        let pieces =
                            their_y.par_chunks_mut(PIECE).zip(their_index.par_chunks(PIECE));
                        pieces.for_each(|(y, index)| {
                            y.iter_mut().zip(index).for_each(|(y, i)| *y = their_x[*i as usize]);
                        });
                    });
                }),
            ];
            let unit = Unit::MillionsPerSecond(READS as f64);
            let row = bench.compare(name, workers, unit, Some(goal), sides);
            assert_eq!(y.as_slice(), their_y);
            row
        };
        [row("gather", SMALL_PAGES, vec_by, 1.5), row("gather_huge", HUGE_PAGES, huge_vec_by, 1.0)]
    });
    rows.collect()
}
