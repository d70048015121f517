//! A kernel of one's own: the Mandelbrot set, drawn in the terminal.
//!
//! A kernel is a struct. Its fields are its parameters, which travel to the workers; `Args` says
//! how it reaches its arrays, `Output` what it yields. It is not registered anywhere.

use gristmill::{Chunk, Engine, Kernel, Out, Sum};
use ndarray::{ArrayViewMut2, Ix2};
use serde::{Deserialize, Serialize};

/// How many steps z -> z² + c takes to leave the disc of radius 2, for each c of a window.
#[derive(Serialize, Deserialize)]
struct Mandelbrot {
    centre: (f64, f64),
    width: f64,
    steps_max: u32,
}

impl Kernel for Mandelbrot {
    /// One array, written by rows; the types see to it that no two chunks overlap.
    type Args = Out<u32, Ix2>;
    /// All steps that were made, added up along a fixed tree.
    type Output = Sum<u64>;

    fn run(&self, chunk: Chunk, mut steps: ArrayViewMut2<'_, u32>) -> u64 {
        let columns = steps.ncols();
        let cell = self.width / columns as f64;
        for ((row, column), steps) in steps.indexed_iter_mut() {
            // Characters are about twice as high as they are wide.
            let row = (chunk.start() + row) as f64 - chunk.extent() as f64 / 2.0;
            let column = column as f64 - columns as f64 / 2.0;
            let c = (self.centre.0 + column * cell, self.centre.1 + row * 2.0 * cell);
            *steps = escape(c, self.steps_max);
        }
        steps.iter().map(|&steps| u64::from(steps)).sum()
    }

    /// One row per chunk: rows differ much in work, so workers steal from each other.
    fn grain(&self, _: &gristmill::Shapes) -> usize {
        1
    }

    fn check(&self, _: &gristmill::Shapes) -> Result<(), String> {
        if self.width > 0.0 { Ok(()) } else { Err("the window has no width".into()) }
    }
}

fn escape(c: (f64, f64), steps_max: u32) -> u32 {
    let (mut x, mut y) = (0.0, 0.0);
    for step in 0..steps_max {
        let (xx, yy) = (x * x, y * y);
        if xx + yy > 4.0 {
            return step;
        }
        (x, y) = (xx - yy + c.0, 2.0 * x * y + c.1);
    }
    steps_max
}

fn main() -> gristmill::Result<()> {
    let engine = Engine::new()?;
    let mut steps = engine.zeros((32, 92))?;
    let kernel = Mandelbrot { centre: (-0.7, 0.0), width: 3.4, steps_max: 20_000 };
    let total = engine.run(&kernel, &mut steps)?;
    for row in steps.view().rows() {
        let shade =
            |steps: &u32| b" .:-=+*#%@"[(32 - steps.leading_zeros()).min(9) as usize] as char;
        println!("{}", row.iter().map(shade).collect::<String>().trim_end());
    }
    println!("{total} steps by {} workers", engine.workers());
    // What the kernel itself refuses is an error before anything runs.
    let wrong = engine.run(&Mandelbrot { width: -1.0, ..kernel }, &mut steps);
    println!("and with a wrong parameter: {}", wrong.unwrap_err());
    Ok(())
}
