//! How long the places of dead workers were empty: from a worker's death to the moment at which its
//! replacement was ready to work, which that notes itself.
//!
//! Two figures. A recovery is how long one start took, so it counts only if nobody disturbed that. A
//! vacancy is how long the place was empty in all, however many died or were stopped there as they
//! started.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Of each that are kept until somebody takes them.
const KEPT: usize = 16 << 10;

/// Recoveries and vacancies since they were last taken. Ready words are those of the control block.
#[derive(Debug)]
pub(super) struct Recoveries(Mutex<State>);

#[derive(Debug)]
struct State {
    /// By rank.
    places: Vec<Place>,
    recoveries: Latest,
    vacancies: Latest,
}

/// A rank whose worker was not ready when last looked at.
#[derive(Debug, Clone, Default)]
struct Place {
    /// When the latest worker died, unless its replacement has been stopped.
    died_ns: Option<u64>,
    /// When the first one died.
    empty_since_ns: Option<u64>,
}

/// The latest times, the oldest first.
#[derive(Debug, Default)]
struct Latest(VecDeque<Duration>);

impl Recoveries {
    pub(super) fn new(workers: usize) -> Recoveries {
        let (recoveries, vacancies) = Default::default();
        let places = vec![Place::default(); workers];
        Recoveries(Mutex::new(State { places, recoveries, vacancies }))
    }

    /// The worker of a rank has died at that time and is reaped; its replacement is not started yet.
    pub(super) fn died(&self, rank: usize, at_ns: u64, ready_ns: &AtomicU64) {
        let mut state = self.lock();
        state.look(rank, ready_ns);
        let place = &mut state.places[rank];
        // Who died before it was ready leaves the place empty as it was, and to be filled anew.
        place.died_ns = Some(at_ns);
        place.empty_since_ns.get_or_insert(at_ns);
        ready_ns.store(0, Ordering::Relaxed);
    }

    /// The worker of a rank is stopped on purpose. If it was not ready yet, it says nothing of how
    /// long a start takes.
    pub(super) fn stopped(&self, rank: usize, ready_ns: &AtomicU64) {
        let mut state = self.lock();
        state.look(rank, ready_ns);
        state.places[rank].died_ns = None;
    }

    /// The recoveries since the last call.
    pub(super) fn take(&self, ready_ns: &[AtomicU64]) -> Vec<Duration> {
        self.looked_at(ready_ns).recoveries.take()
    }

    /// The vacancies since the last call.
    pub(super) fn take_vacancies(&self, ready_ns: &[AtomicU64]) -> Vec<Duration> {
        self.looked_at(ready_ns).vacancies.take()
    }

    fn looked_at(&self, ready_ns: &[AtomicU64]) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        for (rank, ready_ns) in (0..state.places.len()).zip(ready_ns) {
            state.look(rank, ready_ns);
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the replacement has been ready meanwhile.
    fn look(&mut self, rank: usize, ready_ns: &AtomicU64) {
        let ready_ns = ready_ns.load(Ordering::Relaxed);
        if ready_ns == 0 {
            return;
        }
        let Place { died_ns, empty_since_ns } = std::mem::take(&mut self.places[rank]);
        let since = |ns: u64| Duration::from_nanos(ready_ns.saturating_sub(ns));
        self.recoveries.push(died_ns.map(since));
        self.vacancies.push(empty_since_ns.map(since));
    }
}

impl Latest {
    fn push(&mut self, time: Option<Duration>) {
        self.0.extend(time);
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    fn take(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NS: fn(u64) -> Duration = Duration::from_nanos;

    #[test]
    fn a_recovery_is_from_its_own_death_and_a_vacancy_from_the_first() {
        let recoveries = Recoveries::new(1);
        let ready_ns = [AtomicU64::new(5)];
        let is_ready = |at| ready_ns[0].store(at, Ordering::Relaxed);
        assert_eq!(recoveries.take(&ready_ns), [], "it has never died");
        recoveries.died(0, 100, &ready_ns[0]);
        recoveries.died(0, 200, &ready_ns[0]);
        is_ready(230);
        recoveries.died(0, 300, &ready_ns[0]);
        is_ready(340);
        assert_eq!(recoveries.take(&ready_ns), [30, 40].map(NS));
        assert_eq!(recoveries.take_vacancies(&ready_ns), [130, 40].map(NS));
        assert_eq!(recoveries.take(&ready_ns), []);
        recoveries.died(0, 400, &ready_ns[0]);
        recoveries.stopped(0, &ready_ns[0]);
        is_ready(900);
        assert_eq!(recoveries.take(&ready_ns), [], "it was stopped while it started");
        assert_eq!(recoveries.take_vacancies(&ready_ns), [500].map(NS), "the place was empty");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let recoveries = Recoveries::new(1);
        let ready_ns = [AtomicU64::new(0)];
        for time in 1..=KEPT as u64 + 10 {
            recoveries.died(0, 0, &ready_ns[0]);
            ready_ns[0].store(time, Ordering::Relaxed);
        }
        let times = recoveries.take(&ready_ns);
        assert_eq!((times.len(), times[0]), (KEPT, NS(11)));
        assert_eq!(recoveries.take_vacancies(&ready_ns), times);
    }
}
