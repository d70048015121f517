//! What a death in the middle costs: how much longer a computation takes in which a worker is
//! killed half-way than the same undisturbed, before and after it.
//!
//! All of it is in that time: noticing the death, what the place computes less while it is empty,
//! the scan and the reissue, and the lost chunk itself, of some tens of microseconds here. Every
//! bit of every result is compared with that of an undisturbed run.

use crate::measure::{Bench, Row, Unit, times};
use crate::shared::quartiles;
use crate::{engine, together};
use gristmill::{Disturbance, Engine};
use gristmill_kernels::Triad;
use gristmill_kernels::npb::{InverseIteration, makea};
use std::time::{Duration, Instant};

/// What a death may add.
const LIMIT: Duration = Duration::from_millis(10);

/// Triads over three arrays of 64 MiB, one after the other, in one plan.
pub(crate) fn triad(bench: &Bench) -> Vec<Row> {
    const N: usize = 8 << 20;
    let rows = together(bench).into_iter().map(|workers| {
        let engine = engine(workers);
        let b = engine.from_fn(N, |i| i as f64).expect("memory");
        let c = engine.filled(N, 0.5).expect("memory");
        let mut x = engine.zeros(N).expect("memory");
        row(bench, "recovery_triad", &engine, || {
            let start = Instant::now();
            let plan = engine.plan(|plan| {
                let (b, c, mut x) = (plan.read(&b), plan.read(&c), plan.write(&mut x));
                plan.repeat(20, |plan| {
                    plan.step(&Triad { a: 3.0 }, (&b, &c, &mut x));
                });
            });
            plan.expect("runs");
            let took = start.elapsed();
            assert!(x.as_slice().iter().enumerate().all(|(i, x)| *x == i as f64 + 1.5));
            took
        })
    });
    rows.collect()
}

/// The conjugate gradients of NPB's class A, all of it one plan: three steps a turn, of which each
/// needs the scalars of the one before.
pub(crate) fn conjugate(bench: &Bench) -> Vec<Row> {
    const SHIFT: f64 = 20.0;
    const ITERATIONS: u64 = 15;
    let matrix = makea(14_000, 11, SHIFT);
    let rows = together(bench).into_iter().map(|workers| {
        let engine = engine(workers);
        let mut search = InverseIteration::new(&engine, &matrix).expect("memory");
        let mut find = || search.run(&engine, SHIFT, ITERATIONS).expect("runs");
        let expected = find();
        row(bench, "recovery_cg", &engine, || {
            let start = Instant::now();
            let found = find();
            let took = start.elapsed();
            assert_eq!(found, expected);
            took
        })
    });
    rows.collect()
}

/// A row of what a kill in the middle of a computation adds to the time that it took.
fn row(bench: &Bench, name: &str, engine: &Engine, mut took: impl FnMut() -> Duration) -> Row {
    let (mut added, mut replaced) = (vec![], vec![]);
    let mut undisturbed = Duration::ZERO;
    let mut victims = (0..engine.workers()).cycle();
    let sides = vec![
        times("ours", || {
            let before = took();
            let victim = victims.next().expect("there are workers");
            let disturbed = killing(engine, victim, before / 2, &mut took);
            replaced.push(until_replaced(engine).as_secs_f64() * 1e3);
            undisturbed = (before + took()) / 2;
            added.push((disturbed.as_secs_f64() - undisturbed.as_secs_f64()) * 1e3);
            // No row knows times of nothing and less, which noise makes of a short one.
            disturbed.saturating_sub(undisturbed).max(LIMIT / 100)
        }),
        times("10 ms", || LIMIT),
    ];
    let row = bench.compare(name, engine.workers(), Unit::Milliseconds(1.0), Some(1.0), sides);
    let (deaths, [low, middle, high]) = (added.len(), quartiles(added));
    eprintln!(
        "{name}: a death adds {middle:.2} ms ({low:.2}..{high:.2}; {deaths} deaths) to {:.0} ms; \
         its replacement was ready after {:.2} ms",
        undisturbed.as_secs_f64() * 1e3,
        quartiles(replaced)[1],
    );
    row
}

/// How long it takes if the worker is killed after this time.
fn killing(
    engine: &Engine,
    victim: usize,
    after: Duration,
    took: &mut impl FnMut() -> Duration,
) -> Duration {
    engine.take_recoveries();
    let deaths = engine.stats().deaths;
    let took = std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(after);
            engine.disturb(victim, Disturbance::Kill);
        });
        took()
    });
    assert_eq!(engine.stats().deaths, deaths + 1, "it was killed in the middle");
    took
}

/// How long it took from the death to the moment at which its replacement was ready.
fn until_replaced(engine: &Engine) -> Duration {
    loop {
        match engine.take_recoveries().pop() {
            Some(took) => return took,
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}
