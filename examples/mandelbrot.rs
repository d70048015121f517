//! The Mandelbrot set as a picture: the workers compute it, the program colours it and writes
//! out/mandelbrot.png.

use gristmill::{Array, Engine};
use gristmill_kernels::Mandelbrot;
use ndarray::Ix2;
use std::error::Error;
use std::fs;
use std::io::BufWriter;
use std::path::Path;
use std::time::Instant;

const ROWS: usize = 900;
const COLUMNS: usize = 1200;
const STEPS_MAX: u32 = 2000;

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::new()?;
    let mut steps = engine.zeros((ROWS, COLUMNS))?;
    // The valley between the great body of the set and the disc beside it.
    let set = Mandelbrot { real: [-0.80, -0.72], imaginary: [0.07, 0.13], steps_max: STEPS_MAX };
    let started = Instant::now();
    engine.run(&set, &mut steps)?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{ROWS} x {COLUMNS} points, up to {STEPS_MAX} steps each: {seconds:.3} s");
    let inside = steps.as_slice().iter().filter(|steps| **steps == STEPS_MAX).count();
    println!("{:.1} % may belong to the set", 100.0 * inside as f64 / (ROWS * COLUMNS) as f64);
    let path = Path::new("out/mandelbrot.png");
    write_png(path, &steps)?;
    println!("see {}", path.display());
    Ok(())
}

/// Writes escape times as a picture, the greatest imaginary part on top.
fn write_png(path: &Path, steps: &Array<u32, Ix2>) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(path.parent().ok_or("a path without a folder")?)?;
    let rows = steps.as_slice().chunks(COLUMNS).rev();
    let pixels: Vec<u8> = rows.flatten().flat_map(|steps| colour(*steps)).collect();
    let file = BufWriter::new(fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, COLUMNS as u32, ROWS as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(())
}

/// Black for the set; outside, colours that go round once for each octave of steps.
fn colour(steps: u32) -> [u8; 3] {
    if steps == STEPS_MAX {
        return [0; 3];
    }
    let turns = f64::from(steps + 1).log2();
    [0.0, 0.1, 0.25].map(|shift| {
        let wave = 0.5 + 0.5 * (std::f64::consts::TAU * (0.8 * turns + shift)).cos();
        (255.0 * (0.08 + 0.92 * wave)) as u8
    })
}
