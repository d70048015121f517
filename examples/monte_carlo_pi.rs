//! Pi by throwing points: the same digits for any number of workers.
//!
//! Each random number is a function of the seed and of its place alone (a counter-based generator),
//! so it does not matter which worker draws it.

use gristmill::Engine;
use gristmill_kernels::PiHits;

/// Independent streams of random points, and points per stream.
const STREAMS: usize = 2_000;
const POINTS: u64 = 50_000;

fn main() -> gristmill::Result<()> {
    let total = STREAMS as f64 * POINTS as f64;
    println!("{total:e} points");
    for workers in [1, 2, 3, 5, 8] {
        let engine = Engine::builder().workers(workers).build()?;
        let mut hits = engine.zeros(STREAMS)?;
        let start = std::time::Instant::now();
        let inside = engine.run(&PiHits { seed: 2026, points: POINTS }, &mut hits)?;
        let seconds = start.elapsed().as_secs_f64();
        let pi = 4.0 * inside as f64 / total;
        println!("{workers} workers: {inside} inside, pi is about {pi:.8} ({seconds:.2} s)");
    }
    let error =
        4.0 * (0.25 * std::f64::consts::PI * (1.0 - 0.25 * std::f64::consts::PI) / total).sqrt();
    println!("expected to be off by about {error:.8}");
    Ok(())
}
