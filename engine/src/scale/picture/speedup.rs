//! scale.svg: speed-up and efficiency over numbers of workers.

use super::axis::{Axis, Spread};
use super::canvas::{Canvas, Drawn, PictureError, Place, Stroke, picture};
use super::heading::Heading;
use super::legend::{Legend, Sample};
use super::panel::{BELOW, LEFT, Panel};
use super::style::{EDGE, GREY, Look, WIDTH};
use crate::scale::estimate::Estimate;
use crate::scale::numbers::parameters;
use crate::scale::results::{Curve, Fit, Model, Point, Results, Scaling};
use crate::scale::words::{counts, hollow, machine, scaling_name};

/// Heights of both panels.
const HEIGHTS: [f64; 2] = [290.0, 190.0];
/// How much of a band's colour there is.
const BAND: f64 = 0.15;
/// From the marker of one curve to that of the next, where they are drawn side by side.
const ASIDE: f64 = 7.0;

const IDEAL: Stroke = Stroke { colour: GREY, width: 1.2, dash: Some((2.0, 2.5)) };

/// What both panels are made from.
struct Study<'a> {
    results: &'a Results,
    /// Measured numbers of workers.
    measured: Vec<usize>,
    /// The axis of workers.
    x: Axis,
    /// The least and the greatest number that is shown.
    shown: [f64; 2],
    /// Pixels by which the first curve's markers lie left of their place in the lower panel, and
    /// those from one curve to the next.
    aside: [f64; 2],
    radius: f64,
}

/// Draws speed-up and efficiency of all curves, with their fits.
///
/// # Errors
///
/// plotters cannot draw.
pub(crate) fn scale_svg(results: &Results) -> Result<String, PictureError> {
    let study = Study::new(results);
    let scaling = scaling_name(results.method.scaling);
    let machine = machine(&results.machine);
    let heading = Heading::new(scaling, &machine);
    let legend = study.legend();
    let [upper, lower] = study.panels(heading.end());
    let end = lower.y.pixels()[0] + BELOW + 8.0;
    let told = format!("{scaling} on {machine}: speed-up and efficiency over numbers of workers");
    picture(end + legend.height() + EDGE, &told, |canvas| {
        heading.draw(canvas)?;
        let (speedup, efficiency) = study.names();
        upper.draw(canvas, "workers", &speedup)?;
        lower.draw(canvas, "workers", efficiency)?;
        study.draw_ideal(canvas, &upper, &lower)?;
        for figure in [&Figure::speedup(&upper), &Figure::efficiency(&lower)] {
            study.draw_curves(canvas, figure)?;
        }
        legend.draw(canvas, end)
    })
}

/// A panel, and how its figure follows from a speed-up.
struct Figure<'a> {
    panel: &'a Panel,
    is_efficiency: bool,
}

impl<'a> Figure<'a> {
    fn speedup(panel: &'a Panel) -> Self {
        Figure { panel, is_efficiency: false }
    }

    fn efficiency(panel: &'a Panel) -> Self {
        Figure { panel, is_efficiency: true }
    }

    fn of_point(&self, point: &Point) -> Estimate {
        match self.is_efficiency {
            true => point.efficiency.times(100.0),
            false => point.speedup,
        }
    }

    fn of_speedup(&self, workers: usize, speedup: Estimate) -> Estimate {
        match self.is_efficiency {
            true => speedup.times(100.0 / workers as f64),
            false => speedup,
        }
    }
}

fn is_finite(estimate: &Estimate) -> bool {
    [estimate.value, estimate.low, estimate.high].into_iter().all(f64::is_finite)
}

/// Whether this can be drawn: what is not known is not.
fn is_drawn(point: &Point) -> bool {
    is_finite(&point.speedup) && is_finite(&point.efficiency) && point.workers > 0
}

