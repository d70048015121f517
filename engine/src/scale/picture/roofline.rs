//! roofline.svg: what workloads reach of what the machine can do at most, over their arithmetic
//! intensity. After Samuel Williams, Andrew Waterman and David Patterson, "Roofline: an insightful
//! visual performance model for multicore architectures", 2009.

use super::axis::{Axis, Spread};
use super::canvas::{Anchor, Canvas, Drawn, PictureError, Place, Stroke, picture};
use super::heading::Heading;
use super::legend::{Legend, Sample};
use super::panel::{BELOW, LEFT, Panel};
use super::placement::{Occupied, Space};
use super::style::{BLACK, EDGE, GREY, Look, TEXT, WHITE, WIDTH, text_width};
use crate::scale::numbers::{digits, listed, percent};
use crate::scale::results::{Curve, MarkKind, Point, Results, Roof};
use crate::scale::words::{counts, hollow, machine, workers};

const HEIGHT: f64 = 340.0;
const RADIUS: f64 = 5.0;
/// From one marker to the next where several have the same intensity.
const ASIDE: f64 = 14.0;
const GIGA: f64 = 1e9;
const READING: Stroke = Stroke { colour: GREY, width: 1.0, dash: Some((6.0, 3.0)) };

/// A curve that can be drawn.
struct Drawable<'a> {
    curve: &'a Curve,
    look: Look,
    intensity: f64,
    /// With the greatest rate, and with one worker where that is another.
    best: &'a Point,
    single: Option<&'a Point>,
}

/// Lines of a roof that have a text together, in FLOP per byte and GFLOP/s.
struct Edges {
    lines: Vec<([(f64, f64); 2], Stroke)>,
    text: String,
}

impl Edges {
    /// Where they lie.
    fn places(&self, panel: &Panel) -> Vec<[Place; 2]> {
        self.lines.iter().map(|(ends, _)| ends.map(|end| panel.at(end))).collect()
    }
}

/// The roof of the greatest number of workers that have a CPU each.
pub(crate) fn greatest_roof(results: &Results) -> Option<&Roof> {
    let cpus = results.machine.cpus.len();
    let usable = results.roofs.iter().filter(|roof| {
        [roof.read_bytes_per_s, roof.triad_bytes_per_s, roof.flops_per_s]
            .into_iter()
            .all(|rate| rate.is_finite() && rate > 0.0)
    });
    let by_workers = |roof: &&Roof| roof.workers;
    let within = usable.clone().filter(|roof| roof.workers <= cpus).max_by_key(by_workers);
    within.or_else(|| usable.min_by_key(by_workers))
}

fn rate(point: &Point) -> f64 {
    point.flops_per_s().unwrap_or(0.0) / GIGA
}

fn drawable<'a>(index: usize, curve: &'a Curve) -> Option<Drawable<'a>> {
    let usable = |point: &&Point| {
        rate(point).is_finite() && rate(point) > 0.0 && !point.is(MarkKind::Oversubscribed)
    };
    let any = |point: &&Point| rate(point).is_finite() && rate(point) > 0.0;
    let by_rate = |a: &&Point, b: &&Point| rate(a).total_cmp(&rate(b));
    let best = curve.points.iter().filter(usable).max_by(by_rate);
    let best = best.or_else(|| curve.points.iter().filter(any).max_by(by_rate))?;
    let intensity = best.work.intensity().filter(|known| known.is_finite() && *known > 0.0)?;
    let single = curve.points.iter().find(|point| point.workers == 1).filter(any);
    let single = single.filter(|point| point.workers != best.workers);
    Some(Drawable { curve, look: Look::of(index), intensity, best, single })
}

/// Draws the roofs of the machine, and each curve of known intensity below them. None if there is
/// no roof or no such curve.
///
/// # Errors
///
/// plotters cannot draw.
pub(crate) fn roofline_svg(results: &Results) -> Result<Option<String>, PictureError> {
    let curves = results.curves.iter().enumerate();
    let drawn: Vec<Drawable<'_>> =
        curves.filter_map(|(index, curve)| drawable(index, curve)).collect();
    let Some(roof) = greatest_roof(results).filter(|_| !drawn.is_empty()) else {
        return Ok(None);
    };
    let single = results.roofs.iter().find(|roof| roof.workers == 1);
    let single = single.filter(|single| single.workers != roof.workers);
    let machine = machine(&results.machine);
    let heading = Heading::new("Roofline", &machine);
    let top = heading.end();
    let panel = panel(&drawn, roof, single, top);
    let mut edges = Vec::from(edges(&panel, roof, 2.0));
    edges.extend(single.into_iter().flat_map(|single| self::edges(&panel, single, 1.0)));
    let markers = markers(&panel, &drawn);
    let labels = labels(&panel, &edges, &markers);
    let mut legend = legend(results, &drawn, (roof, single));
    let without_room = edges.iter().zip(&labels).filter(|(_, label)| label.is_none());
    let without_room: Vec<&str> = without_room.map(|(edge, _)| edge.text.as_str()).collect();
    if !without_room.is_empty() {
        legend.add(Sample::Note, &format!("Not named above: {}.", without_room.join(", ")));
    }
    let end = top + HEIGHT + BELOW + 8.0;
    let told = format!("Roofline of {machine}: GFLOP/s over FLOP per byte");
    let svg = picture(end + legend.height() + EDGE, &told, |canvas| {
        heading.draw(canvas)?;
        panel.draw(canvas, "arithmetic intensity (FLOP per byte)", "performance (GFLOP/s)")?;
        draw_edges(canvas, &panel, &edges, &labels)?;
        draw_markers(canvas, &drawn, &markers)?;
        legend.draw(canvas, end)
    })?;
    Ok(Some(svg))
}

