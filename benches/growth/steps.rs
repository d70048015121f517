//! The time of a step as its chunks grow.

use crate::engine;
use crate::shared::{Empty, cpus, quartiles};
use gristmill::{Array, Engine};
use ndarray::Ix1;
use serde::Serialize;
use std::time::{Duration, Instant};

/// A step's chunks: one to ten million.
const CHUNKS: [usize; 13] =
    [1, 2, 8, 64, 256, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 10_000_000];

/// What a step took that does nothing, in a plan.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    pub(crate) workers: usize,
    pub(crate) chunks: usize,
    /// Quartiles.
    pub(crate) us: [f64; 3],
}

pub(crate) fn measure() -> Vec<Step> {
    let counts = [1, 2].into_iter().filter(|&workers| workers <= cpus().len());
    let engines: Vec<Engine> = counts.map(engine).collect();
    let of_chunks = |&chunks| {
        eprintln!("steps of {chunks} chunks …");
        engines.iter().map(move |engine| step(engine, chunks))
    };
    CHUNKS.iter().flat_map(of_chunks).collect()
}

/// What a step of so many chunks takes: the quartiles over plans of many such steps.
pub(crate) fn step(engine: &Engine, chunks: usize) -> Step {
    const PLANS: usize = 9;
    const PLAN_US: f64 = 20_000.0;
    const TURNS_MAX: u64 = 1 << 18;
    let bytes = engine.zeros(chunks).expect("memory");
    // As many steps as make the launch of the plan small beside them, which wakes every worker.
    let mut turns = 1;
    while turns < TURNS_MAX && plan_us(engine, &bytes, turns) < PLAN_US {
        turns *= 4;
    }
    let us = (0..PLANS).map(|_| plan_us(engine, &bytes, turns) / turns as f64).collect();
    Step { workers: engine.workers(), chunks, us: quartiles(us) }
}

/// What a launch of one chunk takes of workers that are at rest, and have gone to sleep: quartiles.
pub(crate) fn launch_us(engine: &Engine) -> [f64; 3] {
    const LAUNCHES: usize = 25;
    let bytes = engine.zeros(1).expect("memory");
    let launch = |_| {
        std::thread::sleep(Duration::from_millis(5));
        let start = Instant::now();
        engine.run(&Empty, &bytes).expect("runs");
        start.elapsed().as_secs_f64() * 1e6
    };
    quartiles((0..LAUNCHES).map(launch).collect())
}

fn plan_us(engine: &Engine, bytes: &Array<u8, Ix1>, turns: u64) -> f64 {
    let start = Instant::now();
    let plan = engine.plan(|plan| {
        let bytes = plan.read(bytes);
        plan.repeat(turns, |plan| {
            plan.step(&Empty, &bytes);
        });
    });
    plan.expect("runs");
    start.elapsed().as_secs_f64() * 1e6
}

pub(crate) fn print(steps: &[Step]) {
    println!("\na step that does nothing, in a plan");
    println!("{:>9} {:>9} {:>12} {:>12}  quartiles", "chunks", "workers", "us", "ns a chunk");
    for Step { workers, chunks, us: [low, us, high] } in steps {
        let each = us * 1e3 / *chunks as f64;
        println!("{chunks:>9} {workers:>9} {us:>12.2} {each:>12.1}  {low:.2}..{high:.2}");
    }
}
