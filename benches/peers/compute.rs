//! What arithmetic gives: rows that memory does not bound. Both peers get the methods of the stock
//! kernels, in vectors as wide as the CPU has them.

use crate::measure::{Bench, Row, Side, Unit, timed};
use crate::openmp::{self, Wait};
use crate::{alone_and_together, engine, pool, rayon_compute as peer};
use gristmill_kernels::{BlackScholes, Gravity, Mandelbrot, SumExact, kmeans, leapfrog};
use rayon::prelude::*;

/// Uniform over [0, 1), a function of the number alone.
fn unit(number: usize) -> f64 {
    let x = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((x ^ (x >> 32)) >> 11) as f64 / (1u64 << 53) as f64
}

/// The row: of these sides, and of OpenMP's rows by these names.
fn row<'a>(
    bench: &Bench,
    workers: usize,
    unit: Unit,
    mut sides: Vec<Side<'a>>,
    openmp_rows: &[(&'static str, &'static str)],
    sizes: &[usize],
    expected: f64,
) -> Row {
    for (name, row) in openmp_rows {
        let side = openmp::side(name, Wait::Active, workers, row, sizes);
        sides.extend(side.map(|side| side.checked(Some(expected))));
    }
    bench.compare(openmp_rows[0].1, workers, unit, Some(1.0), sides)
}

/// Whether two results are the same but for the order in which they are added up.
fn assert_near(ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-9 * ours.abs(), "{ours} {theirs}");
}

/// 10 iterations of Lloyd's algorithm, and the labels.
pub(crate) fn kmeans_row(bench: &Bench) -> Vec<Row> {
    const POINTS: usize = 1 << 18;
    const CENTRES: usize = 16;
    const ITERATIONS: usize = 10;
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let value = |(point, axis)| unit(point * peer::AXES + axis);
        let points = engine.from_fn((POINTS, peer::AXES), value).expect("memory");
        let mut centres = engine.zeros((CENTRES, peer::AXES)).expect("memory");
        let mut labels = engine.zeros(POINTS).expect("memory");
        let first = points.as_slice()[..CENTRES * peer::AXES].to_vec();
        let mut ours = || {
            centres.as_mut_slice().copy_from_slice(&first);
            let run = kmeans(&engine, &points, &mut centres, &mut labels, 0.0, ITERATIONS as u64);
            run.expect("runs").inertia
        };
        let theirs = pool
            .install(|| (0..POINTS * peer::AXES).into_par_iter().map(unit).collect::<Vec<f64>>());
        let theirs = || pool.install(|| peer::kmeans(&theirs, &first, ITERATIONS));
        let inertia = ours();
        assert_near(inertia, theirs());
        let sides = vec![timed("ours", ours), timed("rayon", theirs)];
        let sizes = [POINTS, CENTRES, ITERATIONS];
        let unit = Unit::Milliseconds(1.0);
        row(bench, workers, unit, sides, &[("OpenMP", "kmeans")], &sizes, inertia)
    });
    rows.collect()
}

/// Two steps of the leapfrog.
pub(crate) fn nbody(bench: &Bench) -> Vec<Row> {
    const BODIES: usize = 8192;
    const STEPS: usize = 2;
    const STEP: f64 = 1e-3;
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let masses = engine.filled(BODIES, 1.0 / BODIES as f64).expect("memory");
        let place = |(axis, body)| unit(axis * BODIES + body);
        let start = engine.from_fn((3, BODIES), place).expect("memory");
        let mut x = engine.zeros((3, BODIES)).expect("memory");
        let mut v = engine.zeros((3, BODIES)).expect("memory");
        let gravity = Gravity { constant: 1.0, softening: 1e-2 };
        let mut ours = || {
            x.as_mut_slice().copy_from_slice(start.as_slice());
            v.as_mut_slice().fill(0.0);
            let run = leapfrog(&engine, &gravity, &masses, &mut x, &mut v, STEP, STEPS as u64);
            run.expect("runs");
            v.as_slice().iter().map(|v| v * v).sum::<f64>()
        };
        let start = start.as_slice();
        let theirs = || {
            let mut bodies = peer::Bodies::new(masses.as_slice(), start, 1e-4);
            pool.install(|| bodies.leapfrog(STEP, STEPS));
            bodies.squared_speeds()
        };
        let squares = ours();
        assert_near(squares, theirs());
        let sides = vec![timed("ours", ours), timed("rayon", theirs)];
        let pairs = (BODIES * BODIES * (STEPS + 1)) as f64;
        let peers = [("OpenMP", "nbody"), ("OpenMP, 1 / sqrt", "nbody_by_root")];
        row(
            bench,
            workers,
            Unit::MillionsPerSecond(pairs),
            sides,
            &peers,
            &[BODIES, STEPS],
            squares,
        )
    });
    rows.collect()
}

