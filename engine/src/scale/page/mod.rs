//! scale.html: a study on one page that needs nothing else, for who did not run it.

mod tables;

use super::numbers::{bytes, listed, percent, seconds};
use super::picture::{PictureError, roofline_svg, scale_svg};
use super::results::{Results, Scaling};
use super::verdict::verdict;
use super::words::{counts, machine, scaling_name, sentence};
use askama::Template;
use std::collections::BTreeSet;
use tables::{
    CONDITIONS, CurveTable, FitRow, RoofRow, curve_tables, fit_rows, known_conditions, roof_rows,
};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// A picture of it could not be drawn.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// Its text could not be written.
    #[error("the page could not be written: {0}")]
    Text(#[from] askama::Error),
}

/// What the template is filled with. All texts but the pictures are escaped by it.
#[derive(Template)]
#[template(path = "scale.html")]
struct Page<'a> {
    results: &'a Results,
    title: String,
    is_weak: bool,
    confidence: String,
    precision: String,
    /// The curve's name, and what there is to say of it.
    verdicts: Vec<(String, String)>,
    /// How many points are marked, of how many.
    marked: (usize, usize),
    scale: String,
    roofline: Option<String>,
    tables: Vec<CurveTable>,
    /// Columns of conditions that are shown, and the names of those of which nothing is known.
    conditions: Vec<(usize, &'static str)>,
    unknown_conditions: Vec<&'static str>,
    fits: Vec<FitRow>,
    no_fits: Vec<(String, String)>,
    roofs: Vec<RoofRow>,
    machine: Vec<(&'static str, String)>,
    counts: String,
    most_workers: usize,
    samples: String,
    counters: CountersText,
    budget: String,
    took: String,
}

/// What is known of hardware counters.
struct CountersText {
    /// Whether a point has any.
    are_there: bool,
    /// Why some are not there.
    why_not: Vec<String>,
}

/// Makes the page.
///
/// # Errors
///
/// A picture cannot be drawn, or the text cannot be written.
pub(crate) fn scale_html(results: &Results) -> Result<String, PageError> {
    let points = || results.curves.iter().flat_map(|curve| &curve.points);
    let counts = counts(results);
    let texts: Vec<String> = counts.iter().map(usize::to_string).collect();
    let why_not: BTreeSet<&String> =
        points().filter_map(|point| point.counted.why_not.as_ref()).collect();
    let are_there = points().any(|point| {
        point.counted.instructions_per_cycle.is_some()
            || point.counted.fetched_bytes_per_s.is_some()
    });
    let samples = points().map(|point| point.samples_s.len());
    let samples = match (samples.clone().min(), samples.max()) {
        (Some(least), Some(most)) if least != most => format!("{least} to {most}"),
        (Some(one), _) => one.to_string(),
        _ => "no".to_owned(),
    };
    let tables = curve_tables(results, are_there);
    let is_known = known_conditions(&tables);
    let columns = || CONDITIONS.into_iter().enumerate();
    let page = Page {
        results,
        title: title(results),
        is_weak: results.method.scaling == Scaling::Weak,
        confidence: percent(results.method.confidence),
        precision: percent(results.method.precision),
        verdicts: results
            .curves
            .iter()
            .map(|curve| (curve.name(), verdict(results, curve).join(" ")))
            .collect(),
        marked: (points().filter(|point| !point.marks.is_empty()).count(), points().count()),
        scale: scale_svg(results)?,
        roofline: roofline_svg(results)?,
        tables,
        conditions: columns().filter(|(column, _)| is_known[*column]).collect(),
        unknown_conditions: columns()
            .filter(|(column, _)| !is_known[*column])
            .map(|(_, name)| name)
            .collect(),
        fits: fit_rows(results),
        no_fits: results
            .curves
            .iter()
            .filter_map(|curve| Some((curve.name(), sentence(curve.no_fit.as_deref()?))))
            .collect(),
        roofs: roof_rows(results),
        machine: machine_rows(results),
        counts: listed(&texts),
        most_workers: counts.last().copied().unwrap_or(0),
        samples,
        counters: CountersText { are_there, why_not: why_not.into_iter().cloned().collect() },
        budget: seconds(results.method.time_s),
        took: seconds(results.method.took_s),
    };
    Ok(page.render()?)
}

/// The names of what was studied, each once, in their order.
fn subjects(results: &Results) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let names = results.curves.iter().map(|curve| curve.subject.as_str());
    names.filter(|name| seen.insert(*name)).collect()
}

fn title(results: &Results) -> String {
    let scaling = scaling_name(results.method.scaling);
    match &subjects(results)[..] {
        [] => scaling.to_owned(),
        subjects => format!("{scaling} of {}", listed(subjects)),
    }
}

fn machine_rows(results: &Results) -> Vec<(&'static str, String)> {
    let studied = &results.machine;
    let cpus: Vec<String> = studied.cpus.iter().map(usize::to_string).collect();
    let is_virtual = if studied.is_virtual { ", virtual" } else { "" };
    vec![
        ("Processor", format!("{} ({}{is_virtual})", machine(studied), studied.architecture)),
        ("CPUs, in the order of pinning", cpus.join(", ")),
        ("NUMA nodes", studied.nodes.to_string()),
        ("Last caches, together", bytes(studied.last_cache_bytes)),
        ("Memory", bytes(studied.memory_bytes)),
        ("Linux", studied.linux.clone()),
        ("Gristmill", results.engine.clone()),
        ("Begun (UTC)", results.begun.clone()),
    ]
}

#[cfg(test)]
mod checks;
