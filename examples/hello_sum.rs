//! The shortest use: fill an array, map it, sum it.

use gristmill::Engine;

fn main() -> gristmill::Result<()> {
    let engine = Engine::new()?;
    let x = engine.from_fn(1_000_000, |i| i as f64 * 1e-6)?;
    let mut y = engine.zeros(x.dim())?;
    engine.map(&x, &mut y, |v: f64| v.sin())?;
    let total: f64 = engine.sum(&y)?;
    println!("{} workers: the mean of sin over [0, 1) is {:.6}", engine.workers(), total / 1e6);
    println!("1 - cos 1 is {:.6}", 1.0 - 1f64.cos());
    Ok(())
}
