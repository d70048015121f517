//! What a study says of each curve, in sentences: how far it scales, and what holds it back.

use super::estimate::Estimate;
use super::numbers::{digits, percent, with_interval};
use super::results::{Curve, Fit, MarkKind, Model, Point, Results, Roof, Runtime, Scaling};
use super::words::{mark_name, workers};

/// From this share of the roof on, the roof is what holds a workload back.
const BOUND: f64 = 0.8;
/// Below this one it is not.
const FREE: f64 = 0.5;
/// Beyond this one, data come from caches that the roof does not count.
const CACHED: f64 = 1.1;
/// From this efficiency on, workers do not hinder each other.
const EFFICIENT: f64 = 0.8;

/// The point that tells most of a curve: the greatest number of workers that have a CPU each.
pub(crate) fn telling(curve: &Curve) -> Option<&Point> {
    let mut fair = curve.points.iter().filter(|point| !point.is(MarkKind::Oversubscribed));
    fair.next_back().or(curve.points.first())
}

/// What there is to say of a curve, a sentence each.
pub(crate) fn verdict(results: &Results, curve: &Curve) -> Vec<String> {
    let Some((least, point)) = curve.points.first().zip(telling(curve)) else {
        return vec!["Nothing was measured.".to_owned()];
    };
    let mut sentences = vec![];
    if point.workers == least.workers {
        sentences.push(format!(
            "It was measured with {} alone (with others, there were more workers than CPUs), so \
             nothing is said of how it scales.",
            workers(point.workers),
        ));
        if curve.points.len() == 1 {
            sentences = vec![format!(
                "It was measured with {} alone, so nothing is said of how it scales.",
                workers(point.workers),
            )];
        }
    } else {
        sentences.push(scaling(results.method.scaling, least, point));
        sentences.extend(marks(point));
        sentences.extend(turn(results.method.scaling, curve, point));
    }
    sentences.push(bound(results, point, point.workers > least.workers));
    sentences.extend(curve.fits.iter().filter_map(law));
    sentences.extend(against_rayon(results, curve, point));
    sentences
}

/// How much faster it is, or how much more is done.
fn scaling(scaling: Scaling, least: &Point, point: &Point) -> String {
    let (speedup, efficiency) = (with_interval(&point.speedup), percent(point.efficiency.value));
    let now = workers(point.workers);
    match (scaling, least.workers) {
        (Scaling::Strong, 1) => format!(
            "On {now} it is {speedup} times as fast as on one: {efficiency} of what would be \
             ideal.",
        ),
        (Scaling::Weak, 1) => format!(
            "{now} do {speedup} times the work of one in the same time: {efficiency} of what \
             would be ideal.",
        ),
        (_, least) => format!(
            "On {now} its speed-up is {speedup}, where {least} workers count {least}: \
             {efficiency} of what would be ideal.",
        ),
    }
}

fn marks(point: &Point) -> Option<String> {
    let names: Vec<&str> = point.marks.iter().map(|mark| mark_name(mark.kind)).collect();
    let reasons = names.join(", ");
    (!names.is_empty()).then(|| format!("This point is to be read with care: {reasons}."))
}

/// Whether fewer workers are better, beyond the noise.
fn turn(scaling: Scaling, curve: &Curve, point: &Point) -> Option<String> {
    let fewer = curve.points.iter().filter(|other| other.workers < point.workers);
    let best = fewer.max_by(|a, b| a.speedup.value.total_cmp(&b.speedup.value))?;
    let is_turned = best.speedup.low > point.speedup.high;
    let (few, more) = (workers(best.workers), workers(point.workers));
    let what = match scaling {
        Scaling::Strong => "It is fastest",
        Scaling::Weak => "It gets most done",
    };
    is_turned.then(|| format!("{what} on {few}; on {more} it is slower, beyond the noise."))
}

