//! Axes: where a value lies, and which values are named.

use super::style::{TEXT, text_width};
use crate::scale::numbers::tick;
use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{IntoLogRange, LogCoord};

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Evenly.
    Linear,
    /// Evenly for each doubling.
    Binary,
    /// Evenly for each tenfold.
    Decimal,
}

/// An axis from one pixel to another.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    spread: Spread,
    least: f64,
    greatest: f64,
    from: f64,
    to: f64,
    /// Its values with a text that belongs to the axis.
    pub(crate) ticks: Vec<(f64, String)>,
}

/// plotters maps to whole numbers; so many for a pixel.
const FINE: f64 = 100.0;

impl Axis {
    /// An axis without ticks for the values from `least` to `greatest`, which differ; with all but
    /// linear spread they are positive.
    pub(crate) fn new(spread: Spread, [least, greatest]: [f64; 2], [from, to]: [f64; 2]) -> Axis {
        Axis { spread, least, greatest, from, to, ticks: vec![] }
    }

    /// The pixel of a value; the nearer end for one beyond it.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let value = value.clamp(self.least, self.greatest);
        let pixels = ((self.from * FINE).round() as i32, (self.to * FINE).round() as i32);
        let range = self.least..self.greatest;
        let pixel = match self.spread {
            Spread::Linear => RangedCoordf64::from(range).map(&value, pixels),
            Spread::Binary | Spread::Decimal => {
                LogCoord::from(range.log_scale()).map(&value, pixels)
            }
        };
        f64::from(pixel) / FINE
    }

    /// How its values are spread.
    pub(crate) fn spread(&self) -> Spread {
        self.spread
    }

    /// Both ends of what it shows.
    pub(crate) fn ends(&self) -> [f64; 2] {
        [self.least, self.greatest]
    }

    /// The pixels of these ends.
    pub(crate) fn pixels(&self) -> [f64; 2] {
        [self.from, self.to]
    }

    fn contains(&self, value: f64) -> bool {
        // Rounding must not lose a tick at an end.
        let slack = 1e-9 * (self.greatest - self.least);
        (self.least - slack..=self.greatest + slack).contains(&value)
    }

    /// Whether the texts of these values have room beside each other.
    fn have_room(&self, values: &[f64]) -> bool {
        let extent = |value: f64| match self.is_upright() {
            true => TEXT,
            false => text_width(&tick(value), TEXT),
        };
        let room = |pair: &[f64]| {
            (self.at(pair[1]) - self.at(pair[0])).abs()
                >= (extent(pair[0]) + extent(pair[1])) / 2.0 + 6.0
        };
        values.windows(2).all(room)
    }

    fn is_upright(&self) -> bool {
        self.to < self.from
    }

    /// The same axis with the first of these sets of ascending values that has room, cut to what
    /// the axis shows.
    fn ticked(mut self, sets: impl Iterator<Item = Vec<f64>>) -> Axis {
        let shown = |set: Vec<f64>| -> Vec<f64> {
            set.into_iter().filter(|value| self.contains(*value)).collect()
        };
        let fits = |set: &Vec<f64>| !set.is_empty() && self.have_room(set);
        let chosen = sets.map(shown).find(fits).unwrap_or_default();
        self.ticks = chosen.into_iter().map(|value| (value, tick(value))).collect();
        self
    }

    /// With ticks at round values.
    pub(crate) fn at_round_values(self) -> Axis {
        let sets = self.round_values();
        self.ticked(sets.into_iter())
    }

    /// With ticks at these values if all have room, else at round ones.
    pub(crate) fn at_values(self, values: &[f64]) -> Axis {
        let sets = self.round_values();
        self.ticked(std::iter::once(values.to_vec()).chain(sets))
    }

    /// Sets of round values, from the densest to those that are few.
    fn round_values(&self) -> Vec<Vec<f64>> {
        let [least, greatest] = self.ends();
        let powers = |base: f64, every: usize| -> Vec<f64> {
            let exponents = least.log(base).ceil() as i32..=greatest.log(base).floor() as i32;
            exponents.step_by(every).map(|exponent| base.powi(exponent)).collect()
        };
        match self.spread {
            Spread::Linear => {
                let exponent = ((greatest - least).log10().floor() as i32) - 2;
                let steps = (exponent..exponent + 4)
                    .flat_map(|exponent| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(exponent)));
                // Not more than ten: a grid is there to be read.
                let steps = steps.filter(|step| (greatest - least) / step <= 10.0);
                steps.map(|step| multiples(step, least, greatest)).collect()
            }
            Spread::Binary => (1..=8).map(|every| powers(2.0, every)).collect(),
            Spread::Decimal => {
                let within = |power: f64| [1.0, 2.0, 5.0].map(|digit| power * digit);
                let first = powers(10.0, 1).first().map_or(greatest, |first| first / 10.0);
                let dense = std::iter::once(first).chain(powers(10.0, 1)).flat_map(within);
                let dense = std::iter::once(dense.collect());
                dense.chain((1..=8).map(|every| powers(10.0, every))).collect()
            }
        }
    }
}

/// The multiples of a step within a range.
fn multiples(step: f64, least: f64, greatest: f64) -> Vec<f64> {
    let first = (least / step - 1e-9).ceil() as i64;
    let last = (greatest / step + 1e-9).floor() as i64;
    (first..=last).map(|at| at as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn ticks_are_the_counts_while_they_have_room() {
        let axis = Axis::new(Spread::Linear, [0.5, 4.5], [0.0, 500.0]).at_values(&[1.0, 2.0, 4.0]);
        assert_eq!(texts(&axis), ["1", "2", "4"]);
        let counts: Vec<f64> = (1..=64).map(f64::from).collect();
        let axis = Axis::new(Spread::Linear, [0.0, 65.0], [0.0, 500.0]).at_values(&counts);
        assert_eq!(texts(&axis), ["0", "10", "20", "30", "40", "50", "60"]);
    }

    #[test]
    fn upright_axes_have_round_values() {
        let axis = Axis::new(Spread::Linear, [0.0, 105.0], [200.0, 0.0]).at_round_values();
        assert_eq!(texts(&axis), ["0", "20", "40", "60", "80", "100"]);
        let axis = Axis::new(Spread::Binary, [1.0, 128.0], [300.0, 0.0]).at_round_values();
        assert_eq!(texts(&axis), ["1", "2", "4", "8", "16", "32", "64", "128"]);
        let axis = Axis::new(Spread::Decimal, [0.04, 30.0], [0.0, 500.0]).at_round_values();
        assert_eq!(texts(&axis), ["0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10", "20"]);
    }

    #[test]
    fn values_lie_where_their_logarithm_does() {
        let axis = Axis::new(Spread::Binary, [1.0, 16.0], [0.0, 400.0]);
        assert!((axis.at(4.0) - 200.0).abs() < 0.02);
        assert!((axis.at(1000.0) - 400.0).abs() < 0.02, "beyond the end");
        let axis = Axis::new(Spread::Linear, [0.0, 4.0], [400.0, 0.0]);
        assert!((axis.at(1.0) - 300.0).abs() < 0.02);
    }
}