/// The whole set, 2048 x 2048 points.
pub(crate) fn mandelbrot(bench: &Bench) -> Vec<Row> {
    const SIDE: usize = 2048;
    const STEPS: usize = 500;
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let mut picture = engine.zeros((SIDE, SIDE)).expect("memory");
        let mut their_picture = vec![0u32; SIDE * SIDE];
        let set =
            Mandelbrot { real: [-2.0, 0.5], imaginary: [-1.25, 1.25], steps_max: STEPS as u32 };
        engine.run(&set, &mut picture).expect("runs");
        let sum: u64 = picture.as_slice().iter().map(|steps| u64::from(*steps)).sum();
        let expected = picture.as_slice().to_vec();
        let sides = vec![
            timed("ours", || engine.run(&set, &mut picture).expect("runs")),
            timed("rayon", || {
                pool.install(|| {
                    let rows = their_picture.par_chunks_mut(SIDE).enumerate();
                    rows.for_each(|(y, row)| peer::escape_times(y, SIDE, STEPS as u32, row));
                });
            }),
        ];
        let peers = [("OpenMP", "mandelbrot")];
        let unit = Unit::Milliseconds(1.0);
        let row = row(bench, workers, unit, sides, &peers, &[SIDE, STEPS], sum as f64);
        assert_eq!(their_picture, expected);
        row
    });
    rows.collect()
}

/// Calls and puts of 4 M options.
pub(crate) fn black_scholes(bench: &Bench) -> Vec<Row> {
    const N: usize = 4 << 20;
    let market = BlackScholes { rate: 0.02, volatility: 0.3 };
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let of = [
            |i: usize| 5.0 + 25.0 * unit(3 * i),
            |i: usize| 1.0 + 99.0 * unit(3 * i + 1),
            |i: usize| 0.25 + 9.75 * unit(3 * i + 2),
        ];
        let [stock, strike, years] = of.map(|of| engine.from_fn(N, of).expect("memory"));
        let [mut call, mut put] = [(); 2].map(|()| engine.zeros(N).expect("memory"));
        let theirs = of.map(|of| crate::memory::vec_by(&pool, N, of));
        let [mut their_call, mut their_put] =
            [(); 2].map(|()| crate::memory::vec_by(&pool, N, |_| 0.0));
        engine.run(&market, (&stock, &strike, &years, &mut call, &mut put)).expect("runs");
        let sum = |x| engine.run(&SumExact::new(), x).expect("runs").to_f64();
        let total = sum(&call) + sum(&put);
        let sides = vec![
            timed("ours", || {
                engine.run(&market, (&stock, &strike, &years, &mut call, &mut put)).expect("runs");
            }),
            timed("rayon", || {
                let market = [market.rate, market.volatility];
                let prices = (&mut their_call[..], &mut their_put[..]);
                pool.install(|| peer::prices(market, theirs.each_ref(), prices));
            }),
        ];
        let peers = [("OpenMP", "black_scholes"), ("OpenMP, libmvec", "black_scholes_by_library")];
        let unit = Unit::MillionsPerSecond(N as f64);
        let row = row(bench, workers, unit, sides, &peers, &[N], total);
        assert_eq!((call.as_slice(), put.as_slice()), (&their_call[..], &their_put[..]));
        row
    });
    rows.collect()
}
