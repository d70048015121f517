//! The picture of a comparison: how much longer each point takes, with its interval.

use super::axis::{Axis, Spread};
use super::canvas::{Anchor, Canvas, Drawn, PictureError, Place, Stroke, picture};
use super::heading::Heading;
use super::legend::{Legend, Sample};
use super::style::{BLACK, wrap};
use super::style::{CURVES, EDGE, GREY, LINE, Look, PALE, Shape, TEXT, WIDTH, text_width};
use crate::scale::compare::{Comparison, Difference, Verdict};
use crate::scale::numbers::digits;
use crate::scale::words::workers;

/// The part of the picture that names of workloads may take.
const NAMES: f64 = 0.45;
/// Room for a row beside its lines of text.
const GAP: f64 = 8.0;
/// Half the height of a marker.
const RADIUS: f64 = 4.5;

/// A row: the lines of its name, and what it shows.
struct Row<'c> {
    name: Vec<String>,
    difference: &'c Difference,
}

impl Row<'_> {
    fn height(&self) -> f64 {
        self.name.len() as f64 * LINE + GAP
    }
}

/// Draws a row for each point, in the order of the later study.
///
/// # Errors
///
/// If plotters cannot draw.
pub(crate) fn comparison_svg(comparison: &Comparison) -> Result<String, PictureError> {
    let rows: Vec<Row<'_>> = comparison.differences.iter().map(row).collect();
    let lines = rows.iter().flat_map(|row| &row.name);
    let widest = lines.map(|line| text_width(line, TEXT)).fold(0.0, f64::max);
    let left = EDGE + widest + GAP;
    let heading = Heading::new("Change of time", &counted(comparison));
    let legend = legend(comparison);
    let top = heading.end() + GAP;
    let bottom = top + rows.iter().map(Row::height).sum::<f64>();
    let axis = axis(&comparison.differences, [left, WIDTH - EDGE - 24.0]);
    let below = bottom + 24.0 + LINE + GAP;
    picture(below + legend.height() + EDGE, &counted(comparison), |canvas| {
        heading.draw(canvas)?;
        draw_axis(canvas, &axis, [top, bottom])?;
        let mut upper = top;
        for row in &rows {
            draw_row(canvas, &axis, row, upper)?;
            upper += row.height();
        }
        legend.draw(canvas, below)
    })
}

fn row(difference: &Difference) -> Row<'_> {
    let text = format!("{}, {}", difference.name(), workers(difference.workers));
    Row { name: wrap(&text, TEXT, WIDTH * NAMES - EDGE), difference }
}

/// "1 slower, 2 faster, 5 alike".
fn counted(comparison: &Comparison) -> String {
    let count = |verdict: Verdict| {
        let of_it = |difference: &&Difference| difference.verdict == verdict;
        let count = comparison.differences.iter().filter(of_it).count();
        format!("{count} {}", verdict.word())
    };
    [Verdict::Slower, Verdict::Faster, Verdict::Alike].map(count).join(", ")
}

/// From the fastest to the slowest end of all intervals, 0 among them.
fn axis(differences: &[Difference], pixels: [f64; 2]) -> Axis {
    let ends = differences.iter().flat_map(|d| [d.ratio.low, d.ratio.high, d.ratio.value]);
    let changes = ends.map(percent);
    let [least, greatest] = changes.fold([-5.0, 5.0], |[least, greatest]: [f64; 2], change| {
        [least.min(change), greatest.max(change)]
    });
    let room = (greatest - least) * 0.04;
    Axis::new(Spread::Linear, [least - room, greatest + room], pixels).at_round_values()
}

fn percent(ratio: f64) -> f64 {
    100.0 * (ratio - 1.0)
}

fn draw_axis(canvas: &Canvas<'_>, axis: &Axis, [top, bottom]: [f64; 2]) -> Drawn {
    let upright = |x: f64, colour, width| {
        canvas.line(&[(x, top), (x, bottom)], Stroke { colour, width, dash: None })
    };
    for (value, text) in &axis.ticks {
        upright(axis.at(*value), PALE, 1.0)?;
        canvas.text(text, (axis.at(*value), bottom + 7.0), TEXT, Anchor::Below)?;
    }
    upright(axis.at(0.0), GREY, 1.5)?;
    let [left, right] = axis.pixels();
    let line = Stroke { colour: BLACK, width: 1.0, dash: None };
    canvas.line(&[(left, bottom), (right, bottom)], line)?;
    let name = "change of time (%), to the right is slower";
    let middle = f64::midpoint(left, right).min(WIDTH - EDGE - text_width(name, TEXT) / 2.0);
    canvas.text(name, (middle, bottom + 24.0), TEXT, Anchor::Below)
}

fn draw_row(canvas: &Canvas<'_>, axis: &Axis, row: &Row<'_>, top: f64) -> Drawn {
    let [left, _] = axis.pixels();
    let middle = top + row.height() / 2.0;
    let first = middle - (row.name.len() - 1) as f64 * LINE / 2.0;
    for (at, line) in row.name.iter().enumerate() {
        canvas.text(line, (left - GAP, first + at as f64 * LINE), TEXT, Anchor::Left)?;
    }
    let ratio = row.difference.ratio;
    let [low, value, high] =
        [ratio.low, ratio.value, ratio.high].map(|ratio| axis.at(percent(ratio)));
    let look = look(row.difference.verdict);
    let stroke = Stroke { colour: look.colour, width: 1.5, dash: None };
    let end = |x: f64| [(x, middle - RADIUS), (x, middle + RADIUS)];
    let bar: [Place; 2] = [(low, middle), (high, middle)];
    canvas.line(&bar, stroke)?;
    canvas.line(&end(low), stroke)?;
    canvas.line(&end(high), stroke)?;
    canvas.marker((value, middle), (look.shape, RADIUS), look.colour, false)
}

/// Three colours, and three shapes for those who cannot tell them apart.
fn look(verdict: Verdict) -> Look {
    let (colour, shape) = match verdict {
        Verdict::Slower => (CURVES[1], Shape::Triangle),
        Verdict::Faster => (CURVES[0], Shape::Circle),
        Verdict::Alike => (GREY, Shape::Square),
    };
    Look { colour, shape, dash: None }
}

fn legend(comparison: &Comparison) -> Legend {
    let mut legend = Legend::default();
    let tolerance = digits(100.0 * comparison.tolerance, 2);
    for (verdict, words) in [
        (Verdict::Slower, format!("slower: the whole interval lies above {tolerance} %")),
        (Verdict::Faster, format!("faster: the whole interval lies below -{tolerance} %")),
        (Verdict::Alike, "alike: the difference is not larger than the noise".into()),
    ] {
        legend.add(Sample::Marker(look(verdict)), &words);
    }
    legend
}