impl<'a> Study<'a> {
    fn new(results: &'a Results) -> Study<'a> {
        let measured = counts(results);
        let fits = results.curves.iter().flat_map(|curve| &curve.fits);
        let predicted = fits.flat_map(|fit| &fit.speedups).map(|at| at.workers);
        let mut all: Vec<usize> =
            measured.iter().copied().chain(predicted).filter(|count| *count > 0).collect();
        all.sort_unstable();
        all.dedup();
        let all: Vec<f64> = all.into_iter().map(|count| count as f64).collect();
        let shown = [all.first().copied().unwrap_or(1.0), all.last().copied().unwrap_or(1.0)];
        let pixels = [LEFT, WIDTH - EDGE - 8.0];
        let x = axis_of_workers(&all, shown, pixels);
        let places: Vec<f64> =
            measured.iter().filter(|count| **count > 0).map(|count| x.at(*count as f64)).collect();
        let gap = places.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        // Markers stay on the lines of their fits.
        let has_fits = results.curves.iter().any(|curve| !curve.fits.is_empty());
        let step = match !has_fits && results.curves.len() as f64 * ASIDE < gap {
            true => ASIDE,
            false => 0.0,
        };
        let aside = [-step * (results.curves.len().saturating_sub(1)) as f64 / 2.0, step];
        let radius = (gap / 2.0 - 0.5).clamp(2.0, 4.5);
        Study { results, measured, x, shown, aside, radius }
    }

    /// The names of both upright axes.
    fn names(&self) -> (String, &'static str) {
        let least = self.measured.first().copied().unwrap_or(1);
        match (self.results.method.scaling, least) {
            (Scaling::Strong, 1) => {
                ("speed-up (times one worker)".to_owned(), "efficiency (% of ideal)")
            }
            (Scaling::Strong, least) => {
                (format!("speed-up ({least} workers count {least})"), "efficiency (% of ideal)")
            }
            (Scaling::Weak, 1) => {
                ("scaled speed-up (times one worker)".to_owned(), "weak efficiency (% of ideal)")
            }
            (Scaling::Weak, least) => (
                format!("scaled speed-up ({least} workers count {least})"),
                "weak efficiency (% of ideal)",
            ),
        }
    }

    fn points(&self) -> impl Iterator<Item = &'a Point> {
        self.results.curves.iter().flat_map(|curve| &curve.points).filter(|point| is_drawn(point))
    }

    fn panels(&self, top: f64) -> [Panel; 2] {
        let fits = self.results.curves.iter().flat_map(|curve| &curve.fits);
        let fitted = fits.flat_map(|fit| &fit.speedups).map(|at| at.speedup.value);
        let figures = self.points().map(|point| point.speedup.high).chain(fitted);
        let most = figures.filter(|figure| figure.is_finite()).fold(1.0, f64::max);
        // The ideal is cut where it would leave no room to the curves.
        let high = most.max(self.shown[1].min(2.0 * most));
        let low = self.points().map(|point| point.speedup.low).fold(self.shown[0], f64::min);
        let pixels = [top + HEIGHTS[0], top];
        let is_binary = self.x.spread() == Spread::Binary;
        let upper = if is_binary {
            // An interval that reaches 0 must not stretch the axis without end.
            let low = low.max(self.shown[0] / 16.0).log2().floor();
            Axis::new(Spread::Binary, [low.exp2(), high * 1.05], pixels)
        } else {
            Axis::new(Spread::Linear, [0.0, high * 1.05], pixels)
        };
        let high = self.points().map(|point| point.efficiency.high * 100.0).fold(100.0, f64::max);
        let top = top + HEIGHTS[0] + BELOW + 14.0;
        let lower = Axis::new(Spread::Linear, [0.0, high * 1.06], [top + HEIGHTS[1], top]);
        [upper, lower].map(|y| Panel { x: self.x.clone(), y: y.at_round_values() })
    }

    fn draw_ideal(&self, canvas: &Canvas<'_>, upper: &Panel, lower: &Panel) -> Drawn {
        let [first, last] = self.x.ends();
        // As far as both axes go, so that it stays straight.
        let [least, greatest] = upper.y.ends();
        let (from, to) = (first.max(least), last.min(greatest));
        canvas.line(&[upper.at((from, from)), upper.at((to, to))], IDEAL)?;
        canvas.line(&[lower.at((first, 100.0)), lower.at((last, 100.0))], IDEAL)
    }

    fn draw_curves(&self, canvas: &Canvas<'_>, figure: &Figure<'_>) -> Drawn {
        for (index, curve) in self.results.curves.iter().enumerate() {
            for fit in &curve.fits {
                self.draw_fit(canvas, figure, Look::of(index), fit)?;
            }
        }
        for (index, curve) in self.results.curves.iter().enumerate() {
            self.draw_curve(canvas, figure, index, curve)?;
        }
        Ok(())
    }

    fn draw_fit(&self, canvas: &Canvas<'_>, figure: &Figure<'_>, look: Look, fit: &Fit) -> Drawn {
        let of = |at: &crate::scale::results::Predicted| {
            (at.workers, figure.of_speedup(at.workers, at.speedup))
        };
        let mut known: Vec<(usize, Estimate)> =
            fit.speedups.iter().filter(|at| at.workers > 0).map(of).collect();
        known.retain(|(_, speedup)| is_finite(speedup));
        known.sort_by_key(|(workers, _)| *workers);
        let place = |workers: usize, y: f64| figure.panel.at((workers as f64, y));
        let last = self.measured.last().copied().unwrap_or(0);
        let beyond: Vec<_> = known.iter().filter(|(workers, _)| *workers >= last).collect();
        if beyond.len() > 1 {
            let upper = beyond.iter().map(|(workers, at)| place(*workers, at.high));
            let lower = beyond.iter().rev().map(|(workers, at)| place(*workers, at.low));
            canvas.fill(&upper.chain(lower).collect::<Vec<_>>(), look.colour, BAND)?;
        }
        let line: Vec<Place> =
            known.iter().map(|(workers, at)| place(*workers, at.value)).collect();
        canvas.line(&line, fit_stroke(look, fit.model))
    }