/// Axes that show all curves, and where the roofs bend.
fn panel(drawn: &[Drawable<'_>], roof: &Roof, single: Option<&Roof>, top: f64) -> Panel {
    let roofs = || std::iter::once(roof).chain(single);
    let bends = roofs().map(|roof| roof.flops_per_s / roof.triad_bytes_per_s);
    let intensities = || drawn.iter().map(|curve| curve.intensity).chain(bends.clone());
    let least = intensities().fold(f64::INFINITY, f64::min) / 4.0;
    let greatest = intensities().fold(0.0, f64::max) * 10.0;
    let points = drawn.iter().flat_map(|curve| curve.single.into_iter().chain([curve.best]));
    let edge = roofs().map(|roof| roof.triad_bytes_per_s * least / GIGA);
    let low = points.clone().map(rate).chain(edge).fold(f64::INFINITY, f64::min) / 1.5;
    let peaks = roofs().map(|roof| roof.flops_per_s / GIGA);
    let high = points.map(rate).chain(peaks).fold(0.0, f64::max) * 2.0;
    let x = Axis::new(Spread::Decimal, [least, greatest], [LEFT, WIDTH - EDGE - 8.0]);
    let y = Axis::new(Spread::Decimal, [low, high], [top + HEIGHT, top]);
    Panel { x: x.at_round_values(), y: y.at_round_values() }
}

/// What memory gives, and what the CPUs do at most.
fn edges(panel: &Panel, roof: &Roof, width: f64) -> [Edges; 2] {
    let [least, greatest] = panel.x.ends();
    let [low, _] = panel.y.ends();
    let peak = roof.flops_per_s / GIGA;
    let slope = |bytes_per_s: f64| {
        let first = least.max(low * GIGA / bytes_per_s);
        [(first, first * bytes_per_s / GIGA), (roof.flops_per_s / bytes_per_s, peak)]
    };
    let (reading, triad) = (roof.read_bytes_per_s, roof.triad_bytes_per_s);
    let bend = roof.flops_per_s / reading.max(triad);
    let solid = Stroke { colour: BLACK, width, dash: None };
    let [read_text, triad_text] = [reading, triad].map(|rate| digits(rate / GIGA, 3));
    [
        Edges {
            lines: vec![(slope(reading), READING.wide(width)), (slope(triad), solid)],
            text: format!("reading {read_text}, triad {triad_text} GB/s"),
        },
        Edges {
            lines: vec![([(bend, peak), (greatest, peak)], solid)],
            text: format!("FMA peak {} GFLOP/s", digits(peak, 3)),
        },
    ]
}

/// Where the markers of each curve lie: of its best point, and of one worker.
fn markers(panel: &Panel, drawn: &[Drawable<'_>]) -> Vec<(Place, Option<Place>)> {
    let at = |curve: &Drawable<'_>| panel.x.at(curve.intensity);
    let mut order: Vec<usize> = (0..drawn.len()).collect();
    order.sort_by(|a, b| at(&drawn[*a]).total_cmp(&at(&drawn[*b])).then(a.cmp(b)));
    let mut aside = vec![0.0; drawn.len()];
    let alike = |a: &usize, b: &usize| at(&drawn[*b]) - at(&drawn[*a]) < ASIDE - 2.0;
    for group in order.chunk_by(alike) {
        let middle = group.iter().map(|one| at(&drawn[*one])).sum::<f64>() / group.len() as f64;
        for (place, one) in group.iter().enumerate() {
            let shift = ASIDE * (place as f64 - (group.len() - 1) as f64 / 2.0);
            aside[*one] = if group.len() > 1 { middle + shift - at(&drawn[*one]) } else { 0.0 };
        }
    }
    let place = |curve: &Drawable<'_>, aside: f64, point: &Point| {
        (at(curve) + aside, panel.y.at(rate(point)))
    };
    let both = drawn.iter().zip(aside).map(|(curve, aside)| {
        (place(curve, aside, curve.best), curve.single.map(|point| place(curve, aside, point)))
    });
    both.collect()
}

/// Where the text of each edge has room.
fn labels(
    panel: &Panel,
    edges: &[Edges],
    markers: &[(Place, Option<Place>)],
) -> Vec<Option<Space>> {
    let ([left, right], [bottom, top]) = (panel.x.pixels(), panel.y.pixels());
    let places = markers.iter().flat_map(|(best, single)| std::iter::once(best).chain(single));
    let mut lines: Vec<[Place; 2]> = edges.iter().flat_map(|edge| edge.places(panel)).collect();
    lines.extend(markers.iter().filter_map(|(best, single)| Some([*best, (*single)?])));
    let mut occupied = Occupied {
        room: Space { from: (left + 2.0, top), to: (right, bottom - 2.0) },
        taken: places.map(|place| Space::around(*place, RADIUS + 5.0)).collect(),
        lines,
    };
    // What has the least room comes first: the peaks, which are short lines.
    let mut order: Vec<usize> = (0..edges.len()).collect();
    order.sort_by_key(|at| edges[*at].lines.len());
    let mut spaces = vec![None; edges.len()];
    for at in order {
        let size = (text_width(&edges[at].text, TEXT), TEXT + 3.0);
        spaces[at] = occupied.place(&edges[at].places(panel), size);
    }
    spaces
}

fn draw_edges(
    canvas: &Canvas<'_>,
    panel: &Panel,
    edges: &[Edges],
    labels: &[Option<Space>],
) -> Drawn {
    for edge in edges {
        for (line, (_, stroke)) in edge.places(panel).iter().zip(&edge.lines) {
            canvas.line(line, *stroke)?;
        }
    }
    for (edge, label) in edges.iter().zip(labels) {
        let Some(Space { from, to }) = label else { continue };
        canvas.block([*from, *to], WHITE, 0.8)?;
        let middle = (from.0 + 1.0, f64::midpoint(from.1, to.1));
        canvas.text(&edge.text, middle, TEXT, Anchor::Right)?;
    }
    Ok(())
}

fn draw_markers(
    canvas: &Canvas<'_>,
    drawn: &[Drawable<'_>],
    markers: &[(Place, Option<Place>)],
) -> Drawn {
    for (curve, (best, single)) in drawn.iter().zip(markers) {
        let Look { colour, shape, .. } = curve.look;
        let is_hollow = |point: &Point| !point.marks.is_empty();
        if let (Some(place), Some(point)) = (single, curve.single) {
            canvas.line(&[*place, *best], Stroke { colour, width: 1.2, dash: None })?;
            canvas.marker(*place, (shape, RADIUS * 0.7), colour, is_hollow(point))?;
        }
        canvas.marker(*best, (shape, RADIUS), colour, is_hollow(curve.best))?;
    }
    Ok(())
}

fn legend(
    results: &Results,
    drawn: &[Drawable<'_>],
    (roof, single): (&Roof, Option<&Roof>),
) -> Legend {
    let mut legend = Legend::default();
    for curve in drawn {
        let best = curve.best;
        let share = best
            .roof_share
            .map_or(String::new(), |share| format!(", {} of its roof", percent(share)));
        let text = format!(
            "{}: {} GFLOP/s with {}{share}",
            curve.curve.name(),
            digits(rate(best), 3),
            workers(best.workers),
        );
        legend.add(Sample::Marker(curve.look), &text);
    }
    let solid = |width| Stroke { colour: BLACK, width, dash: None };
    let by_memory =
        "at most, by STREAM's triad in memory and by fused multiplications and additions";
    legend.add(Sample::Line(solid(2.0)), &format!("{}: {by_memory}", workers(roof.workers)));
    if single.is_some() {
        legend.add(Sample::Line(solid(1.0)), "1\u{a0}worker: likewise");
    }
    legend.add(Sample::Line(READING.wide(1.5)), "at most, by reading from memory alone");
    if let Some(text) = hollow(drawn.iter().map(|curve| curve.curve), &counts(results)) {
        legend.add(Sample::Hollow(GREY), &text);
    }
    let has_small = drawn.iter().any(|curve| curve.single.is_some());
    let mut note = String::from(match has_small {
        true => "Large markers: the best number of workers; small ones: 1 worker",
        false => "Markers: the best number of workers",
    });
    let by_intensity = |a: &Drawable<'_>, b: &Drawable<'_>| a.intensity.total_cmp(&b.intensity);
    let mut intensities: Vec<&Drawable<'_>> = drawn.iter().collect();
    intensities.sort_by(|a, b| by_intensity(a, b));
    if intensities.windows(2).any(|pair| by_intensity(pair[0], pair[1]).is_eq()) {
        note.push_str(". Those of the same intensity stand side by side");
    }
    legend.add(Sample::Note, &format!("{note}."));
    let is_drawn = |curve: &&Curve| drawn.iter().any(|other| std::ptr::eq(other.curve, *curve));
    let mut missing: Vec<&str> = results
        .curves
        .iter()
        .filter(|curve| !is_drawn(curve))
        .map(|curve| curve.subject.as_str())
        .collect();
    missing.dedup();
    if !missing.is_empty() {
        let text = format!(
            "Not drawn, as no floating-point operations are counted: {}.",
            listed(&missing)
        );
        legend.add(Sample::Note, &text);
    }
    legend
}