/// What holds it back, as far as the roof tells.
fn bound(results: &Results, point: &Point, is_scaled: bool) -> String {
    let Some(share) = point.roof_share.filter(|share| share.is_finite()) else {
        return "Its share of the roof is not known: it was not told how much it moves and \
                computes."
            .to_owned();
    };
    let roof = results.roofs.iter().find(|roof| roof.workers == point.workers);
    let is_by_memory = roof.is_none_or(|roof| is_memory_nearest(point, roof));
    let now = workers(point.workers);
    let roof_text = match is_by_memory {
        true => format!("what the memory of this machine gives to {now}"),
        false => format!("what the CPUs of {now} compute at most"),
    };
    let share_text = percent(share);
    if is_by_memory && point.fits_caches {
        return format!(
            "It does {} times {roof_text}; but its data would fit the caches, for which that is no \
             limit.",
            digits(share, 3),
        );
    }
    match share {
        CACHED.. => format!(
            "It does {} times {roof_text}: some of its data come from caches.",
            digits(share, 3),
        ),
        BOUND.. if is_by_memory => format!(
            "It reaches {share_text} of {roof_text}: it is memory bound. More workers help only as \
             far as they bring more bandwidth{}.",
            growth(results, point.workers).unwrap_or_default(),
        ),
        BOUND.. => format!(
            "It reaches {share_text} of {roof_text}: it is compute bound. More cores help, more \
             bandwidth does not.",
        ),
        FREE.. => format!("It reaches {share_text} of {roof_text}, its nearest limit."),
        _ if !is_scaled => format!("It reaches {share_text} of {roof_text}."),
        _ if point.efficiency.value >= EFFICIENT => format!(
            "It reaches only {share_text} of {roof_text}, but workers do not hinder each other: \
             a better kernel would help more than more workers.",
        ),
        _ => format!(
            "It reaches only {share_text} of {roof_text}, so neither memory nor arithmetic is \
             what holds it back: serial parts, uneven chunks or waiting are.",
        ),
    }
}

/// Whether memory limits this work before arithmetic does.
pub(crate) fn is_memory_nearest(point: &Point, roof: &Roof) -> bool {
    let intensity = point.work.intensity();
    intensity.is_none_or(|intensity| intensity * roof.bytes_per_s(&point.work) < roof.flops_per_s)
}

/// How much bandwidth more workers brought so far.
fn growth(results: &Results, now: usize) -> Option<String> {
    let at = |workers: usize| results.roofs.iter().find(|roof| roof.workers == workers);
    let growth = at(now)?.triad_bytes_per_s / at(1).filter(|_| now > 1)?.triad_bytes_per_s;
    let growth = Some(growth).filter(|growth| growth.is_finite())?;
    Some(format!(": {} have {} times that of one", workers(now), digits(growth, 3)))
}

/// What follows from a fit. Ends of intervals are put through the law, so that they hold all
/// values that belong to the parameters'.
fn law(fit: &Fit) -> Option<String> {
    match (fit.model, &fit.parameters[..]) {
        (Model::Amdahl, [serial]) if serial.value > 0.0 => {
            let most = Estimate {
                value: 1.0 / serial.value,
                low: 1.0 / serial.high,
                high: if serial.low > 0.0 { 1.0 / serial.low } else { f64::INFINITY },
            };
            let most = match most.high.is_finite() {
                true => format!("{} times", with_interval(&most)),
                false => {
                    format!("{} (at least {}) times", digits(most.value, 2), digits(most.low, 2))
                }
            };
            Some(format!(
                "By Amdahl's law {} of it is serial, so no number of workers would make it more \
                 than {most} as fast.",
                percent(serial.value),
            ))
        }
        (Model::Universal, [contention, coherency]) if coherency.low > 0.0 => {
            let most = |contention: f64, coherency: f64| {
                ((1.0 - contention).max(0.0) / coherency).sqrt().round()
            };
            Some(format!(
                "By the Universal Scalability Law it would be fastest on {} workers ({} to {}).",
                most(contention.value, coherency.value),
                most(contention.high, coherency.high),
                most(contention.low, coherency.low),
            ))
        }
        _ => None,
    }
}

