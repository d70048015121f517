//! What is said of points once all are there: marks, and laws.

use super::fit::fits;
use super::marks::{Around, marks};
use super::results::{Fit, Results};

/// Makes a law's speed-ups relative to the least number of workers, which counts as itself: as those
/// of the points are.
fn rebase(fit: &mut Fit, least: f64) {
    let Some(first) = fit.speedups.first().map(|first| first.speedup.value) else { return };
    for predicted in &mut fit.speedups {
        predicted.speedup = predicted.speedup.times(least / first);
    }
}

/// Marks what is to be read with care.
pub(super) fn put_marks(results: &mut Results, quota_cpus: Option<f64>) {
    let points = results.curves.iter().flat_map(|curve| &curve.points);
    let around = Around::new(quota_cpus, points);
    let Results { curves, method, machine, .. } = results;
    for point in curves.iter_mut().flat_map(|curve| &mut curve.points) {
        point.marks = marks(point, method, machine, &around);
    }
}

/// Fits the laws of scaling, and predicts for twice and four times as many workers as were measured.
pub(super) fn put_fits(results: &mut Results) {
    let most = results.method.workers.last().copied().unwrap_or(1);
    for curve in &mut results.curves {
        match fits(results.method.scaling, &curve.points, &[2 * most, 4 * most]) {
            Ok(fits) => {
                curve.fits = fits;
                let least = curve.points[0].workers as f64;
                curve.fits.iter_mut().for_each(|fit| rebase(fit, least));
            }
            Err(reason) => curve.no_fit = Some(reason),
        }
    }
}
