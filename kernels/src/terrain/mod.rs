//! Maps of an elevation grid: rows from north to south, columns from west to east.

mod gradient;
mod hillshade;
mod horizon;
mod sky_view;
mod slope;

pub(crate) use gradient::GRADIENT_FLOPS;
pub use hillshade::Hillshade;
pub use sky_view::SkyView;
pub use slope::Slope;

use gristmill::Shapes;

/// Refuses cells of no size, and maps of another shape than the grid's.
fn check_grid(cell: [f64; 2], shapes: &Shapes) -> Result<(), String> {
    if !cell.iter().all(|metres| *metres > 0.0 && metres.is_finite()) {
        return Err(format!(
            "a cell of {cell:?} metres per row and per column: both must be positive"
        ));
    }
    if shapes.of(0) != shapes.of(1) {
        return Err(format!(
            "the map has shape {:?}, the elevation {:?}; make them equal",
            shapes.of(1),
            shapes.of(0)
        ));
    }
    Ok(())
}