/// How the same work compares on rayon, with as many workers.
fn against_rayon(results: &Results, curve: &Curve, point: &Point) -> Option<String> {
    let is_peer = |other: &&Curve| {
        other.runtime == Runtime::Rayon
            && (&other.subject, &other.size) == (&curve.subject, &curve.size)
    };
    let peer =
        results.curves.iter().filter(|_| curve.runtime == Runtime::Gristmill).find(is_peer)?;
    let theirs = peer.points.iter().find(|other| other.workers == point.workers)?;
    let (ours, theirs) = (point.time_s, theirs.time_s);
    let ratio = Estimate {
        value: theirs.value / ours.value,
        low: theirs.low / ours.high,
        high: theirs.high / ours.low,
    };
    let means = match ratio {
        Estimate { low: 1.0.., .. } => "more, beyond the noise",
        Estimate { high: ..1.0, .. } => "less, beyond the noise",
        _ => "no difference that is larger than the noise",
    };
    Some(format!(
        "On rayon the same takes {} times as long with {}: {means}.",
        with_interval(&ratio),
        workers(point.workers),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::made_up::{about, marked_study, study_of, weak_study};

    fn text(results: &Results, curve: usize) -> String {
        verdict(results, &results.curves[curve]).join(" ").replace('\u{a0}', " ")
    }

    #[test]
    fn a_verdict_says_how_much_faster_and_what_holds_it_back() {
        let mut results = study_of(1, &[1, 2], 2, false);
        results.curves[0].points[1].roof_share = Some(0.95);
        let said = text(&results, 0);
        assert!(said.contains("On 2 workers it is 1.783 (1.762 to 1.805) times as fast"), "{said}");
        assert!(said.contains("89 % of what would be ideal"), "{said}");
        assert!(said.contains("95 % of what the memory of this machine gives"), "{said}");
        assert!(said.contains("memory bound"), "{said}");
        results.curves[0].points[1].work.flops = Some(1e12);
        assert!(text(&results, 0).contains("compute bound"));
        results.curves[0].points[1].roof_share = Some(0.2);
        assert!(text(&results, 0).contains("a better kernel would help"));
        results.curves[0].points[1].efficiency = about(0.3, 0.01);
        assert!(text(&results, 0).contains("serial parts, uneven chunks or waiting"));
        results.curves[0].points[1].roof_share = Some(2.0);
        assert!(text(&results, 0).contains("come from caches"));
        results.curves[0].points[1].roof_share = None;
        assert!(text(&results, 0).contains("is not known"));
    }

    #[test]
    fn points_without_a_cpu_for_each_worker_are_not_judged() {
        let results = marked_study();
        let said = text(&results, 0);
        assert!(said.contains("On 2 workers") && !said.contains("On 4 workers"), "{said}");
        assert!(said.contains("read with care: workers share cores, noisy."), "{said}");
        assert!(
            said.contains("On rayon the same takes 1.070 (1.049 to 1.092) times as long"),
            "{said}"
        );
        assert!(said.contains("more, beyond the noise"), "{said}");
        assert!(text(&study_of(1, &[1], 1, false), 0).contains("nothing is said of how it scales"));
    }

    #[test]
    fn laws_are_told_with_their_intervals() {
        let results = study_of(1, &[1, 2, 4, 8, 16, 32, 64], 64, true);
        let said = text(&results, 0);
        assert!(said.contains("more than 8.3 (7.2 to 9.8) times as fast"), "{said}");
        assert!(said.contains("fastest on 33 workers (29 to 40)"), "{said}");
        assert!(said.contains("fastest on 32 workers; on 64 workers it is slower"), "{said}");
        let said = text(&weak_study(), 0);
        assert!(said.contains("16 workers do 5.35 (5.28 to 5.41) times the work of one"), "{said}");
    }
}
