//! Watches what happens on the CPUs of a point while it is measured.

use super::results::Conditions;
use crate::machine::{Disturbance, Gauges, Readings, TICK_S};
use std::time::Duration;

/// Fewer ticks than these are no evidence of stolen time: one may have been due all along, and
/// counted just when we looked.
const TICKS_MIN: f64 = 3.0;

/// Watches the samples of one point.
#[derive(Debug)]
pub(crate) struct Watch {
    gauges: Gauges,
    /// CPUs, each once.
    cpus: usize,
    workers: usize,
    before: Readings,
    disturbance: Disturbance,
    measured_s: f64,
}

impl Watch {
    /// For workers that are pinned to `cpus`, one for each worker in their order, so that CPUs may
    /// repeat; and whose processes are `pids`: one for each worker, or the one whose threads they
    /// are.
    pub(crate) fn new(cpus: &[usize], pids: &[u32]) -> Watch {
        let mut distinct = cpus.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        Watch {
            gauges: Gauges::here(&distinct, pids),
            cpus: distinct.len(),
            workers: cpus.len(),
            before: Readings::default(),
            disturbance: Disturbance::default(),
            measured_s: 0.0,
        }
    }

    /// Before a sample, outside of what is timed.
    pub(crate) fn begin(&mut self) {
        self.before = self.gauges.read(false);
    }

    /// After a sample that took so long.
    ///
    /// Linux counts stolen time in ticks of 10 ms, so a single short sample tells little of it;
    /// over many the ticks add up to what was stolen, as each is counted in one of them or between.
    pub(crate) fn end(&mut self, elapsed: Duration) {
        let since = self.gauges.read(true).since(&self.before);
        self.disturbance = std::mem::take(&mut self.disturbance).and(since);
        self.measured_s += elapsed.as_secs_f64();
    }

    /// What happened over all samples until now.
    pub(crate) fn conditions(&self) -> Conditions {
        let Disturbance { stolen_s, waited_s, frequency_hz, throttled, quota_held_s } =
            self.disturbance;
        Conditions {
            measured_s: self.measured_s,
            stolen: share(stolen_s.unwrap_or(0.0), self.measured_s, self.cpus),
            waited: waited_s.map(|waited_s| share(waited_s, self.measured_s, self.workers)),
            frequency_hz,
            throttled,
            quota_held_s,
        }
    }
}

/// A time as a part of what so many have had.
fn share(time_s: f64, measured_s: f64, of: usize) -> f64 {
    let all_s = measured_s * of as f64;
    // The readings surround what was timed, so they can have counted a little more.
    if all_s > 0.0 { (time_s / all_s).min(1.0) } else { 0.0 }
}

/// The least part of the time of so many CPUs that is evidence when it was stolen: below it there
/// were too few ticks to tell from chance. In 50 ms on one CPU nothing is.
pub(crate) fn stolen_resolution(conditions: &Conditions, cpus: usize) -> f64 {
    TICKS_MIN * TICK_S / (conditions.measured_s * cpus.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch_of(cpus: &[usize], disturbance: Disturbance, measured_s: f64) -> Watch {
        Watch { disturbance, measured_s, ..Watch::new(cpus, &[]) }
    }

    #[test]
    fn times_become_shares() {
        let disturbance = Disturbance {
            stolen_s: Some(0.1),
            waited_s: Some(0.1),
            throttled: Some(3),
            ..Disturbance::default()
        };
        // Four workers on two CPUs.
        let conditions = watch_of(&[0, 1, 0, 1], disturbance, 0.5).conditions();
        assert_eq!((conditions.stolen, conditions.waited), (0.1, Some(0.05)));
        assert_eq!((conditions.throttled, conditions.quota_held_s), (Some(3), None));
        assert_eq!(conditions.measured_s, 0.5);
    }

    #[test]
    fn nothing_measured_is_nothing_stolen() {
        let conditions = Watch::new(&[0], &[]).conditions();
        assert_eq!((conditions.stolen, conditions.waited), (0.0, None));
        let all = Disturbance { stolen_s: Some(2.0), ..Disturbance::default() };
        assert_eq!(watch_of(&[0], all, 1.0).conditions().stolen, 1.0);
    }

    #[test]
    fn what_was_measured_is_summed_over_samples() {
        let mut watch = Watch::new(&[0], &[std::process::id()]);
        for _ in 0..2 {
            watch.begin();
            watch.end(Duration::from_millis(250));
        }
        let conditions = watch.conditions();
        assert_eq!(conditions.measured_s, 0.5);
        assert!(conditions.stolen <= 1.0 && conditions.waited.is_none_or(|waited| waited <= 1.0));
    }

    #[test]
    fn a_tick_in_a_short_study_is_no_evidence() {
        let of = |measured_s| Conditions { measured_s, ..Conditions::default() };
        assert!(stolen_resolution(&of(0.05), 1) > 0.2);
        assert!(stolen_resolution(&of(5.0), 2) < 0.01);
        assert!(stolen_resolution(&of(0.0), 1).is_infinite());
    }
}
