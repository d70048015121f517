//! Laws of scaling, fitted to the points of a curve: what part of the work is serial, and how far
//! it would get faster with workers that are not there. Only what the points can tell: there is no
//! fit through points of which some are not the machine's, nor through too few.

mod curve;
mod law;
mod least_squares;

use super::{Fit, MarkKind, Point, Scaling};
use curve::Curve;

/// The laws of this kind of scaling that the points of a curve can tell, at least one. Each with
/// the speed-ups that it gives for the numbers of workers of the points, and then for those that
/// are wanted and were not measured; relative to the law's own one worker, which
/// need not have been measured. (A [`Point`] has its speed-up relative to the time that the least
/// number of workers was measured to take, noise included.)
///
/// Points with other marks than [`MarkKind::Oversubscribed`] take part, with the weight that their
/// intervals have.
///
/// # Errors
///
/// Why there is none, in words, where there are more workers than CPUs in one of the points, or
/// where no law has fewer parameters than there are points.
pub(crate) fn fits(
    scaling: Scaling,
    points: &[Point],
    wanted: &[usize],
) -> Result<Vec<Fit>, String> {
    usable(points)?;
    let (mut fits, mut reasons) = (Vec::new(), Vec::new());
    for model in scaling.laws() {
        if points.len() <= model.unknowns() {
            reasons.push(format!("{}, and {}", counted(points.len(), "point"), model.needs()));
            continue;
        }
        let Some(curve) = Curve::new(model, points) else {
            reasons.push(format!("these points do not determine {}", model.name()));
            continue;
        };
        let measured = points.iter().map(|point| point.workers);
        let others = wanted
            .iter()
            .copied()
            .filter(|workers| *workers > 0 && points.iter().all(|point| point.workers != *workers));
        let speedups = measured.chain(others).map(|workers| curve.predicted(workers)).collect();
        fits.push(Fit { model, parameters: curve.parameters(), speedups });
    }
    // The first law has the fewest parameters, so its reason is the one that matters.
    if fits.is_empty() { Err(reasons.swap_remove(0)) } else { Ok(fits) }
}

/// That nothing in the points forbids a fit.
fn usable(points: &[Point]) -> Result<(), String> {
    let over = |point: &&Point| point.is(MarkKind::Oversubscribed);
    let over: Vec<String> =
        points.iter().filter(over).map(|point| point.workers.to_string()).collect();
    if !over.is_empty() {
        let all = counted(points.len(), "point");
        let have = if over.len() == 1 { "has" } else { "have" };
        let workers = over.join(", ");
        return Err(format!("{} of {all} {have} more workers than CPUs: {workers}", over.len()));
    }
    let positive = |figure: f64| figure.is_finite() && figure > 0.0;
    match points.iter().find(|point| !positive(point.time_s.value) || !positive(point.work.units)) {
        None => Ok(()),
        Some(Point { workers, time_s, work, .. }) => Err(format!(
            "{} did {} units in {} s, which is no rate",
            counted(*workers, "worker"),
            work.units,
            time_s.value
        )),
    }
}

/// Such as "1 point" and "2 points".
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
