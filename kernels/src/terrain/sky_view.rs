//! The sky-view factor.

use super::check_grid;
use super::horizon::{Grid, Step, add_sines, steps};
use gristmill::{Chunk, Kernel, Out, Shapes, Whole};
use ndarray::{ArrayView2, ArrayViewMut2, Ix2};
use serde::{Deserialize, Serialize};

/// How much of the sky each cell sees, from 0 to 1 (a plain): 1 less the mean, over `azimuths`
/// directions clockwise from north, of the sine of the horizon's angle.
///
/// The horizon's angle is the greatest elevation angle, at least 0, over the steps k = 1 to
/// `radius` of one cell each along the azimuth. A step is taken to the nearest cell (its offset
/// in rows and in columns rounded, halves away from zero), its distance in metres to that cell's
/// centre; the first step beyond the grid's edge ends the azimuth.
///
/// Source: K. Zaksek, K. Ostir and Z. Kokalj, "Sky-view factor as a relief visualization
/// technique", Remote Sensing 3 (2011).
///
/// Arrays: elevation in metres, which every chunk reads whole; the map, of the same shape. NaN
/// where the cell itself is NaN; other NaN cells are looked over, as if they were low. A cell of
/// infinite height hides all of its direction; one that is itself infinitely high sees the whole sky.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::SkyView;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// // A cell at the foot of a wall along its north, as high as it is far.
/// let wall = engine.from_fn((3, 3), |(row, _)| if row == 0 { 10.0 } else { 0.0 })?;
/// let mut sky = engine.zeros(wall.dim())?;
/// engine.run(&SkyView { azimuths: 4, radius: 1, cell: [10.0, 10.0] }, (&wall, &mut sky))?;
/// assert!((sky.view()[[1, 1]] - (1.0 - 0.5f64.sqrt() / 4.0)).abs() < 1e-15);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct SkyView {
    /// Number of directions, at least 1; times `radius` at most 2^24.
    pub azimuths: u32,
    /// Number of steps in each direction, at least 1, in cells.
    pub radius: u32,
    /// Metres per row and per column.
    pub cell: [f64; 2],
}

impl SkyView {
    /// The steps along each azimuth that may stay inside a grid of this shape.
    fn steps(&self, [rows, columns]: [usize; 2]) -> impl Iterator<Item = Vec<Step>> {
        // After twice as many steps as the grid is wide or high, none is left inside it.
        let radius = self.radius.min(u32::try_from(2 * rows.max(columns)).unwrap_or(u32::MAX));
        (0..self.azimuths).map(move |number| steps(number, self.azimuths, radius, self.cell))
    }

    /// How often a cell of a grid of this shape looks at another one: a step stays inside for a
    /// rectangle of cells.
    pub(crate) fn looks(&self, shape: [usize; 2]) -> f64 {
        let inside = |step: &Step| {
            let rows = shape[0].saturating_sub(step.rows.unsigned_abs());
            (rows * shape[1].saturating_sub(step.columns.unsigned_abs())) as f64
        };
        self.steps(shape).flatten().map(|step| inside(&step)).sum()
    }
}

impl Kernel for SkyView {
    type Args = (Whole<f64, Ix2>, Out<f64, Ix2>);
    type Output = ();

    fn run(
        &self,
        chunk: Chunk,
        (elevation, mut map): (ArrayView2<'_, f64>, ArrayViewMut2<'_, f64>),
    ) {
        let (rows, columns) = elevation.dim();
        let elevation = elevation.to_slice().expect("arrays are in C order");
        let grid = Grid { elevation, rows, columns };
        let azimuths: Vec<Vec<Step>> = self.steps([rows, columns]).collect();
        for (row, mut map) in chunk.range().zip(map.rows_mut()) {
            let map = map.as_slice_mut().expect("rows are contiguous");
            map.fill(0.0);
            azimuths.iter().for_each(|steps| add_sines(grid, row, steps, map));
            let eyes = &elevation[row * columns..];
            for (factor, eye) in map.iter_mut().zip(eyes) {
                *factor = 1.0 - *factor / f64::from(self.azimuths);
                if eye.is_nan() {
                    *factor = f64::NAN;
                }
            }
        }
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        if self.azimuths == 0 || self.radius == 0 {
            return Err(format!(
                "azimuths {} and radius {} must be at least 1",
                self.azimuths, self.radius
            ));
        }
        // Every worker keeps a table of all steps, 24 bytes each.
        const STEPS_MAX: u64 = 1 << 24;
        if u64::from(self.azimuths) * u64::from(self.radius) > STEPS_MAX {
            return Err(format!(
                "azimuths {} times radius {} is more than {STEPS_MAX} steps; ask for fewer",
                self.azimuths, self.radius
            ));
        }
        check_grid(self.cell, shapes)
    }
}
