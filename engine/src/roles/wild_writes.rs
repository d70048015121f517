//! Kernels that write random words over the control block: a launch ends, with an error or with the
//! right bits, and the engine is dropped as ever. (What is scribbled here is known by its place;
//! engine/tests/wild_writes.rs scribbles as native code would, by address.)

use super::engine::Engine;
use crate::compute::{Add, Chunk, ControlBlock, In, InOut, Kernel, Merge, Out, Shapes, Sum, Views};
use crate::error::Result;
use crate::process::worker_region;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::Duration;

/// Far more than any launch of these takes, damaged or not.
const BOUND: Duration = Duration::from_secs(60);

/// Which seeds to run, as FIRST or FIRST..END, instead of some; then it tells what is scribbled over.
const SEEDS: &str = "GRISTMILL_WILD_SEEDS";

/// A sequence of numbers (splitmix64).
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Scribbles over the control block.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Scribble {
    random: Random,
    workers: usize,
    /// In this chunk, or task.
    chunk: u64,
    /// What it does then.
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum End {
    GoesOn,
    Panics,
    Dies,
}

impl Scribble {
    fn of(seed: u64) -> Scribble {
        let mut random = Random(seed);
        let workers = 1 + random.below(3);
        let chunk = random.next() % 12;
        let end = *random.one_of(&[End::GoesOn, End::GoesOn, End::GoesOn, End::Panics, End::Dies]);
        Scribble { random, workers, chunk, end }
    }

    /// What a stray write might leave in place of `word`.
    fn instead_of(random: &mut Random, word: u64) -> u64 {
        match random.below(6) {
            0 => 0,
            1 => random.next() % 100,
            2 => u64::MAX,
            3 => word ^ 1 << random.below(64),
            4 => (random.below(1000) as f64 / 8.0).to_bits(),
            _ => random.next(),
        }
    }

    fn run(&self, chunk: u64) {
        if chunk != self.chunk {
            return;
        }
        let mut random = self.random.clone();
        let region = worker_region().expect("kernels run in workers");
        let fields = ControlBlock::used(self.workers);
        for _ in 0..1 + random.below(3) {
            let (what, words) = random.one_of(&fields);
            let whole = random.below(8) == 0;
            if std::env::var_os(SEEDS).is_some() {
                eprintln!("scribbles over {what}{}", if whole { ", all of it" } else { "" });
            }
            for at in if whole { words.clone() } else { vec![*random.one_of(words)] } {
                let word = region.at::<AtomicU64>(at);
                word.store(Scribble::instead_of(&mut random, word.load(Relaxed)), Relaxed);
            }
        }
        match self.end {
            End::GoesOn => {}
            End::Panics => panic!("after a scribble"),
            End::Dies => std::process::abort(),
        }
    }
}

fn small() -> usize {
    50
}

/// y = 3 x
#[derive(Serialize, Deserialize)]
struct Triple(Scribble);

impl Kernel for Triple {
    type Args = (In<u64>, Out<u64>);
    type Output = Sum<u64>;

    fn run(&self, chunk: Chunk, (x, y): Views<'_, Self>) -> u64 {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = 3 * x);
        self.0.run(chunk.index() as u64);
        y.iter().sum()
    }

    fn grain(&self, _: &Shapes) -> usize {
        small()
    }
}

/// x = 3 x + 1
#[derive(Serialize, Deserialize)]
struct Update(Scribble);

impl Kernel for Update {
    type Args = InOut<u64>;
    type Output = Sum<u64>;

    fn run(&self, chunk: Chunk, x: &mut [u64]) -> u64 {
        let middle = x.len() / 2;
        x[..middle].iter_mut().for_each(|x| *x = 3 * *x + 1);
        self.0.run(chunk.index() as u64);
        x[middle..].iter_mut().for_each(|x| *x = 3 * *x + 1);
        x.iter().sum()
    }

    fn grain(&self, _: &Shapes) -> usize {
        small()
    }
}

/// Counts residues.
#[derive(Serialize, Deserialize)]
struct Residues(Scribble);

impl Kernel for Residues {
    type Args = (In<u64>, Merge<u64, Add>);
    type Output = Sum<u64>;

    fn run(&self, chunk: Chunk, (x, counts): Views<'_, Self>) -> u64 {
        x.iter().for_each(|&x| counts[x as usize % 7] += 1);
        self.0.run(chunk.index() as u64);
        x.len() as u64
    }

    fn grain(&self, _: &Shapes) -> usize {
        small()
    }
}

const N: usize = 12 * 50;

/// Everything that an engine computes, after which the results must be these.
fn jobs(engine: &Engine, scribble: &Scribble) -> Result<Vec<u64>> {
    let mut results = vec![];
    let x = engine.from_fn(N, |i| i as u64)?;
    let mut y = engine.zeros(N)?;
    let which = scribble.random.clone().below(4);
    if which == 0 {
        let mut steps = 0;
        let sum = engine.plan(|p| {
            let (x, mut y) = (p.read(&x), p.write(&mut y));
            let sum = p.step(&Triple(scribble.clone()), (&x, &mut y));
            let (turns, last) = p.repeat(3, |p| {
                let sum = p.step(&Update(scribble.clone()), &mut y);
                p.until(sum, |sum| sum > 1 << 40);
                sum
            });
            steps += 2;
            (sum, turns, last)
        })?;
        results.extend([sum.0, sum.1, sum.2, steps]);
    }
    if which == 1 {
        engine.run(&Triple(scribble.clone()), (&x, &mut y))?;
        results.push(engine.run(&Update(scribble.clone()), &mut y)?);
    }
    if which == 2 {
        let mut counts = engine.zeros(7)?;
        results.push(engine.run(&Residues(scribble.clone()), (&x, &mut counts))?);
        results.extend(counts.as_slice());
    }
    if which == 3 {
        let task = |(n, scribble): (u64, Scribble)| {
            scribble.run(n);
            vec![n; if n % 5 == 0 { 500 } else { 1 }]
        };
        let params = (0..20).map(|n| (n, scribble.clone()));
        for result in engine.tasks().map(task, params)? {
            results.extend(result?);
        }
    }
    results.extend(y.as_slice());
    Ok(results)
}

/// Runs a seed to its end; whether it ended with an error.
fn scribbled(seed: u64) -> bool {
    let scribble = Scribble::of(seed);
    let never = Scribble { chunk: u64::MAX, ..scribble.clone() };
    let start = || Engine::builder().workers(scribble.workers).build().unwrap();
    let right = jobs(&start(), &never).unwrap();
    let engine = start();
    match jobs(&engine, &scribble) {
        Ok(results) => {
            assert_eq!(results, right, "seed {seed}: a wrong answer; {scribble:?}");
            false
        }
        Err(_) => true,
    }
}

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var(SEEDS) else { return 0..160 };
    let (first, end) = text.split_once("..").unwrap_or((&text, ""));
    let first: u64 = first.parse().expect("FIRST or FIRST..END");
    first..end.parse().unwrap_or(first + 1)
}

