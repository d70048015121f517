//! Shaded relief.

use super::check_grid;
use super::gradient::map_gradient;
use gristmill::{Chunk, Halo, HaloView, Kernel, Out, Shapes};
use ndarray::{ArrayViewMut2, Ix2};
use serde::{Deserialize, Serialize};

/// How brightly each cell is lit, from 1 (in its own shade) to 255, as `gdaldem hillshade` has it
/// (function GDALHillshadeAlg of apps/gdaldem_lib.cpp), but not rounded.
///
/// `1 + 254 c`, or 1 where c is negative; c is the cosine of the angle between the light and the
/// surface:
/// `(sin alt + z (x cos alt sin az + y cos alt cos az)) / sqrt(1 + z^2 (x^2 + y^2))`,
/// where x and y are Horn's gradient towards west and towards south.
///
/// Arrays: elevation in metres, the map, of one shape. At the edges the border row or column is
/// given again. NaN where any of the 3 x 3 cells is NaN, and where one of the eight around a cell
/// is infinite: such a surface faces nowhere. (The formula leaves the cell itself out.)
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::Hillshade;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let plain = engine.zeros((5, 5))?;
/// let mut shade = engine.zeros(plain.dim())?;
/// let light = Hillshade { azimuth: 315.0, altitude: 30.0, z_factor: 1.0, cell: [90.0, 75.0] };
/// engine.run(&light, (&plain, &mut shade))?;
/// assert!((shade.view()[[2, 2]] - (1.0 + 254.0 * 0.5)).abs() < 1e-12);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Hillshade {
    /// Where the light comes from, in degrees clockwise from north; 315 is usual. Any finite
    /// number: 675 and -45 are 315 as well.
    pub azimuth: f64,
    /// Its height above the horizon, in degrees from 0 to 90; 45 is usual.
    pub altitude: f64,
    /// What elevations are multiplied by; 1 is usual. Finite and not 0; a negative one turns hills
    /// into pits.
    pub z_factor: f64,
    /// Metres per row and per column.
    pub cell: [f64; 2],
}

impl Kernel for Hillshade {
    type Args = (Halo<f64, Ix2>, Out<f64, Ix2>);
    type Output = ();

    fn run(
        &self,
        _: Chunk,
        (elevation, mut map): (HaloView<'_, f64, Ix2>, ArrayViewMut2<'_, f64>),
    ) {
        let [per_row, per_column] = self.cell;
        // The gradient comes eightfold.
        let z = self.z_factor / 8.0;
        let (sin_altitude, cos_altitude) = self.altitude.to_radians().sin_cos();
        let (sin_azimuth, cos_azimuth) = self.azimuth.to_radians().sin_cos();
        let (to_x, to_y) = (z * cos_altitude * sin_azimuth, z * cos_altitude * cos_azimuth);
        map_gradient(&elevation, &mut map, |x, y| {
            let (x, y) = (x / per_column, y / per_row);
            let lit = sin_altitude + x * to_x + y * to_y;
            let cosine = lit / (1.0 + z * z * (x * x + y * y)).sqrt();
            // Written so that NaN stays NaN.
            if cosine <= 0.0 { 1.0 } else { 1.0 + 254.0 * cosine }
        });
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        let Hillshade { azimuth, altitude, z_factor, .. } = *self;
        if !azimuth.is_finite() {
            return Err(format!("azimuth {azimuth} must be a finite number of degrees"));
        }
        if !(0.0..=90.0).contains(&altitude) {
            return Err(format!(
                "altitude {altitude} must lie between 0 (at the horizon) and 90 degrees (overhead)"
            ));
        }
        if z_factor == 0.0 || !z_factor.is_finite() {
            return Err(format!("z_factor {z_factor} must be finite, and not 0"));
        }
        check_grid(self.cell, shapes)
    }
}
