//! Pictures of a study, as SVG: from its results alone.

mod axis;
mod canvas;
#[cfg(test)]
mod checks;
mod comparison;
mod heading;
mod legend;
mod panel;
mod placement;
mod roofline;
mod speedup;
mod style;

pub(crate) use canvas::PictureError;
pub(crate) use comparison::comparison_svg;
pub(crate) use roofline::roofline_svg;
pub(crate) use speedup::scale_svg;
