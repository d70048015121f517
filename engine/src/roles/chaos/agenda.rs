//! The schedule as signals, in the order of their times: what begins during a stop or a slow time
//! comes before that ends. A stopped worker stands until its stop is over, whatever else happens to its
//! rank meanwhile.

use super::super::watch::Disturbance;
use super::schedule::{Action, Event, Schedule};
use std::collections::BTreeMap;
use std::time::Duration;

/// A signal that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signal {
    /// Since the begin.
    pub(super) at: Duration,
    pub(super) rank: usize,
    pub(super) disturbance: Disturbance,
    /// What it begins, if it is the first of it.
    pub(super) begins: Option<Action>,
}

/// The signals, without end.
#[derive(Debug)]
pub(super) struct Agenda {
    events: std::iter::Peekable<Schedule>,
    /// By time, and by number among those of one time.
    pending: BTreeMap<(Duration, u64), Signal>,
    numbered: u64,
    /// By rank, when its worker may go on at the earliest. A slow time is no stop here: where two
    /// overlap, each lets the worker go on, or it would stand for as long as they do.
    stands_until: BTreeMap<usize, Duration>,
}

impl Agenda {
    pub(super) fn new(events: Schedule) -> Agenda {
        let (pending, stands_until) = Default::default();
        Agenda { events: events.peekable(), pending, numbered: 0, stands_until }
    }

    fn add(&mut self, event: Event) {
        let until = self.stands_until.entry(event.rank).or_default();
        match event.action {
            Action::Stop(time) => *until = (event.at + time).max(*until),
            // Its replacement is not stopped.
            Action::Kill => *until = Duration::ZERO,
            Action::Slow(_) => {}
        }
        let mut begins = Some(event.action);
        for (at, disturbance) in event.signals() {
            let signal = Signal { at, rank: event.rank, disturbance, begins: begins.take() };
            self.pending.insert((at, self.numbered), signal);
            self.numbered += 1;
        }
    }
}

impl Iterator for Agenda {
    type Item = Signal;

    fn next(&mut self) -> Option<Signal> {
        let is_due = |pending: &BTreeMap<(Duration, u64), Signal>, event: &Event| {
            pending.first_key_value().is_none_or(|((at, _), _)| event.at <= *at)
        };
        loop {
            while let Some(event) = self.events.next_if(|event| is_due(&self.pending, event)) {
                self.add(event);
            }
            let (_, signal) = self.pending.pop_first()?;
            let goes_on = signal.disturbance == Disturbance::Continue;
            if !(goes_on && signal.at < self.stands_until[&signal.rank]) {
                return Some(signal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 40.0;
    const WORKERS: usize = 3;
    /// Halts of a slow time are no longer.
    const SLOW_HALT: Duration = Duration::from_millis(1);

    /// Events of two minutes and more, and the signals until the last of them begins.
    fn events_and_signals(seed: u64) -> (Vec<Event>, Vec<Signal>) {
        let schedule = || Schedule::new(seed, RATE, WORKERS);
        let events: Vec<Event> = schedule().take(10_000).collect();
        let end = events.last().unwrap().at;
        (events, Agenda::new(schedule()).take_while(|signal| signal.at < end).collect())
    }

    #[test]
    fn signals_come_in_order_and_none_that_disturbs_is_lost() {
        let (events, signals) = events_and_signals(5);
        let end = events.last().unwrap().at;
        assert!(signals.is_sorted_by_key(|signal| signal.at));
        let disturbs = |disturbance| disturbance != Disturbance::Continue;
        let mut expected: Vec<(Duration, usize)> = events
            .iter()
            .flat_map(|event| {
                event.signals().map(|(at, disturbance)| (at, event.rank, disturbance))
            })
            .filter(|(at, _, disturbance)| *at < end && disturbs(*disturbance))
            .map(|(at, rank, _)| (at, rank))
            .collect();
        expected.sort();
        let got = signals.iter().filter(|signal| disturbs(signal.disturbance));
        let mut got: Vec<_> = got.map(|signal| (signal.at, signal.rank)).collect();
        got.sort();
        assert_eq!(got, expected);
        let begun = signals.iter().filter_map(|signal| signal.begins);
        let acts = events.iter().filter(|event| event.at < end).map(|event| event.action);
        assert!(begun.eq(acts), "each begins once, in the order of the schedule");
    }

    #[test]
    fn a_stopped_worker_stands_until_its_stop_is_over_and_then_goes_on() {
        let (_, signals) = events_and_signals(6);
        // By rank, the end of the stop that its worker is in, and whether it stands.
        let mut ranks = [(Duration::ZERO, false); WORKERS];
        let mut overlaps = 0;
        for Signal { at, rank, disturbance, begins } in signals {
            let overdue = |&(until, stands): &(Duration, bool)| stands && at > until + SLOW_HALT;
            assert!(!ranks.iter().any(overdue), "at {at:?} somebody is left stopped: {ranks:?}");
            let (until, stands) = &mut ranks[rank];
            match disturbance {
                Disturbance::Kill => (*until, *stands) = (Duration::ZERO, false),
                Disturbance::Stop => {
                    overlaps += u32::from(at < *until);
                    (*until, *stands) = (at.max(*until), true);
                }
                Disturbance::Continue => {
                    assert!(at >= *until, "at {at:?} worker {rank} is to stand until {until:?}");
                    *stands = false;
                }
            }
            if let Some(Action::Stop(time)) = begins {
                *until = (at + time).max(*until);
            }
        }
        assert!(overlaps > 100, "{overlaps}");
    }
}
