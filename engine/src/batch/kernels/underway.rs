//! How far a step's operations are, and how long they have computed.
//!
//! Launches that only make room for a result, and waiting for other launches, are not theirs.

use crate::memory::RawArray;
use crate::roles::Progress;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a step's thread says of itself to the one that shows it.
#[derive(Debug, Default)]
pub(crate) struct Underway {
    /// Operations that are done.
    done: AtomicU64,
    /// Steps at most of the operation that the engine runs now; 0 if it runs none.
    steps: AtomicU64,
    nanoseconds: AtomicU64,
    /// The result of a run of which chunks were set aside; nothing is known of their elements.
    partial: Mutex<Option<RawArray>>,
}

impl Underway {
    /// Times an operation of at most `steps` steps, and says meanwhile that it runs.
    pub(crate) fn during<T>(&self, steps: u64, launch: impl FnOnce() -> T) -> T {
        self.steps.store(steps.max(1), Ordering::Release);
        let started = Instant::now();
        let value = launch();
        let took = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(took, Ordering::Relaxed);
        self.steps.store(0, Ordering::Release);
        self.done.fetch_add(1, Ordering::Release);
        value
    }

    /// Keeps the result of a run that did not come to a good end, if all else of it is there.
    pub(super) fn keep_partial(&self, array: RawArray) {
        *self.partial.lock().unwrap_or_else(PoisonError::into_inner) = Some(array);
    }

    /// Takes what was kept.
    pub(crate) fn take_partial(&self) -> Option<RawArray> {
        self.partial.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How many operations are done, the present one in part, if the engine is so far with it.
    pub(crate) fn part(&self, progress: Option<Progress>) -> f64 {
        let (done, steps) = (self.done.load(Ordering::Acquire), self.steps.load(Ordering::Acquire));
        let part = match progress.filter(|_| steps > 0) {
            Some(now) => now.steps as f64 + now.done as f64 / now.chunks.max(1) as f64,
            None => 0.0,
        };
        done as f64 + (part / steps.max(1) as f64).min(1.0)
    }

    /// How long the operations took.
    pub(crate) fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Launches that make an array present are none of the step's.
    #[test]
    fn only_the_operation_itself_counts() {
        let some = || Some(Progress { done: 5, chunks: 10, steps: 2 });
        let underway = Underway::default();
        assert_eq!(underway.part(some()), 0.0);
        underway.during(4, || assert_eq!(underway.part(some()), (2.0 + 0.5) / 4.0));
        assert_eq!(underway.part(some()), 1.0);
        underway.during(1, || assert_eq!(underway.part(some()), 2.0));
        assert_eq!(underway.part(None), 2.0);
        assert!(underway.seconds() > 0.0);
    }
}
