//! What a step costs that does next to nothing.

use crate::measure::{Bench, Row, Side, Unit, timed, times};
use crate::openmp::{self, Wait::Active, Wait::Passive};
use crate::shared::Empty;
use crate::{alone_and_together, engine, engine_that, pool};
use gristmill::{Array, Chunk, Disturbance, Engine, Kernel, Out, Shapes, Wait};
use ndarray::Ix1;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::Instant;

type Bytes = Array<u8, Ix1>;

/// Bytes per chunk: two cache lines, so that no two chunks share one.
const LINE: usize = 128;

/// Writes one byte per chunk.
#[derive(Debug, Serialize, Deserialize)]
struct Tiny;

impl Kernel for Tiny {
    type Args = Out<u8>;
    type Output = ();

    fn run(&self, _: Chunk, bytes: &mut [u8]) {
        bytes[0] = 1;
    }

    fn grain(&self, _: &Shapes) -> usize {
        LINE
    }
}

/// The same with rayon, which is free to do it all on one thread.
fn write_pieces(bytes: &mut [u8]) {
    bytes.par_chunks_mut(LINE).for_each(|bytes| bytes[0] = black_box(1));
}

/// The same with a thread for each piece, started anew each time.
fn write_pieces_by_threads(bytes: &mut [u8]) {
    std::thread::scope(|scope| {
        for piece in bytes.chunks_mut(LINE) {
            scope.spawn(|| piece[0] = black_box(1));
        }
    });
}

/// An engine whose workers are stopped between turns: some wait actively, and would take from others.
fn held_still(engine: &Engine, still: bool) {
    let disturbance = if still { Disturbance::Stop } else { Disturbance::Continue };
    (0..engine.workers()).for_each(|rank| {
        engine.disturb(rank, disturbance);
    });
}

/// A step of as many chunks as workers, launched from outside and waited for.
fn launches<'a>(engine: &'a Engine, bytes: &'a mut Bytes) -> Side<'a> {
    times("ours", move || {
        held_still(engine, false);
        // They wake up before the clock starts.
        engine.run(&Tiny, &mut *bytes).expect("runs");
        let start = Instant::now();
        (0..LAUNCHES).for_each(|_| engine.run(&Tiny, &mut *bytes).expect("runs"));
        let took = start.elapsed();
        held_still(engine, true);
        took
    })
}

const LAUNCHES: usize = 500;

pub(crate) fn launch_passive(bench: &Bench) -> Vec<Row> {
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let mut bytes = engine.zeros(workers * LINE).expect("memory");
        let [mut their_bytes, mut scoped] = [(); 2].map(|()| vec![0u8; workers * LINE]);
        let mut sides = vec![
            launches(&engine, &mut bytes),
            timed("thread::scope", || {
                (0..LAUNCHES).for_each(|_| write_pieces_by_threads(&mut scoped));
            }),
            timed("rayon, install", || {
                for _ in 0..LAUNCHES {
                    pool.install(|| write_pieces(&mut their_bytes));
                }
            }),
        ];
        sides.extend(
            openmp::side("OpenMP passive", Passive, workers, "regions", &[LAUNCHES])
                .map(Side::from),
        );
        let unit = Unit::Microseconds(LAUNCHES as f64);
        bench.compare("launch_passive", workers, unit, Some(2.5), sides)
    });
    rows.collect()
}

pub(crate) fn launch_active(bench: &Bench) -> Vec<Row> {
    let rows = alone_and_together().into_iter().map(|workers| {
        let engine = engine_that(workers, Wait::Active);
        let mut bytes = engine.zeros(workers * LINE).expect("memory");
        let mut sides = vec![launches(&engine, &mut bytes)];
        sides.extend(
            openmp::side("OpenMP active", Active, workers, "regions", &[LAUNCHES]).map(Side::from),
        );
        let unit = Unit::Microseconds(LAUNCHES as f64);
        bench.compare("launch_active", workers, unit, Some(0.7), sides)
    });
    rows.collect()
}

const STEPS: usize = 10_000;