    fn draw_curve(
        &self,
        canvas: &Canvas<'_>,
        figure: &Figure<'_>,
        index: usize,
        curve: &Curve,
    ) -> Drawn {
        let Look { colour, shape, dash } = Look::of(index);
        let aside = match figure.is_efficiency {
            true => self.aside[0] + self.aside[1] * index as f64,
            false => 0.0,
        };
        let drawn: Vec<(&Point, Estimate, Place)> = curve
            .points
            .iter()
            .filter(|point| is_drawn(point))
            .map(|point| {
                let value = figure.of_point(point);
                let (x, y) = figure.panel.at((point.workers as f64, value.value));
                (point, value, (x + aside, y))
            })
            .collect();
        let line: Vec<Place> = drawn.iter().map(|(.., place)| *place).collect();
        canvas.line(&line, Stroke { colour, width: 1.8, dash })?;
        let bar = Stroke { colour, width: 1.2, dash: None };
        for (_, value, (x, _)) in &drawn {
            let ends = [value.low, value.high];
            figure.panel.error_bar(canvas, (*x, self.radius.min(3.0)), ends, bar)?;
        }
        for (point, _, place) in &drawn {
            canvas.marker(*place, (shape, self.radius), colour, !point.marks.is_empty())?;
        }
        Ok(())
    }

    fn legend(&self) -> Legend {
        let Results { curves, method, .. } = self.results;
        let mut legend = Legend::default();
        for (index, curve) in curves.iter().enumerate() {
            let look = Look::of(index);
            legend.add(Sample::Curve(look), &curve.name());
            for fit in &curve.fits {
                let name = fit.model.name();
                let figures = match fit.parameters.is_empty() {
                    true => String::new(),
                    false => format!(": {}", parameters(fit.model, &fit.parameters)),
                };
                legend.add(Sample::Line(fit_stroke(look, fit.model)), &format!("{name}{figures}"));
            }
        }
        legend.add(
            Sample::Line(IDEAL),
            "ideal: as many times as fast as there are workers (100\u{a0}%)",
        );
        let fits: Vec<&Fit> = curves.iter().flat_map(|curve| &curve.fits).collect();
        let last = self.measured.last().copied().unwrap_or(0);
        let confidence = method.confidence * 100.0;
        if fits.iter().any(|fit| fit.speedups.iter().any(|at| at.workers > last)) {
            let text = format!(
                "beyond {last} workers nothing was measured: {confidence:.0}\u{a0}% intervals of the fits"
            );
            legend.add(Sample::Area(GREY, 2.0 * BAND), &text);
        }
        if let Some(text) = hollow(curves.iter(), &self.measured) {
            legend.add(Sample::Hollow(GREY), &text);
        }
        let mut note = format!("Bars: {confidence:.0}\u{a0}% intervals of the medians.");
        if self.aside[1] > 0.0 && curves.len() > 1 {
            note.push_str(" Below, curves stand side by side.");
        }
        legend.add(Sample::Note, &note);
        legend
    }
}

/// Thin, and another one for each model.
fn fit_stroke(look: Look, model: Model) -> Stroke {
    let dash = match model {
        Model::Amdahl | Model::Gustafson => None,
        Model::Universal => Some((1.0, 2.0)),
    };
    Stroke { colour: look.colour, width: 1.0, dash }
}

/// Linear up to eight workers; beyond, as the counts have more room.
fn axis_of_workers(all: &[f64], [least, greatest]: [f64; 2], pixels: [f64; 2]) -> Axis {
    let linear = || {
        let margin = (0.05 * (greatest - least)).max(0.5);
        Axis::new(Spread::Linear, [least - margin, greatest + margin], pixels)
    };
    let binary = || Axis::new(Spread::Binary, [least / 1.15, greatest * 1.15], pixels);
    let gap = |axis: &Axis| {
        let gaps = all.windows(2).map(|pair| axis.at(pair[1]) - axis.at(pair[0]));
        gaps.fold(f64::INFINITY, f64::min)
    };
    let axis = match greatest <= 8.0 || gap(&linear()) >= gap(&binary()) {
        true => linear(),
        false => binary(),
    };
    let mut axis = axis.at_values(all);
    axis.ticks.retain(|(value, _)| *value >= least);
    axis
}
