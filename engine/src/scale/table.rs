//! A study on the terminal: a table for each workload, and what is to be known of it.

use super::median::ENOUGH;
use super::results::{Curve, Fit, Point, Results, Scaling};
use super::words::{mark_name, workers};
use crate::report::{Look, figures, listing, seconds};
use std::collections::BTreeSet;

impl Results {
    /// The whole study as text, without lines and colours: the roof, a table for each curve, and the
    /// findings.
    pub fn table(&self) -> String {
        self.tables(Look::Plain)
    }

    /// The same for what standard output is.
    pub(crate) fn tables(&self, look: Look) -> String {
        let mut parts = vec![format!("the roof of this machine\n{}", self.roof_table(look))];
        parts.extend(self.curves.iter().map(|curve| self.curve(curve, look)));
        let reasons: BTreeSet<&String> =
            self.curves.iter().filter_map(|curve| curve.no_fit.as_ref()).collect();
        for reason in reasons {
            parts.push(paragraph(&format!("No law is fitted: {reason}."), look));
        }
        parts.extend(self.findings.iter().map(|finding| paragraph(finding, look)));
        parts.join("\n\n") + "\n"
    }

    fn roof_table(&self, look: Look) -> String {
        let rows = self.roofs.iter().map(|roof| {
            vec![
                roof.workers.to_string(),
                giga(Some(roof.read_bytes_per_s)),
                giga(Some(roof.triad_bytes_per_s)),
                giga(Some(roof.flops_per_s)),
            ]
        });
        figures(&["threads", "reading GB/s", "triad GB/s", "GFLOP/s"], rows, 0, look)
    }

    /// A curve's name, its table, and in lines below what has no room in that: with 80 columns its
    /// figures still stand in a row.
    fn curve(&self, curve: &Curve, look: Look) -> String {
        let compared = curve.points.iter().any(|point| point.of_rayon.is_some());
        let marked = curve.points.iter().any(|point| !point.marks.is_empty());
        let mut header = vec!["workers", "time", "interval", "speed-up", "eff."];
        header.extend(["GB/s", "GFLOP/s", "roof"]);
        header.extend(compared.then_some("rayon"));
        header.extend(marked.then_some(""));
        let rows = curve.points.iter().map(|point| {
            let mut row = vec![
                point.workers.to_string(),
                seconds(point.time_s.value),
                interval(point),
                format!("{:.2}", point.speedup.value),
                format!("{:.0} %", 100.0 * point.efficiency.value),
                giga(point.bytes_per_s()),
                giga(point.flops_per_s()),
                roof(point),
            ];
            let of_rayon = point.of_rayon.map_or("-".into(), |ratio| format!("{:.2}", ratio.value));
            row.extend(compared.then_some(of_rayon));
            let mark = if point.marks.is_empty() { "" } else { "!" };
            row.extend(marked.then(|| mark.into()));
            row
        });
        let mut lines = vec![curve.name(), figures(&header, rows, 0, look)];
        lines.extend(self.notes(curve).iter().map(|note| paragraph(note, look)));
        lines.join("\n")
    }

    /// Sizes that grow, laws, what the CPUs counted, and the evidence for marks.
    fn notes(&self, curve: &Curve) -> Vec<String> {
        let each = |what: &dyn Fn(&Point) -> Option<String>| {
            let said = curve.points.iter().filter_map(|point| {
                Some(format!("{} with {}", what(point)?, workers(point.workers)))
            });
            said.collect::<Vec<_>>().join(", ")
        };
        let mut notes = vec![];
        if self.method.scaling == Scaling::Weak {
            notes.push(format!("sizes: {}", each(&|point| Some(point.size.clone()))));
        }
        notes.extend(curve.fits.iter().map(fit_in_words));
        let counted = each(&|point| Some(format!("{:.2}", point.counted.instructions_per_cycle?)));
        if !counted.is_empty() {
            notes.push(format!("instructions per cycle: {counted}"));
        }
        for point in &curve.points {
            let marks = point.marks.iter();
            notes.extend(marks.map(|mark| {
                let (who, what) = (workers(point.workers), mark_name(mark.kind));
                format!("! {who}, {what}: {}", mark.evidence)
            }));
        }
        notes
    }
}

/// A text in lines that fit the terminal.
fn paragraph(text: &str, look: Look) -> String {
    match look {
        Look::Terminal(Some(width)) => {
            let lines = listing(&[], std::iter::once(vec![text.to_string()]), Some(width));
            lines.lines().map(str::trim).collect::<Vec<_>>().join("\n")
        }
        Look::Terminal(None) | Look::Plain => text.into(),
    }
}

/// A rate in 10^9, with three digits that count.
pub(super) fn giga(rate: Option<f64>) -> String {
    match rate.map(|rate| rate / 1e9) {
        None => "-".into(),
        Some(rate) if rate < 0.01 => format!("{rate:.1e}"),
        Some(rate) if rate < 10.0 => format!("{rate:.2}"),
        Some(rate) if rate < 100.0 => format!("{rate:.1}"),
        Some(rate) => format!("{rate:.0}"),
    }
}

/// The width of the interval, if there are samples enough for one.
fn interval(point: &Point) -> String {
    match point.samples_s.len() {
        0..ENOUGH => "-".into(),
        _ => format!("{:.1} %", 100.0 * point.time_s.relative_width()),
    }
}

/// The share of the roof; with a star where the arrays fit the caches, so that it is not over them.
fn roof(point: &Point) -> String {
    let star = if point.fits_caches { "*" } else { "" };
    point.roof_share.map_or("-".into(), |share| format!("{share:.2}{star}"))
}

fn fit_in_words(fit: &Fit) -> String {
    let names = fit.model.parameters().iter().zip(&fit.parameters);
    let parameters = names.map(|(name, parameter)| {
        let [value, low, high] = [parameter.value, parameter.low, parameter.high];
        format!("{name} {value:.4} ({low:.4} to {high:.4})")
    });
    let parameters: Vec<String> = parameters.collect();
    format!("{}: {}", fit.model.name(), parameters.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::made_up::{all, marked_study, weak_study};

    #[test]
    fn figures_stand_in_rows_on_80_columns() {
        for (name, results) in all() {
            let text = results.tables(Look::Terminal(Some(80)));
            for line in text.lines() {
                assert!(line.chars().count() <= 80 || line.contains("elements"), "{name}: {line}");
            }
            for curve in &results.curves {
                assert!(text.contains(&curve.name()), "{name}");
            }
            let header =
                text.lines().any(|line| line.contains("speed-up") && line.contains("roof"));
            assert!(header || results.curves.is_empty(), "{name}: {text}");
        }
    }

    #[test]
    fn marks_come_with_their_evidence_and_weak_studies_with_their_sizes() {
        let marked = marked_study();
        let text = marked.table();
        let points = marked.curves.iter().flat_map(|curve| &curve.points);
        for mark in points.flat_map(|point| &point.marks) {
            assert!(text.contains(&mark.evidence), "{text}");
        }
        let weak = weak_study();
        let text = weak.table();
        assert!(text.contains(&format!("sizes: {}", weak.curves[0].points[0].size)), "{text}");
    }
}
