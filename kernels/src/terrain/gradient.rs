//! Horn's gradient over 3 x 3 cells.
//!
//! Source: B. Horn, "Hill shading and the reflectance map", Proc. IEEE 69 (1981), as in GDAL's
//! gdaldem (apps/gdaldem_lib.cpp): the middle row and column count twice, and the eightfold
//! gradient is kept as long as possible. There the edges are extrapolated if asked for; here the
//! border row or column is given again.

use gristmill::HaloView;
use ndarray::{ArrayViewMut2, Ix2};

/// Computes a map row by row: `cell(x, y)` of the eightfold rise per cell towards west and
/// towards south; NaN where any of the 3 x 3 cells is NaN.
pub(super) fn map_gradient(
    elevation: &HaloView<'_, f64, Ix2>,
    map: &mut ArrayViewMut2<'_, f64>,
    cell: impl Fn(f64, f64) -> f64,
) {
    for (row, mut map) in map.rows_mut().into_iter().enumerate() {
        let row = row as isize;
        let rows = [elevation.row(row - 1), elevation.row(row), elevation.row(row + 1)];
        let map = map.as_slice_mut().expect("rows are contiguous");
        let columns = map.len();
        for (column, value) in map.iter_mut().enumerate() {
            let (west, east) = (column.saturating_sub(1), (column + 1).min(columns - 1));
            *value = at(rows, [west, column, east], &cell);
        }
    }
}

/// Floating-point operations of a cell's gradient: of each of its two parts, the border cells on
/// either side are added up, the middle one twice (3), and the sums subtracted.
pub(crate) const GRADIENT_FLOPS: usize = 2 * (3 + 3 + 1);

#[inline]
fn at(
    [north, here, south]: [&[f64]; 3],
    [west, column, east]: [usize; 3],
    cell: impl Fn(f64, f64) -> f64,
) -> f64 {
    let centre = here[column];
    // The formula leaves the centre out.
    if centre.is_nan() {
        return f64::NAN;
    }
    let x = (north[west] + 2.0 * here[west] + south[west])
        - (north[east] + 2.0 * here[east] + south[east]);
    let y = (south[west] + 2.0 * south[column] + south[east])
        - (north[west] + 2.0 * north[column] + north[east]);
    cell(x, y)
}
