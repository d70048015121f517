//! Says why a point is to be read with care, each time with the evidence and what to do.
//!
//! Marks speak of one point; what they come to for a study is in `findings`.

use super::conditions::stolen_resolution;
use super::median::ENOUGH;
use super::results::{Mark, MarkKind, Method, Point, StudiedMachine};

/// CPU time that others had, as a part of a point's, from which on it is marked.
const OTHERS_MAX: f64 = 0.01;

/// Waits that are shorter in all are those of any wake.
const WAITED_MIN_S: f64 = 1e-3;

/// By how much a frequency may fall below the study's greatest.
const FALL_MAX: f64 = 0.05;

/// What a point does not know of the study around it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Around {
    /// How many CPUs' time a cgroup's quota allows; none if there is no quota.
    pub(crate) quota_cpus: Option<f64>,
    /// The greatest frequency that was seen at any point, in Hz.
    pub(crate) frequency_hz_max: Option<f64>,
}

impl Around {
    /// Of a study with these points.
    pub(crate) fn new<'a>(
        quota_cpus: Option<f64>,
        points: impl IntoIterator<Item = &'a Point>,
    ) -> Around {
        let greatest = points.into_iter().filter_map(|point| point.conditions.frequency_hz);
        let frequency_hz_max = greatest.map(|[_, greatest]| greatest).reduce(f64::max);
        Around { quota_cpus, frequency_hz_max }
    }
}

/// What is wrong with a point that is complete but for its marks.
pub(crate) fn marks(
    point: &Point,
    method: &Method,
    machine: &StudiedMachine,
    around: &Around,
) -> Vec<Mark> {
    let all = [
        (MarkKind::Oversubscribed, oversubscribed(point, machine, around)),
        (MarkKind::SharedCores, shared_cores(point, machine)),
        (MarkKind::Noisy, noisy(point, method)),
        (MarkKind::Disturbed, disturbed(point, machine, around)),
        (MarkKind::Throttled, throttled(point, around)),
    ];
    let found = all.into_iter().filter(|(_, evidence)| !evidence.is_empty());
    found.map(|(kind, evidence)| Mark { kind, evidence: evidence.join("; ") }).collect()
}

/// A part in per cent.
pub(super) fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

fn oversubscribed(point: &Point, machine: &StudiedMachine, around: &Around) -> Vec<String> {
    let (workers, cpus) = (point.workers, machine.cpus.len());
    let by_cpus = (workers > cpus)
        .then(|| format!("{workers} workers take turns on {cpus} CPUs: ask for at most {cpus}"));
    let by_quota = around.quota_cpus.filter(|quota| workers as f64 > *quota).map(|quota| {
        format!(
            "{workers} workers, and the cgroup's quota is {quota:.2} CPUs: raise it or ask for at \
             most {}",
            (quota as usize).max(1)
        )
    });
    by_cpus.into_iter().chain(by_quota).collect()
}

fn shared_cores(point: &Point, machine: &StudiedMachine) -> Vec<String> {
    let (workers, cores) = (point.workers, machine.cores);
    // Where each CPU is a core, more workers share CPUs, which is said already.
    let shared = cores < machine.cpus.len() && workers > cores;
    let said = || {
        format!(
            "{workers} workers on {cores} physical cores share their arithmetic and nearest \
             caches: up to {cores} each has its own"
        )
    };
    shared.then(said).into_iter().collect()
}

fn noisy(point: &Point, method: &Method) -> Vec<String> {
    if point.samples_s.len() < ENOUGH {
        let samples = point.samples_s.len();
        return vec![format!(
            "{samples} samples give no interval of 95 %, which takes {ENOUGH}: measure for longer"
        )];
    }
    let width = point.time_s.relative_width();
    let said = || {
        format!(
            "after {} samples the median's interval is {} of it wide, and was to be at most {}: \
             measure for longer, or on a quieter machine",
            point.samples_s.len(),
            percent(width),
            percent(method.precision)
        )
    };
    // A time of 0 has no width, and is no time.
    (width.is_nan() || width > method.precision).then(said).into_iter().collect()
}

fn disturbed(point: &Point, machine: &StudiedMachine, around: &Around) -> Vec<String> {
    let conditions = &point.conditions;
    let cpus = point.workers.min(machine.cpus.len());
    let measured_s = conditions.measured_s;
    let least = OTHERS_MAX.max(stolen_resolution(conditions, cpus));
    let stolen = (conditions.stolen > least).then(|| {
        format!(
            "the host gave {} of the CPUs' time to others ({:.2} s in {measured_s:.2} s on {cpus} \
             of them, told in steps of 10 ms): measure where the CPUs are yours alone",
            percent(conditions.stolen),
            conditions.stolen * measured_s * cpus as f64
        )
    });
    // Workers that share CPUs, or a quota, wait for each other.
    let alone = oversubscribed(point, machine, around).is_empty();
    let waited = conditions.waited.filter(|_| alone).filter(|waited| {
        *waited > OTHERS_MAX && waited * measured_s * point.workers as f64 > WAITED_MIN_S
    });
    let waited = waited.map(|waited| {
        format!(
            "for {} of their time workers were ready and others ran on their CPUs ({:.3} s in \
             {measured_s:.2} s on {cpus} CPUs): stop what else runs, or choose other CPUs",
            percent(waited),
            waited * measured_s * point.workers as f64
        )
    });
    stolen.into_iter().chain(waited).collect()
}