/// So many steps in one plan, each of as many chunks as there are workers.
fn steps<'a>(engine: &'a Engine, bytes: &'a mut Bytes) -> Side<'a> {
    timed("ours", move || {
        let plan = engine.plan(|p| {
            let mut bytes = p.write(&mut *bytes);
            p.repeat(STEPS as u64, |p| {
                p.step(&Tiny, &mut bytes);
            });
        });
        plan.expect("runs");
    })
}

/// A step among many that follow each other without anybody outside.
pub(crate) fn plan_step(bench: &Bench) -> Vec<Row> {
    step_rows(bench, "plan_step", "regions", "OpenMP region", 2.0)
}

pub(crate) fn plan_barrier(bench: &Bench) -> Vec<Row> {
    step_rows(bench, "plan_barrier", "barriers", "OpenMP barrier", 0.9)
}

fn step_rows(bench: &Bench, name: &str, row: &str, peer: &'static str, goal: f64) -> Vec<Row> {
    let rows = alone_and_together().into_iter().map(|workers| {
        let engine = engine(workers);
        let mut bytes = engine.zeros(workers * LINE).expect("memory");
        let mut sides = vec![steps(&engine, &mut bytes)];
        sides.extend(openmp::side(peer, Active, workers, row, &[STEPS]).map(Side::from));
        bench.compare(name, workers, Unit::Microseconds(STEPS as f64), Some(goal), sides)
    });
    rows.collect()
}

pub(crate) fn claims(bench: &Bench) -> Vec<Row> {
    const CHUNKS: usize = 16 << 20;
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let bytes = engine.zeros::<u8, _>(CHUNKS).expect("memory");
        let mut sides = vec![
            timed("ours", || engine.run(&Empty, &bytes).expect("runs")),
            timed("rayon", || {
                pool.install(|| {
                    (0..CHUNKS).into_par_iter().with_max_len(1).for_each(|i| {
                        black_box(i);
                    });
                });
            }),
        ];
        sides.extend(
            openmp::side("OpenMP dynamic", Active, workers, "dynamic", &[CHUNKS]).map(Side::from),
        );
        bench.compare("claims", workers, Unit::MillionsPerSecond(CHUNKS as f64), Some(3.0), sides)
    });
    rows.collect()
}

/// Work of 0 to 2 us, as the number says.
fn work(number: usize) -> u64 {
    const LENGTH: u64 = 1000;
    const A: u64 = 6_364_136_223_846_793_005;
    let mut x = (number as u64).wrapping_mul(A) ^ number as u64;
    let turns = (x >> 33) % LENGTH;
    for _ in 0..turns {
        // Nothing of which compilers know a short cut, as they do of multiplying and adding.
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    x
}

/// A chunk per number.
#[derive(Debug, Serialize, Deserialize)]
struct Uneven;

impl Kernel for Uneven {
    type Args = Out<u8>;
    type Output = ();

    fn run(&self, chunk: Chunk, bytes: &mut [u8]) {
        bytes[0] = work(chunk.index()) as u8;
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

pub(crate) fn balance(bench: &Bench) -> Vec<Row> {
    const CHUNKS: usize = 1 << 20;
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let mut bytes = engine.zeros::<u8, _>(CHUNKS).expect("memory");
        let mut their_bytes = vec![0u8; CHUNKS];
        let mut sides = vec![
            timed("ours", || engine.run(&Uneven, &mut bytes).expect("runs")),
            timed("rayon", || {
                pool.install(|| {
                    let bytes = their_bytes.par_iter_mut().enumerate();
                    bytes.for_each(|(i, byte)| *byte = work(i) as u8);
                });
            }),
        ];
        sides.extend(
            openmp::side("OpenMP dynamic", Active, workers, "uneven", &[CHUNKS]).map(Side::from),
        );
        let row = bench.compare("balance", workers, Unit::Milliseconds(1.0), Some(1.0), sides);
        assert_eq!(bytes.as_slice(), their_bytes);
        row
    });
    rows.collect()
}
