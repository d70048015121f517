//! The schedule as signals, in the order of their times: what begins during a stop or a slow time
//! comes before that ends.

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
}

impl Agenda {
    pub(super) fn new(events: Schedule) -> Agenda {
        Agenda { events: events.peekable(), pending: BTreeMap::new(), numbered: 0 }
    }

    fn add(&mut self, event: Event) {
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
        while let Some(event) = self.events.next_if(|event| is_due(&self.pending, event)) {
            self.add(event);
        }
        self.pending.pop_first().map(|(_, signal)| signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_come_in_order_and_none_is_lost() {
        let events: Vec<Event> = Schedule::new(5, 40.0, 3).take(1000).collect();
        let end = events.last().unwrap().at;
        let mut expected: Vec<(Duration, usize)> = events
            .iter()
            .flat_map(|event| event.signals().map(|(at, _)| (at, event.rank)))
            .filter(|(at, _)| *at < end)
            .collect();
        expected.sort();
        let signals = Agenda::new(Schedule::new(5, 40.0, 3)).take_while(|signal| signal.at < end);
        let signals: Vec<Signal> = signals.collect();
        assert!(signals.is_sorted_by_key(|signal| signal.at));
        let mut got: Vec<_> = signals.iter().map(|signal| (signal.at, signal.rank)).collect();
        got.sort();
        assert_eq!(got, expected);
        let begun = signals.iter().filter_map(|signal| signal.begins);
        let acts = events.iter().filter(|event| event.at < end).map(|event| event.action);
        assert!(begun.eq(acts), "each begins once, in the order of the schedule");
    }
}
