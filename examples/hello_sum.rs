//! The shortest use: fill an array, map it, sum it.
//!
//! Run it with `cargo run --release --example hello_sum`.

use gristmill::Engine;

fn main() -> gristmill::Result<()> {
    let engine = Engine::new()?; // one worker process per allowed CPU
    let n = 1_000_000;
    let x = engine.from_fn(n, |i| (i as f64 + 0.5) / n as f64)?;
    let mut y = engine.zeros(x.dim())?;
    engine.map(&x, &mut y, |v: f64| v.sin())?;
    let total: f64 = engine.sum(&y)?;
    println!("workers        {}", engine.workers());
    println!(
        "mean of sin    {:.12}   over the middles of {n} intervals of [0, 1]",
        total / n as f64
    );
    println!("1 - cos 1      {:.12}   is the integral", 1.0 - 1f64.cos());
    println!("bits of sum    {:016x}       for any number of workers", total.to_bits());
    println!("first elements {:.6}", y.view().slice(ndarray::s![..5]));
    Ok(())
}
