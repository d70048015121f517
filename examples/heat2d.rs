//! Heat spreads over a plate until it settles; the result is drawn into out/heat2d.png.
//!
//! The loop (a stencil with a halo of one row, the greatest change, two grids that swap roles, the
//! condition to stop) is a plan: the workers run it by themselves, the program sleeps meanwhile.

use gristmill::{Array, Engine};
use gristmill_kernels::heat;
use ndarray::Ix2;
use std::error::Error;
use std::fs;
use std::io::BufWriter;
use std::path::Path;
use std::time::Instant;

const ROWS: usize = 60;
const COLUMNS: usize = 90;
/// Pixels per cell and side.
const SCALE: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::new()?;
    // The edges keep their temperature: waves along the top and the bottom, cold at the sides.
    let mut plate = engine.from_fn((ROWS, COLUMNS), |(row, column)| {
        let along = std::f64::consts::PI * column as f64 / (COLUMNS - 1) as f64;
        match row {
            0 => 100.0 * (3.0 * along).sin().powi(2),
            row if row == ROWS - 1 => 100.0 * along.sin(),
            _ => 0.0,
        }
    })?;
    let started = Instant::now();
    let end = heat(&engine, &mut plate, 0.25, 1e-3, 20_000)?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{} sweeps over {ROWS} x {COLUMNS} cells", end.sweeps);
    println!("greatest change in the last one: {:.2e} degrees", end.change);
    println!("{seconds:.2} s, {:.1} us per sweep", seconds / end.sweeps as f64 * 1e6);
    println!(
        "in the middle of the plate it is {:.2} degrees",
        plate.view()[[ROWS / 2, COLUMNS / 2]]
    );
    let path = Path::new("out/heat2d.png");
    write_png(path, &plate)?;
    println!("see {}: a colour step every 4 degrees", path.display());
    Ok(())
}

/// Writes temperatures of 0 to 100 as a picture, in bands, so that lines of equal heat show.
fn write_png(path: &Path, plate: &Array<f64, Ix2>) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(path.parent().ok_or("a path without a folder")?)?;
    let mut pixels = Vec::with_capacity(3 * SCALE * SCALE * ROWS * COLUMNS);
    for y in 0..ROWS * SCALE {
        for x in 0..COLUMNS * SCALE {
            let degrees = plate.view()[[y / SCALE, x / SCALE]];
            pixels.extend(colour((degrees / 4.0).floor() / 25.0));
        }
    }
    let file = BufWriter::new(fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, (COLUMNS * SCALE) as u32, (ROWS * SCALE) as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(())
}

/// From black over violet and orange to pale yellow, for 0 to 1.
fn colour(heat: f64) -> [u8; 3] {
    const STOPS: [[f64; 3]; 5] =
        [[0., 0., 4.], [87., 16., 110.], [188., 55., 84.], [249., 142., 9.], [252., 255., 164.]];
    let place = heat.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let below = (place as usize).min(STOPS.len() - 2);
    let part = place - below as f64;
    std::array::from_fn(|i| (STOPS[below][i] * (1.0 - part) + STOPS[below + 1][i] * part) as u8)
}
