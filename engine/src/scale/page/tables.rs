//! The tables of the page: every cell as it is read.

use crate::scale::numbers::{UNKNOWN, digits, percent, unit_of_time, with_ends, with_interval};
use crate::scale::results::{Conditions, Curve, Fit, MarkKind, Model, Point, Results};
use crate::scale::words::{mark_name, sentence};

/// The figures of a curve.
pub(super) struct CurveTable {
    /// The curve's name.
    pub(super) name: String,
    /// The heads of columns with figures.
    pub(super) heads: Vec<String>,
    /// One for each number of workers.
    pub(super) rows: Vec<CurveRow>,
    /// The evidence of marks, each with the number of workers.
    pub(super) marks: Vec<(usize, &'static str, String)>,
}

/// The figures of a point.
pub(super) struct CurveRow {
    pub(super) workers: usize,
    pub(super) cells: Vec<String>,
    pub(super) marks: String,
    /// What happened while it was measured, in the order of [`CONDITIONS`].
    pub(super) conditions: [String; CONDITIONS.len()],
}

/// The figures of a fit.
pub(super) struct FitRow {
    pub(super) curve: String,
    pub(super) model: &'static str,
    pub(super) formula: &'static str,
    pub(super) parameters: Vec<FittedParameter>,
    /// What it gives where nothing was measured.
    pub(super) predictions: Vec<(usize, String)>,
}

/// A parameter of a fit.
pub(super) struct FittedParameter {
    pub(super) name: &'static str,
    /// How the formula calls it.
    pub(super) symbol: &'static str,
    /// With its interval.
    pub(super) figure: String,
    pub(super) means: &'static str,
}

/// What the machine can do at most.
pub(super) struct RoofRow {
    pub(super) workers: usize,
    pub(super) cells: [String; 4],
}

/// The tables of all curves; `with_counters` if there is a figure of the CPUs' counters.
pub(super) fn curve_tables(results: &Results, with_counters: bool) -> Vec<CurveTable> {
    let table = |curve: &Curve| curve_table(results, curve, with_counters);
    results.curves.iter().map(table).collect()
}

fn curve_table(results: &Results, curve: &Curve, with_counters: bool) -> CurveTable {
    let mut times: Vec<f64> = curve.points.iter().map(|point| point.time_s.value).collect();
    times.sort_by(f64::total_cmp);
    let (unit, length_s) = unit_of_time(times.get(times.len() / 2).copied().unwrap_or(1.0));
    let interval = format!("{} interval", percent(results.method.confidence));
    let sizes_differ = curve.points.iter().any(|point| point.size != curve.size);
    let mut heads = vec![];
    heads.extend(sizes_differ.then(|| "size".to_owned()));
    heads.extend([
        format!("time ({unit})"),
        interval.clone(),
        "speed-up".to_owned(),
        interval.clone(),
        "efficiency (%)".to_owned(),
        interval,
        "GB/s".to_owned(),
        "GFLOP/s".to_owned(),
        "share of roof".to_owned(),
    ]);
    let with_peer = curve.points.iter().any(|point| point.of_rayon.is_some());
    if with_peer {
        heads.push("times as fast as rayon".to_owned());
    }
    if with_counters {
        heads.extend(["instructions per cycle", "fetched GB/s"].map(str::to_owned));
    }
    heads.push("samples".to_owned());
    let row = |point: &Point| {
        let mut cells = vec![];
        cells.extend(sizes_differ.then(|| point.size.clone()));
        cells.extend(figures(point, length_s));
        if with_peer {
            cells.push(point.of_rayon.map_or(UNKNOWN.to_owned(), |ratio| with_interval(&ratio)));
        }
        if with_counters {
            let counted = &point.counted;
            let fetched = counted.fetched_bytes_per_s.map(|rate| rate / 1e9);
            cells.extend([counted.instructions_per_cycle, fetched].map(known));
        }
        cells.push(match point.runs {
            1 => point.samples_s.len().to_string(),
            runs => format!("{} × {runs}", point.samples_s.len()),
        });
        let marks: Vec<&str> = point.marks.iter().map(|mark| mark_name(mark.kind)).collect();
        CurveRow {
            workers: point.workers,
            cells,
            marks: marks.join(", "),
            conditions: conditions(point),
        }
    };
    let evidence = |point: &Point| {
        let workers = point.workers;
        let mark =
            |(kind, evidence): (MarkKind, &str)| (workers, mark_name(kind), sentence(evidence));
        let marks = point.marks.iter().map(|mark| (mark.kind, mark.evidence.as_str()));
        marks.map(mark).collect::<Vec<_>>()
    };
    CurveTable {
        name: curve.name(),
        heads,
        rows: curve.points.iter().map(row).collect(),
        marks: curve.points.iter().flat_map(evidence).collect(),
    }
}

fn known(figure: Option<f64>) -> String {
    figure.map_or(UNKNOWN.to_owned(), |figure| digits(figure, 3))
}

/// Time, speed-up and efficiency with their intervals, rates, and the share of the roof.
fn figures(point: &Point, length_s: f64) -> Vec<String> {
    let estimates =
        [point.time_s.times(1.0 / length_s), point.speedup, point.efficiency.times(100.0)];
    let mut cells = vec![];
    for estimate in &estimates {
        let [value, low, high] = with_ends(estimate);
        cells.extend([value, format!("{low} to {high}")]);
    }
    cells.extend(
        [point.bytes_per_s(), point.flops_per_s()].map(|rate| known(rate.map(|rate| rate / 1e9))),
    );
    let star = if point.fits_caches { "*" } else { "" };
    cells.push(point.roof_share.map_or(UNKNOWN.to_owned(), |share| percent(share) + star));
    cells
}

/// The heads of the columns that say what happened while a point was measured.
pub(super) const CONDITIONS: [&str; 6] = [
    "measured (s)",
    "stolen by the host",
    "waited for a CPU",
    "frequency (GHz)",
    "slowed down to cool",
    "held by a quota (s)",
];

/// Which of these columns have a figure in any point.
pub(super) fn known_conditions(tables: &[CurveTable]) -> [bool; CONDITIONS.len()] {
    let rows = || tables.iter().flat_map(|table| &table.rows);
    std::array::from_fn(|column| rows().any(|row| row.conditions[column] != UNKNOWN))
}

/// What happened around a point.
fn conditions(point: &Point) -> [String; CONDITIONS.len()] {
    let Conditions { measured_s, stolen, waited, frequency_hz, throttled, quota_held_s } =
        &point.conditions;
    let unknown = || UNKNOWN.to_owned();
    let frequency = frequency_hz.map_or_else(unknown, |[least, greatest]| {
        let [least, greatest] = [least, greatest].map(|rate| format!("{:.2}", rate / 1e9));
        if least == greatest { least } else { format!("{least} to {greatest}") }
    });
    [
        digits(*measured_s, 3),
        percent(*stolen),
        waited.map_or_else(unknown, percent),
        frequency,
        throttled.map_or_else(unknown, |times| times.to_string()),
        quota_held_s.map_or_else(unknown, |held| digits(held, 3)),
    ]
}

/// The fits of all curves.
pub(super) fn fit_rows(results: &Results) -> Vec<FitRow> {
    let of_curve = |curve: &Curve| {
        let last = curve.points.last().map_or(0, |point| point.workers);
        let name = curve.name();
        let row = |fit: &Fit| fit_row(name.clone(), last, fit);
        curve.fits.iter().map(row).collect::<Vec<_>>()
    };
    results.curves.iter().flat_map(of_curve).collect()
}

fn fit_row(curve: String, last: usize, fit: &Fit) -> FitRow {
    let (formula, means): (_, &[(&str, &str)]) = match fit.model {
        Model::Amdahl => (
            "S(p) = 1 / (s + (1 − s) / p)",
            &[("s", "the part of the work that does not get faster with more workers")],
        ),
        Model::Gustafson => (
            "S(p) = s + (1 − s) p",
            &[("s", "the part of the time in which only one worker has something to do")],
        ),
        Model::Universal => (
            "S(p) = p / (1 + a (p − 1) + b p (p − 1))",
            &[
                ("a", "workers wait for what only one of them can have"),
                ("b", "each worker costs all others something, so that more can be slower"),
            ],
        ),
    };
    let parameters = fit.model.parameters().iter().zip(&fit.parameters).zip(means);
    let beyond = fit.speedups.iter().filter(|at| at.workers > last);
    FitRow {
        curve,
        model: fit.model.name(),
        formula,
        parameters: parameters
            .map(|((name, estimate), (symbol, means))| FittedParameter {
                name,
                symbol,
                figure: with_interval(estimate),
                means,
            })
            .collect(),
        predictions: beyond.map(|at| (at.workers, with_interval(&at.speedup))).collect(),
    }
}

/// What the machine can do at most, for each number of workers.
pub(super) fn roof_rows(results: &Results) -> Vec<RoofRow> {
    let row = |roof: &crate::scale::results::Roof| RoofRow {
        workers: roof.workers,
        cells: [
            digits(roof.read_bytes_per_s / 1e9, 3),
            digits(roof.triad_bytes_per_s / 1e9, 3),
            digits(roof.flops_per_s / 1e9, 3),
            digits(roof.flops_per_s / roof.triad_bytes_per_s, 3),
        ],
    };
    results.roofs.iter().map(row).collect()
}
