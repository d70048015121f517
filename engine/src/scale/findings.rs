//! What is wrong with a study as a whole, or with its machine: in sentences, each with its evidence
//! and what to do. Nothing is found in one that nothing disturbs.

use super::marks::percent;
use super::results::{MarkKind, Point, Results};

/// The part of a perfect scaling of the peak below which CPUs do not seem to be cores of their own:
/// clocks that fall with the number of busy cores cost less, siblings more.
const PEAK_SCALES_MIN: f64 = 0.75;

/// What is to be said of the study before anybody believes its figures.
pub(crate) fn findings(results: &Results) -> Vec<String> {
    let all = [
        virtual_machine(results),
        peak_does_not_scale(results),
        marked(results, MarkKind::Oversubscribed, "more workers than the CPUs that they may use"),
        marked(results, MarkKind::SharedCores, "more workers than physical cores"),
        noisy(results),
        few_samples(results),
        marked(results, MarkKind::Disturbed, "a part of the CPUs' time that went to others"),
        marked(results, MarkKind::Throttled, "CPUs that were slowed down or held back"),
    ];
    all.into_iter().flatten().collect()
}

/// All points, each with the name of its curve.
fn points(results: &Results) -> impl Iterator<Item = (String, &Point)> {
    let curves = results.curves.iter();
    curves.flat_map(|curve| curve.points.iter().map(|point| (curve.name(), point)))
}

/// `3 of 12 points have`
fn so_many(some: usize, results: &Results) -> String {
    let verb = if some == 1 { "has" } else { "have" };
    format!("{some} of {} points {verb}", points(results).count())
}

fn virtual_machine(results: &Results) -> Option<String> {
    let stolen = points(results).map(|(_, point)| point.conditions.stolen);
    results.machine.is_virtual.then(|| {
        format!(
            "The machine is a virtual one (its CPU has the flag `hypervisor`): which of its CPUs \
             share a core, and who else uses them, only the host knows. At most {} of a point's \
             CPU time was told as stolen. For figures to be published, measure on a machine \
             without a hypervisor or on a host that is yours alone.",
            percent(stolen.fold(0.0, f64::max))
        )
    })
}

/// The roof itself tells when CPUs are no cores of their own, whatever the machine says.
fn peak_does_not_scale(results: &Results) -> Option<String> {
    let cores = results.machine.cores;
    let of_cores = || results.roofs.iter().filter(|roof| roof.workers <= cores);
    let least = of_cores().min_by_key(|roof| roof.workers)?;
    let most = of_cores().max_by_key(|roof| roof.workers)?;
    let times = most.flops_per_s / least.flops_per_s;
    let perfect = most.workers as f64 / least.workers as f64;
    (times < PEAK_SCALES_MIN * perfect).then(|| {
        format!(
            "The machine lacks the cores that it shows: {} threads, each on a CPU of its own, have \
             {times:.2} times the peak arithmetic of {} (from {:.1} to {:.1} GFLOP/s), where \
             {perfect:.2} times were to be had. Its CPUs share cores or a clock that falls; no \
             code can scale further. Choose CPUs that are whole cores.",
            most.workers,
            least.workers,
            least.flops_per_s * 1e-9,
            most.flops_per_s * 1e-9
        )
    })
}

/// The points with such a mark, and the last one's evidence: that with the most workers of the last
/// curve.
fn marked(results: &Results, kind: MarkKind, what: &str) -> Option<String> {
    let marked = points(results).filter(|(_, point)| point.is(kind));
    let marked: Vec<(String, &Point)> = marked.collect();
    let (curve, last) = marked.last()?;
    let mark = last.marks.iter().find(|mark| mark.kind == kind)?;
    Some(format!(
        "{} {what}. Such as {curve}, at {}: {}.",
        so_many(marked.len(), results),
        workers(last),
        mark.evidence
    ))
}

fn workers(point: &Point) -> String {
    let plural = if point.workers == 1 { "" } else { "s" };
    format!("{} worker{plural}", point.workers)
}

fn noisy(results: &Results) -> Option<String> {
    // Few samples are a finding of their own.
    let enough = samples_min(results.method.confidence);
    let is_noisy = |point: &Point| point.is(MarkKind::Noisy) && point.samples_s.len() >= enough;
    let noisy = || points(results).filter(|(_, point)| is_noisy(point));
    let width = |point: &Point| point.time_s.relative_width();
    let widest = noisy().max_by(|(_, a), (_, b)| width(a).total_cmp(&width(b)))?;
    let (count, of) = (noisy().count(), points(results).count());
    let how = if 2 * count > of { "The machine is too noisy" } else { "Some of it is noisy" };
    Some(format!(
        "{how}: {} an interval wider than {}. The widest, {} of the median, is that of {}, at {}. \
         Measure for longer than {:.0} s, or on a quieter machine.",
        so_many(count, results),
        percent(results.method.precision),
        percent(width(widest.1)),
        widest.0,
        workers(widest.1),
        results.method.time_s
    ))
}

/// An interval of a median has the least and the greatest sample at its ends at most, and then it
/// holds the true one but for 2 / 2^n.
fn samples_min(confidence: f64) -> usize {
    (2.0 / (1.0 - confidence)).log2().ceil().max(1.0) as usize
}

