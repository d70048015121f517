//! A histogram in the terminal: two uniform random streams become a normal distribution.
//!
//! The counts are merged exactly, each chunk once, whoever counted it and whoever died meanwhile;
//! so they are the same for any number of workers.

use gristmill::Engine;
use gristmill_kernels::{Histogram, Statistics, Summary, Uniform};
use std::f64::consts::TAU;

const N: usize = 1_000_000;
const BINS: usize = 32;
const BAR_MAX: f64 = 60.0;

fn main() -> gristmill::Result<()> {
    let engine = Engine::new()?;
    let (mut u, mut v, mut x) = (engine.zeros(N)?, engine.zeros(N)?, engine.zeros(N)?);
    engine.run(&Uniform { seed: 7, stream: 0 }, &mut u)?;
    engine.run(&Uniform { seed: 7, stream: 1 }, &mut v)?;
    // Box and Muller's way from uniform to normal numbers; 1 - u is never 0.
    engine.zip_map(&u, &v, &mut x, |u: f64, v: f64| {
        (-2.0 * (1.0 - u).ln()).sqrt() * (TAU * v).cos()
    })?;

    let mut counts = engine.zeros(BINS)?;
    let (low, high) = (-4.0, 4.0);
    let outside = engine.run(&Histogram::new(BINS, [low, high]), (&x, &mut counts))?;

    let greatest = counts.as_slice().iter().copied().max().unwrap_or(1) as f64;
    let width = (high - low) / BINS as f64;
    for (bin, &count) in counts.as_slice().iter().enumerate() {
        let bar = "#".repeat((count as f64 / greatest * BAR_MAX).round() as usize);
        println!("{:6.2} {count:7} {bar}", low + bin as f64 * width);
    }
    println!("below {}, above {}, not a number {}", outside.below, outside.above, outside.nan);
    let of: Statistics = engine.run(&Summary::new(), &x)?;
    println!("mean {:+.5}, standard deviation {:.5}", of.mean(), of.standard_deviation());
    Ok(())
}
