//! Two studies beside each other: which differences are larger than the noise.

use super::estimate::Estimate;
use super::file_error::FileError;
use super::median::{ENOUGH, median, ratio_of_medians};
use super::results::{Conditions, Curve, Point, Results, Runtime};
use crate::report::{Look, figures, seconds};

/// The points that two studies have both measured, and what else differs between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// One for each point that is in both.
    pub differences: Vec<Difference>,
    /// By how much, as a part, a difference must be greater to count: the precision that the less
    /// precise of both studies aimed at.
    pub tolerance: f64,
    /// What makes the two hard to compare, in words: another machine, points of one alone.
    pub notes: Vec<String>,
}

/// A point in both studies.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The workload.
    pub subject: String,
    /// Its size.
    pub size: String,
    /// What ran it.
    pub runtime: Runtime,
    /// With how many workers.
    pub workers: usize,
    /// Seconds of a run in the earlier study.
    pub earlier_s: Estimate,
    /// Seconds of a run in the later one.
    pub later_s: Estimate,
    /// The later time by the earlier one: above 1 is slower. Its interval allows for what others took
    /// of the CPUs' time in either study.
    pub ratio: Estimate,
    /// What to say of it.
    pub verdict: Verdict,
}

/// What a difference comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It takes longer, beyond the noise.
    Slower,
    /// It takes less time, beyond the noise.
    Faster,
    /// The difference is not larger than the noise; also where there are too few samples to tell.
    Alike,
}

impl Verdict {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Slower => "slower",
            Verdict::Faster => "faster",
            Verdict::Alike => "alike",
        }
    }
}

impl Comparison {
    /// Compares what both studies have measured: the same workload, size, runtime and number of
    /// workers, with the same scaling.
    ///
    /// A difference is larger than the noise if the whole interval of the ratio lies further from 1
    /// than the precision that the studies aimed at.
    ///
    /// # Errors
    ///
    /// If they have no point in common.
    pub fn of(earlier: &Results, later: &Results) -> Result<Comparison, FileError> {
        let tolerance = earlier.method.precision.max(later.method.precision);
        let mut differences = vec![];
        if earlier.method.scaling == later.method.scaling {
            for curve in &later.curves {
                let old = earlier.curves.iter().find(|old| is_same(old, curve));
                for point in &curve.points {
                    let points = old.iter().flat_map(|old| &old.points);
                    let mut same = points.filter(|old| old.workers == point.workers);
                    let old = same.next();
                    differences.extend(old.map(|old| difference(curve, old, point, tolerance)));
                }
            }
        }
        if differences.is_empty() {
            let reason = "the two studies have nothing in common: a workload of the same size, with \
                          the same number of workers, in the same kind of scaling";
            return Err(FileError(reason.into()));
        }
        Ok(Comparison { differences, tolerance, notes: notes(earlier, later) })
    }

    /// Whether anything got slower beyond the noise that the engine runs; what a peer does is of no
    /// concern.
    pub fn is_slower(&self) -> bool {
        let of_ours = |difference: &&Difference| difference.runtime == Runtime::Gristmill;
        let mut ours = self.differences.iter().filter(of_ours);
        ours.any(|difference| difference.verdict == Verdict::Slower)
    }

    /// The differences as text, without lines and colours.
    pub fn table(&self) -> String {
        self.tables(Look::Plain)
    }

    pub(crate) fn tables(&self, look: Look) -> String {
        let rows = self.differences.iter().map(|difference| {
            let change = |ratio: f64| format!("{:+.1} %", 100.0 * (ratio - 1.0));
            let Estimate { value, low, high } = difference.ratio;
            vec![
                difference.name(),
                difference.workers.to_string(),
                seconds(difference.earlier_s.value),
                seconds(difference.later_s.value),
                change(value),
                format!("{} to {}", change(low), change(high)),
                difference.verdict.word().into(),
            ]
        });
        let header = ["workload", "workers", "before", "after", "change", "interval", ""];
        let mut text = figures(&header, rows, 1, look) + "\n";
        let count = |verdict| {
            self.differences.iter().filter(|difference| difference.verdict == verdict).count()
        };
        let [slower, faster, alike] = [Verdict::Slower, Verdict::Faster, Verdict::Alike].map(count);
        text += &format!("\n{slower} slower, {faster} faster, {alike} alike\n");
        self.notes.iter().for_each(|note| text += &format!("{note}\n"));
        text
    }
}

impl Difference {
    /// The workload, what ran it if that is not the engine, and the size.
    pub fn name(&self) -> String {
        super::results::named(&self.subject, self.runtime, &self.size)
    }
}

fn is_same(one: &Curve, other: &Curve) -> bool {
    (&one.subject, &one.size, one.runtime) == (&other.subject, &other.size, other.runtime)
}

fn difference(curve: &Curve, earlier: &Point, later: &Point, tolerance: f64) -> Difference {
    let Estimate { value, low, high } = ratio_of_medians(&later.samples_s, &earlier.samples_s);
    // Of the time that others took, all may be missing in one study and none in the other.
    let low = low * (1.0 - lost(&later.conditions));
    let high = high / (1.0 - lost(&earlier.conditions));
    let is_known = earlier.samples_s.len().min(later.samples_s.len()) >= ENOUGH;
    let verdict = match () {
        () if !is_known => Verdict::Alike,
        () if low > 1.0 + tolerance => Verdict::Slower,
        () if high < 1.0 - tolerance => Verdict::Faster,
        () => Verdict::Alike,
    };
    Difference {
        subject: curve.subject.clone(),
        size: curve.size.clone(),
        runtime: curve.runtime,
        workers: later.workers,
        earlier_s: median(&earlier.samples_s),
        later_s: median(&later.samples_s),
        ratio: Estimate { value, low, high },
        verdict,
    }
}

