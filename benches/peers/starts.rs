//! How long an engine takes to start, and to start and stop.

use crate::measure::{Bench, Row, Unit, timed, times};
use crate::pool;
use gristmill::Engine;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a worker may cost.
const TARGET: Duration = Duration::from_micros(1500);

pub(crate) fn start(bench: &Bench) -> Vec<Row> {
    let build = |workers| Engine::builder().workers(workers).build().expect("the engine starts");
    let rows = [1, 2, 4].into_iter().flat_map(|workers| {
        let target = || times("1.5 ms per worker", move || TARGET * workers as u32);
        let unit = Unit::Milliseconds(workers as f64);
        let start = vec![
            times("ours", move || {
                let start = Instant::now();
                let engine = build(workers);
                let took = start.elapsed();
                drop(engine);
                took
            }),
            target(),
        ];
        let start = bench.compare("start", workers, unit, Some(1.0), start);
        let start_and_stop = vec![
            timed("ours", move || drop(build(workers))),
            target(),
            timed("rayon's threads", move || drop(pool(workers))),
            timed("processes (true)", move || run_processes(workers)),
        ];
        let stop = bench.compare("start, stop", workers, unit, None, start_and_stop);
        [start, stop]
    });
    rows.collect()
}

/// The least that as many processes can cost: a tiny program, started and reaped.
fn run_processes(count: usize) {
    let start = |_| Command::new("true").stdin(Stdio::null()).spawn().expect("true is installed");
    let children: Vec<_> = (0..count).map(start).collect();
    children.into_iter().for_each(|mut child| {
        child.wait().expect("true ends");
    });
}