fn throttled(point: &Point, around: &Around) -> Vec<String> {
    let conditions = &point.conditions;
    let slowed = conditions.throttled.filter(|times| *times > 0).map(|times| {
        format!("the CPUs slowed down {times} times to cool: cool them better, or rest them before")
    });
    let held = conditions.quota_held_s.filter(|held_s| *held_s > 0.0).map(|held_s| {
        format!(
            "a cgroup's quota held processes back for {held_s:.3} s in {:.2} s: raise it, or ask \
             for fewer workers",
            conditions.measured_s
        )
    });
    let greatest = conditions.frequency_hz.map(|[_, greatest]| greatest);
    let fallen = greatest.zip(around.frequency_hz_max);
    let fallen = fallen.filter(|(here, most)| *here < (1.0 - FALL_MAX) * most);
    let fallen = fallen.map(|(here, most)| {
        format!(
            "the CPUs ran at {:.2} GHz at most, and at {:.2} GHz elsewhere in the study: fix the \
             frequency, without turbo, to tell the code's part from the clock's",
            here * 1e-9,
            most * 1e-9
        )
    });
    [slowed, held, fallen].into_iter().flatten().collect()
}

#[cfg(test)]
pub(super) mod synthetic {
    //! A study of points that nothing disturbs, made up for tests.

    use super::super::estimate::Estimate;
    use super::super::results::*;

    /// `cpus` CPUs, two to a core if there are fewer cores.
    pub(crate) fn machine(cpus: usize, cores: usize) -> StudiedMachine {
        StudiedMachine {
            cpu: "made up".to_owned(),
            architecture: "x86_64".to_owned(),
            linux: "6.1.0".to_owned(),
            cpus: (0..cpus).collect(),
            cores,
            nodes: 1,
            last_cache_bytes: 32 << 20,
            memory_bytes: 16 << 30,
            is_virtual: false,
        }
    }

    pub(crate) fn method() -> Method {
        Method {
            scaling: Scaling::Strong,
            precision: 0.02,
            confidence: 0.95,
            time_s: 60.0,
            took_s: 60.0,
            command: None,
            workers: vec![1, 2, 4],
        }
    }