/// The part of the workers' time that others had; never all of it.
fn lost(conditions: &Conditions) -> f64 {
    (conditions.stolen + conditions.waited.unwrap_or(0.0)).clamp(0.0, 0.99)
}

/// The points of one study that another has not.
fn only_in(one: &Results, other: &Results) -> Vec<String> {
    let has = |curve: &Curve, point: &Point| {
        let mut same = other.curves.iter().filter(|other| is_same(other, curve));
        same.any(|other| other.points.iter().any(|other| other.workers == point.workers))
    };
    let curves = one.curves.iter();
    let points = curves.flat_map(|curve| curve.points.iter().map(move |point| (curve, point)));
    let alone = points.filter(|(curve, point)| !has(curve, point));
    alone.map(|(curve, point)| format!("{} on {}", curve.name(), point.workers)).collect()
}

fn notes(earlier: &Results, later: &Results) -> Vec<String> {
    let mut notes = vec![];
    let (old, new) = (&earlier.machine, &later.machine);
    for (what, old, new) in [
        ("processor", &old.cpu, &new.cpu),
        ("Linux", &old.linux, &new.linux),
        ("engine", &earlier.engine, &later.engine),
    ] {
        if old != new {
            notes.push(format!("Not the same {what}: {old} before, {new} after."));
        }
    }
    if old.cpus != new.cpus {
        let counts = (old.cpus.len(), new.cpus.len());
        notes.push(format!("Not the same CPUs: {} before, {} after.", counts.0, counts.1));
    }
    let missing = only_in(later, earlier);
    if !missing.is_empty() {
        notes.push(format!("In the later study alone: {}.", missing.join("; ")));
    }
    let gone = only_in(earlier, later);
    if !gone.is_empty() {
        notes.push(format!("In the earlier study alone: {}.", gone.join("; ")));
    }
    if earlier.method.precision != later.method.precision {
        let [old, new] = [earlier, later].map(|study| 100.0 * study.method.precision);
        notes.push(format!("Not the same precision: {old} % before, {new} % after."));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::made_up::study_of;

    /// A study that is made up, with samples around these times, of which so many parts in a
    /// thousand are noise.
    fn study(times_s: &[f64], noise: f64, count: usize) -> Results {
        let workers: Vec<usize> = (1..=times_s.len()).collect();
        let mut results = study_of(1, &workers, workers.len(), false);
        for (point, time_s) in results.curves[0].points.iter_mut().zip(times_s) {
            let sample = |at: usize| {
                let step = (at * 7 % 11) as f64 - 5.0;
                time_s * (1.0 + noise * step / 5000.0)
            };
            point.samples_s = (0..count).map(sample).collect();
            point.conditions = Conditions::default();
        }
        results
    }

    fn verdicts(earlier: &Results, later: &Results) -> Vec<Verdict> {
        let comparison = Comparison::of(earlier, later).unwrap();
        comparison.differences.iter().map(|difference| difference.verdict).collect()
    }

    #[test]
    fn differences_are_told_from_noise() {
        use Verdict::{Alike, Faster, Slower};
        let before = study(&[1.0, 0.5, 0.3], 10.0, 30);
        assert_eq!(verdicts(&before, &before), [Alike; 3]);
        let after = study(&[1.1, 0.4, 0.301], 10.0, 30);
        assert_eq!(verdicts(&before, &after), [Slower, Faster, Alike]);
        assert_eq!(verdicts(&after, &before), [Faster, Slower, Alike]);
        let comparison = Comparison::of(&before, &after).unwrap();
        assert!(comparison.is_slower());
        assert!(comparison.table().contains("1 slower, 1 faster, 1 alike"));
        assert!((comparison.differences[0].ratio.value - 1.1).abs() < 1e-9);
        // The same 10 % in much more noise.
        let noisy = study(&[1.1, 0.4, 0.301], 500.0, 30);
        assert_eq!(verdicts(&before, &noisy)[0], Alike);
    }

    #[test]
    fn what_others_took_may_explain_a_difference() {
        let before = study(&[1.0], 1.0, 30);
        let mut after = study(&[1.1], 1.0, 30);
        assert_eq!(verdicts(&before, &after), [Verdict::Slower]);
        after.curves[0].points[0].conditions.waited = Some(0.1);
        assert_eq!(verdicts(&before, &after), [Verdict::Alike]);
        assert_eq!(verdicts(&after, &before), [Verdict::Alike]);
    }

    #[test]
    fn few_samples_tell_nothing() {
        assert_eq!(verdicts(&study(&[1.0], 0.0, 2), &study(&[2.0], 0.0, 2)), [Verdict::Alike]);
    }

    #[test]
    fn what_a_peer_does_is_of_no_concern() {
        let (mut before, mut after) = (study(&[1.0], 1.0, 30), study(&[2.0], 1.0, 30));
        before.curves[0].runtime = Runtime::Rayon;
        after.curves[0].runtime = Runtime::Rayon;
        let comparison = Comparison::of(&before, &after).unwrap();
        assert_eq!(comparison.differences[0].verdict, Verdict::Slower);
        assert!(!comparison.is_slower());
    }

    #[test]
    fn what_cannot_be_compared_is_told() {
        let before = study(&[1.0, 0.5], 1.0, 10);
        let mut after = study(&[1.0, 0.5, 0.4], 1.0, 10);
        after.machine.cpu = "another".into();
        let notes = Comparison::of(&before, &after).unwrap().notes.join(" ");
        assert!(notes.contains("another after") && notes.contains("In the later study alone"));
        after.curves[0].subject = "another".into();
        assert!(Comparison::of(&before, &after).unwrap_err().to_string().contains("in common"));
    }
}
