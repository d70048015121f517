//! What a step costs that does next to nothing.

use crate::measure::{Bench, Row, Unit, timed};
use crate::{alone_and_together, engine, pool, together};
use gristmill::{Chunk, Kernel, Out, Shapes};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::sync::Barrier;

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

/// A step of as many chunks as workers, launched from outside and waited for.
pub(crate) fn launch(bench: &Bench) -> Vec<Row> {
    const TIMES: usize = 500;
    let rows = alone_and_together().into_iter().map(|workers| {
        let (engine, pool) = (engine(workers), pool(workers));
        let mut bytes = engine.zeros(workers * LINE).expect("memory");
        let mut their_bytes = vec![0u8; workers * LINE];
        let sides = vec![
            timed("ours", || {
                (0..TIMES).for_each(|_| engine.run(&Tiny, &mut bytes).expect("runs"));
            }),
            timed("rayon, install", || {
                for _ in 0..TIMES {
                    pool.install(|| write_pieces(&mut their_bytes));
                }
            }),
        ];
        let unit = Unit::Microseconds(TIMES as f64);
        bench.compare("launch", workers, unit, None, sides)
    });
    rows.collect()
}

/// A step among many that follow each other without anybody outside.
pub(crate) fn plan_step(bench: &Bench) -> Vec<Row> {
    together().into_iter().flat_map(|workers| plan_step_with(bench, workers)).collect()
}

fn plan_step_with(bench: &Bench, workers: usize) -> Vec<Row> {
    const TIMES: usize = 10_000;
    let (engine, pool) = (engine(workers), pool(workers));
    let rows = [workers, 64].into_iter().map(|chunks| {
        let mut bytes = engine.zeros(chunks * LINE).expect("memory");
        let mut their_bytes = vec![0u8; chunks * LINE];
        let mut sides = vec![
            timed("ours", || {
                let plan = engine.plan(|p| {
                    let mut bytes = p.write(&mut bytes);
                    p.repeat(TIMES as u64, |p| {
                        p.step(&Tiny, &mut bytes);
                    });
                });
                plan.expect("runs");
            }),
            timed("rayon, inside", || {
                pool.install(|| {
                    for _ in 0..TIMES {
                        write_pieces(&mut their_bytes);
                    }
                });
            }),
        ];
        if chunks == workers {
            sides.push(
                timed("std::sync::Barrier", || {
                    let barrier = Barrier::new(workers);
                    let wait = || {
                        (0..TIMES / 10).for_each(|_| {
                            black_box(barrier.wait());
                        })
                    };
                    std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(wait))));
                })
                .times(10),
            );
        }
        let name = format!("plan_step, {chunks}");
        bench.compare(&name, workers, Unit::Microseconds(TIMES as f64), None, sides)
    });
    rows.collect()
}