    /// 20 samples, of 5 s in all, an interval of 1 %.
    pub(crate) fn point(workers: usize) -> Point {
        let exact = Estimate { value: 1.0, low: 1.0, high: 1.0 };
        Point {
            workers,
            size: "4 M".to_owned(),
            work: crate::batch::Work::default(),
            runs: 1,
            samples_s: vec![0.25; 20],
            time_s: Estimate { value: 0.25, low: 0.24875, high: 0.25125 },
            speedup: exact,
            efficiency: exact,
            roof_share: None,
            fits_caches: false,
            of_rayon: None,
            counted: Counted::default(),
            conditions: Conditions {
                measured_s: 5.0,
                stolen: 0.0,
                waited: Some(0.0),
                frequency_hz: Some([2.9e9, 3.0e9]),
                throttled: Some(0),
                quota_held_s: None,
            },
            marks: vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::synthetic::{machine, method, point};
    use super::*;

    /// The marks of a point of a machine of four CPUs on two cores, as kinds and evidence.
    fn marks_of(point: &Point, around: Around) -> Vec<(MarkKind, String)> {
        let marks = marks(point, &method(), &machine(4, 2), &around);
        marks.into_iter().map(|mark| (mark.kind, mark.evidence)).collect()
    }

    /// The only mark, and what its evidence says.
    fn is_marked(point: &Point, around: Around, kind: MarkKind, said: &[&str]) {
        let marks = marks_of(point, around);
        assert_eq!(marks.iter().map(|mark| mark.0).collect::<Vec<_>>(), [kind]);
        assert!(said.iter().all(|said| marks[0].1.contains(said)), "{}", marks[0].1);
    }

    #[test]
    fn what_nothing_disturbs_is_not_marked() {
        assert_eq!(marks_of(&point(1), Around::default()), []);
        assert_eq!(marks_of(&point(2), Around::new(Some(2.0), [&point(1), &point(2)])), []);
    }

    #[test]
    fn more_workers_than_cpus() {
        let kinds: Vec<_> = marks_of(&point(5), Around::default()).into_iter().collect();
        assert_eq!(kinds[0].0, MarkKind::Oversubscribed);
        assert_eq!(kinds[0].1, "5 workers take turns on 4 CPUs: ask for at most 4");
        assert_eq!(kinds[1].0, MarkKind::SharedCores);
        // Where each CPU is a core, there is nothing more to say.
        let marks = marks(&point(5), &method(), &machine(4, 4), &Around::default());
        assert_eq!(marks.len(), 1);
    }

    #[test]
    fn more_workers_than_a_quota_allows() {
        let quota = |cpus| Around { quota_cpus: Some(cpus), ..Around::default() };
        let said = ["2 workers", "1.50 CPUs", "at most 1"];
        is_marked(&point(2), quota(1.5), MarkKind::Oversubscribed, &said);
        assert_eq!(marks_of(&point(1), quota(1.5)), []);
        is_marked(&point(1), quota(0.5), MarkKind::Oversubscribed, &["at most 1"]);
    }

    #[test]
    fn more_workers_than_cores() {
        let said = ["3 workers on 2 physical cores"];
        is_marked(&point(3), Around::default(), MarkKind::SharedCores, &said);
    }

    #[test]
    fn wide_intervals() {
        let mut noisy = point(1);
        noisy.time_s.high = 0.27;
        let said = ["20 samples", "8.5 %", "2.0 %"];
        is_marked(&noisy, Around::default(), MarkKind::Noisy, &said);
        noisy.time_s = noisy.time_s.times(0.0);
        assert_eq!(marks_of(&noisy, Around::default()).len(), 1, "no time at all");
    }

    #[test]
    fn stolen_time_is_told_from_chance() {
        let mut stolen = point(2);
        stolen.conditions.stolen = 0.03;
        let said = ["3.0 %", "0.30 s in 5.00 s on 2 of them", "10 ms"];
        is_marked(&stolen, Around::default(), MarkKind::Disturbed, &said);
        // A tenth of 50 ms is a tick of 10 ms on two CPUs.
        (stolen.conditions.measured_s, stolen.conditions.stolen) = (0.05, 0.1);
        assert_eq!(marks_of(&stolen, Around::default()), []);
        (stolen.conditions.measured_s, stolen.conditions.stolen) = (5.0, 0.009);
        assert_eq!(marks_of(&stolen, Around::default()), []);
    }

    #[test]
    fn waits_for_others_are_told_from_waits_for_each_other() {
        let mut waited = point(2);
        waited.conditions.waited = Some(0.04);
        let said = ["4.0 %", "0.400 s in 5.00 s on 2 CPUs"];
        is_marked(&waited, Around::default(), MarkKind::Disturbed, &said);
        waited.workers = 8;
        let marks = marks_of(&waited, Around::default());
        assert!(marks.iter().all(|mark| mark.0 != MarkKind::Disturbed), "{marks:?}");
        waited.workers = 2;
        waited.conditions.measured_s = 0.01;
        assert_eq!(marks_of(&waited, Around::default()), [], "0.8 ms");
    }

    #[test]
    fn slowing_down() {
        let mut slowed = point(1);
        slowed.conditions.throttled = Some(7);
        is_marked(&slowed, Around::default(), MarkKind::Throttled, &["7 times to cool"]);
        let mut held = point(1);
        held.conditions.quota_held_s = Some(0.125);
        is_marked(&held, Around::default(), MarkKind::Throttled, &["0.125 s in 5.00 s"]);
        held.conditions.quota_held_s = Some(0.0);
        assert_eq!(marks_of(&held, Around::default()), []);
    }

    #[test]
    fn frequencies_that_fall() {
        let mut fast = point(1);
        fast.conditions.frequency_hz = Some([3.0e9, 3.5e9]);
        let slow = point(2);
        let around = Around::new(None, [&fast, &slow]);
        assert_eq!(around.frequency_hz_max, Some(3.5e9));
        let said = ["3.00 GHz at most", "3.50 GHz elsewhere"];
        is_marked(&slow, around, MarkKind::Throttled, &said);
        assert_eq!(marks_of(&fast, around), []);
        fast.conditions.frequency_hz = Some([1.0e9, 3.1e9]);
        assert_eq!(marks_of(&slow, Around::new(None, [&fast, &slow])), [], "3 % are no fall");
    }

    #[test]
    fn all_evidence_of_a_kind_is_one_mark() {
        let mut both = point(1);
        both.conditions.throttled = Some(2);
        both.conditions.quota_held_s = Some(1.0);
        both.conditions.stolen = 0.5;
        let marks = marks_of(&both, Around::default());
        let kinds: Vec<_> = marks.iter().map(|mark| mark.0).collect();
        assert_eq!(kinds, [MarkKind::Disturbed, MarkKind::Throttled]);
        assert!(marks[1].1.contains("to cool") && marks[1].1.contains("; a cgroup's quota"));
    }
}