#[test]
fn a_scribbled_control_block_is_an_error_or_does_no_harm() {
    const AT_ONCE: u64 = 4;
    let seeds = seeds();
    let (done, results) = mpsc::channel();
    for at in 0..AT_ONCE {
        let (done, seeds) = (done.clone(), seeds.clone());
        std::thread::spawn(move || {
            for seed in seeds.skip(at as usize).step_by(AT_ONCE as usize) {
                let run = std::panic::catch_unwind(|| scribbled(seed));
                let _ = done.send((seed, run));
            }
        });
    }
    drop(done);
    let mut left: Vec<u64> = seeds.clone().collect();
    let (mut errors, mut wrong) = (0, vec![]);
    while !left.is_empty() {
        // A hang ends this test by name; the engine's threads end with the process.
        let (seed, run) = results.recv_timeout(BOUND).unwrap_or_else(|_| {
            panic!("a hang with one of the first of these seeds: {left:?}");
        });
        match run {
            Ok(failed) => errors += u64::from(failed),
            Err(_) => wrong.push(seed),
        }
        left.retain(|other| *other != seed);
    }
    assert!(wrong.is_empty(), "seeds {wrong:?} failed: see above, and {SEEDS}");
    println!("{errors} of {} seeds ended with an error", seeds.end - seeds.start);
}
