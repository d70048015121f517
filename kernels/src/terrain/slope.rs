//! Slope, in degrees.

use super::check_grid;
use super::gradient::map_gradient;
use gristmill::{Chunk, Halo, HaloView, Kernel, Out, Shapes};
use ndarray::{ArrayViewMut2, Ix2};
use serde::{Deserialize, Serialize};

/// The steepest slope of each cell, in degrees from 0 to 90, by Horn's formula as
/// `gdaldem slope` has it.
///
/// Arrays: elevation in metres, the map, of one shape. At the edges the border row or column is
/// given again. NaN where any of the 3 x 3 cells is NaN. Beside an infinite cell it is 90, but NaN
/// where infinities on both sides cancel. (The formula leaves the cell itself out.)
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::Slope;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let ramp = engine.from_fn((5, 5), |(row, _)| 10.0 * row as f64)?;
/// let mut slope = engine.zeros(ramp.dim())?;
/// engine.run(&Slope { cell: [10.0, 10.0] }, (&ramp, &mut slope))?;
/// assert_eq!(slope.view()[[2, 2]], 45.0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Slope {
    /// Metres per row and per column.
    pub cell: [f64; 2],
}

impl Kernel for Slope {
    type Args = (Halo<f64, Ix2>, Out<f64, Ix2>);
    type Output = ();

    fn run(
        &self,
        _: Chunk,
        (elevation, mut map): (HaloView<'_, f64, Ix2>, ArrayViewMut2<'_, f64>),
    ) {
        let [per_row, per_column] = self.cell;
        map_gradient(&elevation, &mut map, |x, y| {
            let (x, y) = (x / per_column, y / per_row);
            ((x * x + y * y).sqrt() / 8.0).atan().to_degrees()
        });
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        check_grid(self.cell, shapes)
    }
}
