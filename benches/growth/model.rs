//! A model of a step's time, fitted to what was measured.
//!
//! Least squares of relative errors, with no term below nothing: each subset of the terms is fitted
//! by itself, and the best is taken of those without negative ones.

use crate::steps::Step;
use serde::Serialize;

/// How much of a term a step has, by its workers, its chunks and the CPUs.
type Amount = fn(f64, f64, f64) -> f64;

/// What a step's time is made of, by name.
const TERMS: [(&str, Amount); TERM_COUNT] = [
    ("step", |_, _, _| 1.0),
    ("chunk, shared by the CPUs at work", |workers, chunks, cpus| chunks / workers.min(cpus)),
    ("worker", |workers, _, _| workers),
    ("theft", thefts),
    ("worker, as often as there are thefts", |workers, chunks, cpus| {
        workers * thefts(workers, chunks, cpus)
    }),
];

/// About how often a step's chunks change hands: a theft takes half of what somebody has, so it
/// takes as many to empty a range as there are bits in its length.
fn thefts(workers: f64, chunks: f64, _: f64) -> f64 {
    let length = (chunks / workers).max(1.0);
    if workers > 1.0 { chunks.min(workers) * (1.0 + length).log2() } else { 0.0 }
}

const TERM_COUNT: usize = 5;

#[derive(Debug, Serialize)]
pub(crate) struct Model {
    terms: Vec<Term>,
    residuals: Vec<Residual>,
}

#[derive(Debug, Serialize)]
struct Term {
    name: &'static str,
    us: f64,
}

#[derive(Debug, Serialize)]
struct Residual {
    workers: usize,
    chunks: usize,
    measured_us: f64,
    modelled_us: f64,
}

pub(crate) fn fit(steps: &[&Step], cpus: usize) -> Model {
    let features = |step: &Step| {
        TERMS.map(|(_, term)| term(step.workers as f64, step.chunks as f64, cpus as f64))
    };
    // Divided by what was measured, so that errors are relative.
    let rows: Vec<[f64; TERM_COUNT]> =
        steps.iter().map(|step| features(step).map(|feature| feature / step.us[1])).collect();
    let error = |terms: &[f64; TERM_COUNT]| {
        rows.iter().map(|row| (dot(row, terms) - 1.0).powi(2)).sum::<f64>()
    };
    let subsets = (1..1usize << TERM_COUNT).filter_map(|subset| solve(&rows, subset));
    let best = subsets.filter(|terms| terms.iter().all(|term| *term >= 0.0));
    let best = best.min_by(|a, b| error(a).total_cmp(&error(b))).expect("one term alone fits");
    let residuals = steps.iter().map(|step| Residual {
        workers: step.workers,
        chunks: step.chunks,
        measured_us: step.us[1],
        modelled_us: dot(&features(step), &best),
    });
    let terms = TERMS.iter().zip(best).map(|(&(name, _), us)| Term { name, us }).collect();
    Model { terms, residuals: residuals.collect() }
}

fn dot(a: &[f64; TERM_COUNT], b: &[f64; TERM_COUNT]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The least squares of `rows` times the terms of a subset against 1, by the normal equations; none
/// where they have no single solution.
fn solve(rows: &[[f64; TERM_COUNT]], subset: usize) -> Option<[f64; TERM_COUNT]> {
    let used: Vec<usize> = (0..TERM_COUNT).filter(|term| subset >> term & 1 == 1).collect();
    let sum = |of: &dyn Fn(&[f64; TERM_COUNT]) -> f64| rows.iter().map(of).sum::<f64>();
    let mut equations: Vec<Vec<f64>> = used
        .iter()
        .map(|&i| {
            let left = used.iter().map(|&j| sum(&|row| row[i] * row[j]));
            left.chain([sum(&|row| row[i])]).collect()
        })
        .collect();
    let n = used.len();
    for column in 0..n {
        let largest = |&a: &usize, &b: &usize| {
            equations[a][column].abs().total_cmp(&equations[b][column].abs())
        };
        let pivot = (column..n).max_by(largest)?;
        equations.swap(column, pivot);
        if equations[column][column].abs() < 1e-30 {
            return None;
        }
        let pivot = equations[column].clone();
        for (_, row) in equations.iter_mut().enumerate().filter(|(row, _)| *row != column) {
            let factor = row[column] / pivot[column];
            row.iter_mut().zip(&pivot).for_each(|(left, pivot)| *left -= factor * pivot);
        }
    }
    let mut terms = [0.0; TERM_COUNT];
    for (place, &term) in used.iter().enumerate() {
        terms[term] = equations[place][n] / equations[place][place];
    }
    Some(terms)
}

pub(crate) fn print(model: &Model) {
    println!("\nmodel of a step's time: us for each");
    for Term { name, us } in &model.terms {
        println!("{us:>10.4}  {name}");
    }
    println!("\n{:>9} {:>9} {:>12} {:>12} {:>9}", "chunks", "workers", "us", "model", "off by");
    for Residual { workers, chunks, measured_us, modelled_us } in &model.residuals {
        let off = (modelled_us / measured_us - 1.0) * 100.0;
        println!("{chunks:>9} {workers:>9} {measured_us:>12.2} {modelled_us:>12.2} {off:>8.0}%");
    }
}
