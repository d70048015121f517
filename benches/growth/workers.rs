//! Starts, steps and triads as the workers grow beyond the CPUs.

use crate::shared::quartiles;
use crate::steps::{Step, launch_us, step};
use crate::{WORKERS, engine};
use gristmill::Engine;
use gristmill_kernels::Triad;
use serde::Serialize;
use std::time::Instant;

/// Chunks of the steps that are timed.
const CHUNKS: [usize; 3] = [1, 64, 4096];

/// What so many workers cost.
#[derive(Debug, Serialize)]
pub(crate) struct Workers {
    pub(crate) workers: usize,
    /// Quartiles of starting and of stopping an engine.
    start_ms: [f64; 3],
    stop_ms: [f64; 3],
    /// Quartiles of launching one chunk when all workers sleep.
    launch_us: [f64; 3],
    pub(crate) steps: Vec<Step>,
    /// Quartiles of a triad over three arrays of 64 MiB, launched by itself.
    triad_ms: [f64; 3],
    /// Quartiles of that by what it takes with two workers in the same round.
    triad_of_two: [f64; 3],
}

pub(crate) fn measure() -> Vec<Workers> {
    let triads = triads();
    let two = WORKERS.iter().position(|&workers| workers == 2).expect("two are looked at");
    let of_count = |(place, &workers): (usize, &usize)| {
        eprintln!("{workers} workers …");
        let (start_ms, stop_ms) = starts(workers);
        let engine = engine(workers);
        let launch_us = launch_us(&engine);
        let steps = CHUNKS.iter().map(|&chunks| step(&engine, chunks)).collect();
        let ratios = triads.iter().map(|round| round[place] / round[two]).collect();
        let triad_ms = quartiles(triads.iter().map(|round| round[place]).collect());
        let triad_of_two = quartiles(ratios);
        Workers { workers, start_ms, stop_ms, launch_us, steps, triad_ms, triad_of_two }
    };
    WORKERS.iter().enumerate().map(of_count).collect()
}

fn starts(workers: usize) -> ([f64; 3], [f64; 3]) {
    const ROUNDS: usize = 5;
    let times = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        let engine = engine(workers);
        let started = start.elapsed();
        drop(engine);
        let stopped = start.elapsed() - started;
        (started.as_secs_f64() * 1e3, stopped.as_secs_f64() * 1e3)
    });
    let (starts, stops) = times.unzip();
    (quartiles(starts), quartiles(stops))
}

/// Rounds in which engines of each size take turns at a triad, in milliseconds.
fn triads() -> Vec<[f64; WORKERS.len()]> {
    const ROUNDS: usize = 25;
    const N: usize = 8 << 20;
    eprintln!("triads …");
    let engines = WORKERS.map(engine);
    let mut arrays = engines.each_ref().map(|engine: &Engine| {
        let b = engine.from_fn(N, |i| i as f64).expect("memory");
        let c = engine.filled(N, 0.5).expect("memory");
        (b, c, engine.zeros(N).expect("memory"))
    });
    let mut round = || {
        let mut times = [0.0; WORKERS.len()];
        for ((engine, (b, c, x)), time) in engines.iter().zip(&mut arrays).zip(&mut times) {
            let start = Instant::now();
            engine.run(&Triad { a: 3.0 }, (&*b, &*c, &mut *x)).expect("runs");
            *time = start.elapsed().as_secs_f64() * 1e3;
        }
        times
    };
    round();
    (0..ROUNDS).map(|_| round()).collect()
}

pub(crate) fn print(all: &[Workers]) {
    println!("\nmore workers than CPUs: medians");
    println!(
        "{:>7} {:>9} {:>9} {:>10} {:>10} {:>10} {:>10} {:>9} {:>12}  quartiles",
        "workers",
        "start ms",
        "stop ms",
        "launch us",
        "1 chunk",
        "64",
        "4096 us",
        "triad ms",
        "of that at 2"
    );
    for of in all {
        let steps: Vec<_> = of.steps.iter().map(|step| format!("{:>10.2}", step.us[1])).collect();
        let [start, stop, launch, triad] =
            [of.start_ms, of.stop_ms, of.launch_us, of.triad_ms].map(|[_, median, _]| median);
        let [low, ratio, high] = of.triad_of_two;
        println!(
            "{:>7} {start:>9.1} {stop:>9.1} {launch:>10.1} {} {triad:>9.2} \
             {ratio:>12.2}  {low:.2}..{high:.2}",
            of.workers,
            steps.join(" ")
        );
    }
}
