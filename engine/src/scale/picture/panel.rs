//! A rectangle with axes, in which values are drawn.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Drawn, Place, Stroke};
use super::style::{BLACK, PALE, TEXT};
use plotters::style::RGBColor;

/// A panel of a picture.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// From left to right.
    pub(crate) x: Axis,
    /// From bottom to top.
    pub(crate) y: Axis,
}

/// Where the name of an upright axis lies, from the edge of the picture.
const NAME_OF_Y: f64 = 14.0;
/// What stands below a panel: its ticks, and the axis's name.
pub(crate) const BELOW: f64 = 44.0;
/// What stands left of a panel.
pub(crate) const LEFT: f64 = 66.0;

impl Panel {
    /// The pixels of a place that is given by values.
    pub(crate) fn at(&self, (x, y): (f64, f64)) -> Place {
        (self.x.at(x), self.y.at(y))
    }

    /// Grid, edges, ticks and the names of both axes.
    pub(crate) fn draw(&self, canvas: &Canvas<'_>, x_name: &str, y_name: &str) -> Drawn {
        let ([left, right], [bottom, top]) = (self.x.pixels(), self.y.pixels());
        let line = |colour: RGBColor, from: Place, to: Place| {
            canvas.line(&[from, to], Stroke { colour, width: 1.0, dash: None })
        };
        for (value, text) in &self.x.ticks {
            let x = self.x.at(*value);
            line(PALE, (x, bottom), (x, top))?;
            line(BLACK, (x, bottom), (x, bottom + 4.0))?;
            canvas.text(text, (x, bottom + 7.0), TEXT, Anchor::Below)?;
        }
        for (value, text) in &self.y.ticks {
            let y = self.y.at(*value);
            line(PALE, (left, y), (right, y))?;
            line(BLACK, (left - 4.0, y), (left, y))?;
            canvas.text(text, (left - 8.0, y), TEXT, Anchor::Left)?;
        }
        line(BLACK, (left, bottom), (right, bottom))?;
        line(BLACK, (left, bottom), (left, top))?;
        let below = (f64::midpoint(left, right), bottom + 24.0);
        canvas.text(x_name, below, TEXT, Anchor::Below)?;
        canvas.text(y_name, (NAME_OF_Y, f64::midpoint(bottom, top)), TEXT, Anchor::Upwards)
    }

    /// A vertical bar between two values, with ends that reach so far to both sides.
    pub(crate) fn error_bar(
        &self,
        canvas: &Canvas<'_>,
        (x, reach): (f64, f64),
        [low, high]: [f64; 2],
        stroke: Stroke,
    ) -> Drawn {
        let (low, high) = (self.y.at(low), self.y.at(high));
        let (left, right) = (x - reach, x + reach);
        let bar = [(left, low), (right, low), (x, low), (x, high), (left, high), (right, high)];
        canvas.line(&bar, stroke)
    }
}
