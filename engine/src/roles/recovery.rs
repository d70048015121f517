//! How long the places of dead workers were empty: from a worker's death to the moment at which its
//! replacement was ready to work, which that notes itself.

use super::coordinator::Core;
use super::engine::Engine;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// Recoveries that are kept until somebody takes them.
const KEPT: usize = 16 << 10;

/// The recoveries since they were last taken.
#[derive(Debug, Default)]
pub(super) struct Recoveries {
    /// By rank, when the worker died whose replacement was not ready when last looked at.
    empty_since_ns: Vec<Option<u64>>,
    latest: VecDeque<Duration>,
}

impl Recoveries {
    pub(super) fn new(workers: usize) -> Recoveries {
        Recoveries { empty_since_ns: vec![None; workers], latest: VecDeque::new() }
    }

    /// The worker of a rank has died at that time and is reaped; its replacement is not started yet.
    fn died(&mut self, rank: usize, at_ns: u64, ready_ns: &AtomicU64) {
        self.look(rank, ready_ns);
        // A death before its replacement was ready is a death of its own: that one counts anew.
        self.empty_since_ns[rank] = Some(at_ns);
        ready_ns.store(0, Ordering::Relaxed);
    }

    /// The worker of a rank is stopped on purpose. If it was not ready yet, it says nothing of how
    /// long a start takes.
    fn stopped(&mut self, rank: usize, ready_ns: &AtomicU64) {
        self.look(rank, ready_ns);
        self.empty_since_ns[rank] = None;
    }

    /// Whether the replacement has been ready meanwhile.
    fn look(&mut self, rank: usize, ready_ns: &AtomicU64) {
        let ready_ns = ready_ns.load(Ordering::Relaxed);
        if ready_ns != 0
            && let Some(died_ns) = self.empty_since_ns[rank].take()
        {
            self.latest.truncate(KEPT - 1);
            self.latest.push_front(Duration::from_nanos(ready_ns.saturating_sub(died_ns)));
        }
    }
}

impl Core {
    pub(super) fn note_time_of_death(&self, rank: usize, at_ns: u64) {
        self.lock_recoveries().died(rank, at_ns, &self.control().ready_ns[rank]);
    }

    /// Chaos is about to stop the worker of a rank.
    pub(super) fn note_stop(&self, rank: usize) {
        self.lock_recoveries().stopped(rank, &self.control().ready_ns[rank]);
    }

    fn lock_recoveries(&self) -> MutexGuard<'_, Recoveries> {
        self.recoveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// How long it took from a worker's death until its replacement was ready to work, for each death
    /// since the last call, the oldest first; at most the latest 16,384. Deaths whose replacements
    /// died, or were stopped by [`chaos`](Engine::chaos), before they were ready are left out.
    ///
    /// The death is the moment of the kill where [`disturb`](Engine::disturb),
    /// [`chaos`](Engine::chaos) or the engine itself ended the worker, else the moment at which the
    /// engine noticed it.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// use gristmill::{Disturbance, Engine};
    ///
    /// let engine = Engine::builder().workers(1).build()?;
    /// engine.disturb(0, Disturbance::Kill);
    /// engine.sum(&engine.filled(1000, 1.0)?)?; // by the replacement, as there is nobody else
    /// println!("it was there after {:?}", engine.take_recoveries()[0]);
    /// # Ok(()) }
    /// ```
    pub fn take_recoveries(&self) -> Vec<Duration> {
        if self.core.refuse_other_processes().is_err() {
            return vec![];
        }
        let mut recoveries = self.core.lock_recoveries();
        let words = self.core.control().ready_ns.iter().enumerate();
        words.take(self.workers()).for_each(|(rank, ready_ns)| recoveries.look(rank, ready_ns));
        std::mem::take(&mut recoveries.latest).into_iter().rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_death_counts_from_its_own_time() {
        let mut recoveries = Recoveries::new(2);
        let ready_ns = AtomicU64::new(5);
        recoveries.look(0, &ready_ns);
        assert!(recoveries.latest.is_empty(), "it has never died");
        recoveries.died(0, 100, &ready_ns);
        recoveries.died(0, 200, &ready_ns);
        ready_ns.store(230, Ordering::Relaxed);
        recoveries.died(0, 300, &ready_ns);
        ready_ns.store(340, Ordering::Relaxed);
        recoveries.look(0, &ready_ns);
        recoveries.look(0, &ready_ns);
        assert_eq!(recoveries.latest, [40, 30].map(Duration::from_nanos));
        recoveries.died(0, 400, &ready_ns);
        recoveries.stopped(0, &ready_ns);
        ready_ns.store(900, Ordering::Relaxed);
        recoveries.look(0, &ready_ns);
        assert_eq!(recoveries.latest.len(), 2, "it was stopped while it started");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut recoveries = Recoveries::new(1);
        for time in 1..=KEPT as u64 + 10 {
            recoveries.died(0, 0, &AtomicU64::new(0));
            recoveries.look(0, &AtomicU64::new(time));
        }
        assert_eq!(recoveries.latest.len(), KEPT);
        assert_eq!(recoveries.latest.back(), Some(&Duration::from_nanos(11)));
    }
}