fn few_samples(results: &Results) -> Option<String> {
    let enough = samples_min(results.method.confidence);
    let samples = points(results).map(|(_, point)| point.samples_s.len());
    let few: Vec<usize> = samples.filter(|samples| *samples < enough).collect();
    let fewest = few.iter().min()?;
    Some(format!(
        "{} fewer than {enough} samples, the fewest {fewest}: of so few no interval of {:.0} % can \
         be had. Measure for longer than {:.0} s, or a smaller size.",
        so_many(few.len(), results),
        100.0 * results.method.confidence,
        results.method.time_s
    ))
}

#[cfg(test)]
mod tests {
    use super::super::marks::synthetic::{machine, method, point};
    use super::super::marks::{Around, marks};
    use super::super::results::*;
    use super::*;

    /// A made-up study of one curve; marks are put to its points as a study does.
    fn study(machine: StudiedMachine, mut points: Vec<Point>) -> Results {
        let around = Around::new(None, &points);
        for point in &mut points {
            point.marks = marks(point, &method(), &machine, &around);
        }
        let roof = |workers: usize| Roof {
            workers,
            read_bytes_per_s: 1e10,
            triad_bytes_per_s: 1e10,
            flops_per_s: 4e10 * workers as f64,
        };
        Results {
            schema: SCHEMA.to_owned(),
            engine: "0.1.0".to_owned(),
            begun: "2026-11-28T10:46:17Z".to_owned(),
            machine,
            method: method(),
            roofs: vec![roof(1), roof(2), roof(4)],
            curves: vec![Curve {
                subject: "triad".to_owned(),
                size: "4 M".to_owned(),
                runtime: Runtime::Gristmill,
                points,
                fits: vec![],
                no_fit: None,
            }],
            findings: vec![],
        }
    }

    /// What is found in a study of 1, 2 and 4 workers on four cores, after this was done to each.
    fn found(disturb: impl Fn(&mut Point)) -> Vec<String> {
        let mut points = vec![point(1), point(2), point(4)];
        points.iter_mut().for_each(disturb);
        findings(&study(machine(4, 4), points))
    }

    fn is_one(found: &[String], said: &[&str]) {
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(said.iter().all(|said| found[0].contains(said)), "{}", found[0]);
    }

    #[test]
    fn nothing_is_found_where_all_is_well() {
        assert_eq!(found(|_| ()), [""; 0]);
        let none = Results { curves: vec![], roofs: vec![], ..study(machine(4, 4), vec![]) };
        assert_eq!(findings(&none), [""; 0]);
    }

    #[test]
    fn noise_is_of_some_or_of_most() {
        let widen = |point: &mut Point| point.time_s.high = 0.26 + 0.01 * point.workers as f64;
        let most = found(widen);
        is_one(&most, &["too noisy: 3 of 3 points have", "20.5 %", "triad, 4 M, at 4 workers"]);
        let some = found(|point| {
            if point.workers == 1 {
                widen(point)
            }
        });
        is_one(&some, &["Some of it is noisy: 1 of 3 points has", "at 1 worker.", "60 s"]);
    }

    #[test]
    fn too_many_workers() {
        let of_two = findings(&study(machine(2, 2), vec![point(1), point(2), point(4)]));
        is_one(&of_two, &["1 of 3 points has more workers than the CPUs", "4 workers take turns"]);
        let siblings = findings(&study(machine(4, 2), vec![point(1), point(2), point(4)]));
        is_one(&siblings, &["1 of 3 points has more workers than physical cores"]);
    }

    #[test]
    fn others_and_heat() {
        let waited = found(|point| point.conditions.waited = Some(0.02));
        is_one(&waited, &["3 of 3 points have a part", "2.0 %", "stop what else runs"]);
        let slowed = found(|point| point.conditions.throttled = Some(1));
        is_one(&slowed, &["3 of 3 points have CPUs that were slowed down", "to cool"]);
    }

    #[test]
    fn few_samples_give_no_interval() {
        assert_eq!((samples_min(0.95), samples_min(0.5), samples_min(0.99)), (6, 2, 8));
        let few = found(|point| point.samples_s.truncate(7 - point.workers));
        is_one(&few, &["2 of 3 points have fewer than 6 samples, the fewest 3", "95 %"]);
    }

    #[test]
    fn a_virtual_machine() {
        let mut disturbed = point(1);
        disturbed.conditions.stolen = 0.004;
        let machine = StudiedMachine { is_virtual: true, ..machine(4, 4) };
        let found = findings(&study(machine, vec![disturbed]));
        is_one(&found, &["virtual", "`hypervisor`", "At most 0.4 %"]);
    }

    #[test]
    fn cpus_that_are_no_cores() {
        let mut study = study(machine(2, 2), vec![point(1), point(2)]);
        study.roofs[1].flops_per_s = 1.2 * study.roofs[0].flops_per_s;
        let said = ["lacks the cores", "2 threads", "1.20 times", "40.0 to 48.0 GFLOP/s"];
        is_one(&findings(&study), &said);
        // Siblings are known for such.
        study.machine = StudiedMachine { cores: 1, ..study.machine };
        assert!(findings(&study).iter().all(|found| !found.contains("lacks")));
    }
}
