//! Pi from random points, to the same digits for any number of workers.
//!
//! Random numbers come from a counter-based generator: what stream 17 of a seed draws depends on
//! the seed and on 17 alone, not on who draws it, or when. So there is nothing to hand out, and
//! nothing to fall out of step when a worker dies.

use gristmill::Engine;
use gristmill_kernels::PiHits;

const STREAMS: usize = 2_000;
const POINTS: u64 = 2_500;

fn main() -> gristmill::Result<()> {
    println!("{STREAMS} streams of {POINTS} points each");
    println!("{:>7}  {:>9}  {:>18}", "workers", "hits", "pi");
    let mut first = None;
    for workers in [1, 2, 3, 5] {
        // More workers than cores share them: no faster, and still the same digits.
        let engine = Engine::builder().workers(workers).build()?;
        let mut hits = engine.zeros(STREAMS)?;
        let total = engine.run(&PiHits { seed: 2025, points: POINTS }, &mut hits)?;
        let pi = 4.0 * total as f64 / (STREAMS as f64 * POINTS as f64);
        println!("{workers:>7}  {total:>9}  {pi:>18.15}");
        assert_eq!(*first.get_or_insert(total), total, "the same for any number of workers");
    }
    println!("{:>7}  {:>9}  {:>18.15}", "", "", std::f64::consts::PI);
    Ok(())
}
