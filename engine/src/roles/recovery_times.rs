//! How long the places of dead workers were empty: from a worker's death to the moment at which its
//! replacement was ready to work, which that notes itself.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Recoveries that are kept until somebody takes them.
const KEPT: usize = 16 << 10;

/// The recoveries since they were last taken. Ready words are those of the control block.
#[derive(Debug)]
pub(super) struct Recoveries(Mutex<State>);

#[derive(Debug)]
struct State {
    /// By rank, when the worker died whose replacement was not ready when last looked at.
    empty_since_ns: Vec<Option<u64>>,
    latest: VecDeque<Duration>,
}

impl Recoveries {
    pub(super) fn new(workers: usize) -> Recoveries {
        let state = State { empty_since_ns: vec![None; workers], latest: VecDeque::new() };
        Recoveries(Mutex::new(state))
    }

    /// The worker of a rank has died at that time and is reaped; its replacement is not started yet.
    pub(super) fn died(&self, rank: usize, at_ns: u64, ready_ns: &AtomicU64) {
        let mut state = self.lock();
        state.look(rank, ready_ns);
        // Who died before it was ready leaves the place empty anew.
        state.empty_since_ns[rank] = Some(at_ns);
        ready_ns.store(0, Ordering::Relaxed);
    }

    /// The worker of a rank is stopped on purpose. If it was not ready yet, it says nothing of how
    /// long a start takes.
    pub(super) fn stopped(&self, rank: usize, ready_ns: &AtomicU64) {
        let mut state = self.lock();
        state.look(rank, ready_ns);
        state.empty_since_ns[rank] = None;
    }

    /// The recoveries since the last call, the oldest first.
    pub(super) fn take(&self, ready_ns: &[AtomicU64]) -> Vec<Duration> {
        let mut state = self.lock();
        for (rank, ready_ns) in (0..state.empty_since_ns.len()).zip(ready_ns) {
            state.look(rank, ready_ns);
        }
        std::mem::take(&mut state.latest).into()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the replacement has been ready meanwhile.
    fn look(&mut self, rank: usize, ready_ns: &AtomicU64) {
        let ready_ns = ready_ns.load(Ordering::Relaxed);
        if ready_ns != 0
            && let Some(died_ns) = self.empty_since_ns[rank].take()
        {
            if self.latest.len() == KEPT {
                self.latest.pop_front();
            }
            self.latest.push_back(Duration::from_nanos(ready_ns.saturating_sub(died_ns)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NS: fn(u64) -> Duration = Duration::from_nanos;

    #[test]
    fn each_death_counts_from_its_own_time() {
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
        assert_eq!(recoveries.take(&ready_ns), []);
        recoveries.died(0, 400, &ready_ns[0]);
        recoveries.stopped(0, &ready_ns[0]);
        is_ready(900);
        assert_eq!(recoveries.take(&ready_ns), [], "it was stopped while it started");
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
    }
}
