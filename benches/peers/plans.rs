//! Passes that one plan makes, one after the other.

use crate::measure::{Bench, Row, Unit, timed};
use crate::memory::{N, PIECE, dot_in_lanes, last_of_triad, remainder, triad_with, vec_by};
use crate::{alone_and_together, engine, openmp, pool};
use gristmill_kernels::{Dot, Triad};
use rayon::prelude::*;

/// Elements per worker of what stays in its caches: 256 KiB in all.
const CACHED: usize = 32 << 10;
const PASSES: usize = 1000;

/// Arrays of 256 KiB per worker, a thousand times in one plan.
pub(crate) fn triad_cache(bench: &Bench) -> Vec<Row> {
    let rows = alone_and_together().into_iter().map(|workers| {
        // Three arrays.
        let n = workers * CACHED / 3;
        let engine = engine(workers);
        let b = engine.from_fn(n, |i| i as f64).expect("memory");
        let c = engine.filled(n, 0.5).expect("memory");
        let mut x = engine.zeros(n).expect("memory");
        let mut sides = vec![timed("ours", || {
            let plan = engine.plan(|p| {
                let (b, c, mut x) = (p.read(&b), p.read(&c), p.write(&mut x));
                p.repeat(PASSES as u64, |p| {
                    p.step(&Triad { a: 3.0 }, (&b, &c, &mut x));
                });
            });
            plan.expect("runs");
        })];
        sides.extend(openmp::checked_side(
            workers,
            "triad_cache",
            &[n, PASSES],
            Some(last_of_triad(n)),
        ));
        let unit = Unit::GigabytesPerSecond((3 * 8 * n * PASSES) as f64);
        bench.compare("triad_cache", workers, unit, Some(1.0), sides)
    });
    rows.collect()
}

pub(crate) fn dot_cache(bench: &Bench) -> Vec<Row> {
    let rows = alone_and_together().into_iter().map(|workers| {
        let n = workers * CACHED / 2;
        let engine = engine(workers);
        let x = engine.from_fn(n, remainder).expect("memory");
        let y = engine.from_fn(n, |i| i as f64).expect("memory");
        let once = engine.run(&Dot::new(), (&x, &y)).expect("runs");
        let mut sides = vec![timed("ours", || {
            let plan = engine.plan(|p| {
                let (x, y) = (p.read(&x), p.read(&y));
                p.repeat(PASSES as u64, |p| {
                    p.step(&Dot::new(), (&x, &y));
                });
            });
            plan.expect("runs");
        })];
        sides.extend(openmp::checked_side(
            workers,
            "dot_cache",
            &[n, PASSES],
            Some(once * PASSES as f64),
        ));
        let unit = Unit::GigabytesPerSecond((2 * 8 * n * PASSES) as f64);
        bench.compare("dot_cache", workers, unit, Some(1.0), sides)
    });
    rows.collect()
}

/// `x = b + 3 c`, then `x b`: two steps that the plan runs together.
pub(crate) fn fused(bench: &Bench) -> Vec<Row> {
    const TRIAD: Triad<f64> = Triad { a: 3.0 };
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let b = engine.from_fn(N, |i| i as f64).expect("memory");
        let c = engine.from_fn(N, remainder).expect("memory");
        let (mut x, mut apart) =
            (engine.zeros(N).expect("memory"), engine.zeros(N).expect("memory"));
        let (their_b, their_c) = (vec_by(&pool, N, |i| i as f64), vec_by(&pool, N, remainder));
        let mut their_x = vec_by(&pool, N, |_| 0.0);
        engine.run(&TRIAD, (&b, &c, &mut apart)).expect("runs");
        let expected = engine.run(&Dot::new(), (&apart, &b)).expect("runs");
        let mut sides = vec![
            timed("ours", || {
                let dot = engine.plan(|p| {
                    let (b, c, mut x) = (p.read(&b), p.read(&c), p.write(&mut x));
                    p.step(&TRIAD, (&b, &c, &mut x));
                    p.step(&Dot::new(), (&x, &b))
                });
                assert_eq!(dot.expect("runs").to_bits(), expected.to_bits());
            }),
            timed("ours, two launches", || {
                engine.run(&TRIAD, (&b, &c, &mut apart)).expect("runs");
                engine.run(&Dot::new(), (&apart, &b)).expect("runs");
            }),
            timed("rayon", || {
                triad_with(&pool, &their_b, &their_c, &mut their_x);
                pool.install(|| {
                    let pieces = their_x.par_chunks(PIECE).zip(their_b.par_chunks(PIECE));
                    pieces.map(|(x, y)| dot_in_lanes(x, y)).sum::<f64>()
                });
            }),
        ];
        sides.extend(openmp::checked_side(workers, "triad_dot", &[N], Some(expected)));
        let unit = Unit::GigabytesPerSecond((5 * 8 * N) as f64);
        let row = bench.compare("fused", workers, unit, None, sides);
        assert_eq!(x.as_slice(), their_x);
        row
    });
    rows.collect()
}
