//! Workers are killed, stopped and slowed at random times: the bits are the same.

mod support;

use gristmill::{Add, Chaos, ChaosTally, Chunk, Engine, Error, In, InOut, Kernel, Merge};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

const CHAOS: f64 = 100.0;

fn one_attempt(workers: usize) -> Engine {
    Engine::builder().workers(workers).attempts(1).build().unwrap()
}

/// Does it until enough workers have died, and says what was done.
fn under_chaos(engine: &Engine, seed: u64, mut once: impl FnMut()) -> ChaosTally {
    let chaos = engine.chaos(Chaos::new(seed).kills_per_second(CHAOS)).unwrap();
    let started = Instant::now();
    while chaos.tally().kills < 25 {
        assert!(started.elapsed() < Duration::from_secs(120), "{:?}", chaos.tally());
        once();
    }
    let tally = chaos.end();
    // All that were killed are buried once everybody is there again.
    once();
    let stats = engine.stats();
    assert!(stats.deaths > 0 && stats.poisoned == 0, "{stats:?}");
    tally
}

/// x = x / 3 + 1 in place, counted in a cell: what is done twice shows.
#[derive(Serialize, Deserialize)]
struct Update;

impl Kernel for Update {
    type Args = InOut<f64>;
    type Output = ();

    fn run(&self, _: Chunk, x: &mut [f64]) {
        x.iter_mut().for_each(|x| *x = *x / 3.0 + 1.0);
    }
}

#[derive(Serialize, Deserialize)]
struct Count;

impl Kernel for Count {
    type Args = (In<f64>, Merge<u64, Add>);
    type Output = ();

    fn run(&self, _: Chunk, (x, counts): (&[f64], &mut [u64])) {
        x.iter().for_each(|x| counts[x.to_bits() as usize % 7] += 1);
    }
}

#[test]
fn the_bits_are_those_of_an_undisturbed_run() {
    for workers in [1, 3] {
        let engine = one_attempt(workers);
        let x = engine.from_fn(100_000, |i| (i as f64).sqrt()).unwrap();
        let all = || {
            let mut y = engine.from_fn(100_000, |i| i as f64).unwrap();
            let mut counts = engine.zeros(7).unwrap();
            engine.run(&Update, &mut y).unwrap();
            engine.run(&Count, (&x, &mut counts)).unwrap();
            let sum = engine.sum(&x).unwrap().to_bits();
            let y: Vec<u64> = y.as_slice().iter().map(|y| y.to_bits()).collect();
            (y, counts.as_slice().to_vec(), sum)
        };
        let calm = all();
        under_chaos(&engine, workers as u64, || assert!(all() == calm));
        let recoveries = engine.take_recoveries();
        // Replacements may have died, or been stopped, while they started.
        let vacancies = engine.take_vacancies();
        assert!(!recoveries.is_empty() && recoveries.len() <= vacancies.len());
        assert!(vacancies.len() as u64 <= engine.stats().deaths);
        assert!(recoveries.iter().max() <= vacancies.iter().max());
        assert!(engine.take_recoveries().is_empty(), "they were taken");
    }
}

#[test]
fn tasks_are_done_once_each() {
    let engine = one_attempt(2);
    let long = |n: u64| vec![n; 5000];
    let tally = under_chaos(&engine, 3, || {
        let results = engine.tasks().map(long, 0..20).unwrap();
        let results: Vec<_> = results.map(Result::unwrap).collect();
        assert!(results.iter().enumerate().all(|(n, result)| *result == [n as u64; 5000]));
    });
    assert!(tally.stops > 0 && tally.slowed > 0, "{tally:?}");
}

#[test]
fn nobody_is_left_stopped() {
    let engine = one_attempt(2);
    let x = engine.from_fn(50_000, |i| i as f64).unwrap();
    for seed in 0..8 {
        // It ends in the middle of stops, or the next sum would have to wait for ever.
        drop(engine.chaos(Chaos::new(seed).kills_per_second(CHAOS)).unwrap());
        let chaos = engine.chaos(Chaos::new(seed).kills_per_second(CHAOS)).unwrap();
        while chaos.tally().stops < 2 {
            engine.sum(&x).unwrap();
        }
        drop(chaos);
        assert_eq!(engine.sum(&x).unwrap(), 1_249_975_000.0);
    }
}

#[test]
fn an_engine_may_end_before_its_chaos() {
    let engine = one_attempt(2);
    let chaos = engine.chaos(Chaos::new(1).kills_per_second(CHAOS)).unwrap();
    while chaos.tally().kills == 0 {
        std::thread::yield_now();
    }
    drop(engine);
    let before = chaos.tally();
    assert_eq!(chaos.end(), before, "there is nobody to do anything to");
}

#[test]
fn rates_have_bounds() {
    let engine = one_attempt(1);
    for rate in [0.0, -1.0, f64::NAN, 1001.0] {
        let refused = engine.chaos(Chaos::new(1).kills_per_second(rate));
        assert!(matches!(refused, Err(Error::Refused { .. })), "{rate}");
    }
}
