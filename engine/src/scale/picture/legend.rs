//! What stands below a picture: what its lines and markers mean, and notes.

use super::canvas::Anchor;
use super::canvas::{Canvas, Drawn, Place, Stroke};
use super::style::{EDGE, LINE, Look, TEXT, WIDTH, wrap};
use plotters::style::RGBColor;

/// What is explained.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sample {
    /// A curve with its markers.
    Curve(Look),
    /// Markers without a line.
    Marker(Look),
    /// A line.
    Line(Stroke),
    /// A hollow marker.
    Hollow(RGBColor),
    /// An area.
    Area(RGBColor, f64),
    /// Nothing: a note.
    Note,
}

/// Explanations, one below the other.
#[derive(Debug, Default)]
pub(crate) struct Legend {
    rows: Vec<(Sample, Vec<String>)>,
}

/// From the edge to the text behind a sample.
const INDENT: f64 = 46.0;
/// The length of a line's sample.
const LENGTH: f64 = 36.0;

impl Legend {
    /// One more row.
    pub(crate) fn add(&mut self, sample: Sample, text: &str) {
        let indent = if matches!(sample, Sample::Note) { 0.0 } else { INDENT };
        let lines = wrap(text, TEXT, WIDTH - 2.0 * EDGE - indent);
        self.rows.push((sample, lines));
    }

    /// Its height in pixels.
    pub(crate) fn height(&self) -> f64 {
        self.rows.iter().map(|(_, lines)| lines.len() as f64 * LINE).sum()
    }

    /// Draws it below this height.
    pub(crate) fn draw(&self, canvas: &Canvas<'_>, top: f64) -> Drawn {
        let mut y = top + LINE / 2.0;
        for (sample, lines) in &self.rows {
            draw_sample(canvas, *sample, (EDGE, y))?;
            let indent = if matches!(sample, Sample::Note) { 0.0 } else { INDENT };
            for line in lines {
                canvas.text(line, (EDGE + indent, y), TEXT, Anchor::Right)?;
                y += LINE;
            }
        }
        Ok(())
    }
}

fn draw_sample(canvas: &Canvas<'_>, sample: Sample, (x, y): Place) -> Drawn {
    let line = |stroke| canvas.line(&[(x, y), (x + LENGTH, y)], stroke);
    let middle = (x + LENGTH / 2.0, y);
    match sample {
        Sample::Curve(look) => {
            line(Stroke { colour: look.colour, width: 1.8, dash: look.dash })?;
            canvas.marker(middle, (look.shape, 4.5), look.colour, false)
        }
        Sample::Marker(look) => canvas.marker(middle, (look.shape, 5.0), look.colour, false),
        Sample::Line(stroke) => line(stroke),
        Sample::Hollow(colour) => {
            canvas.marker(middle, (super::style::Shape::Circle, 4.5), colour, true)
        }
        Sample::Area(colour, opacity) => {
            canvas.block([(x, y - 5.0), (x + LENGTH, y + 5.0)], colour, opacity)
        }
        Sample::Note => Ok(()),
    }
}
