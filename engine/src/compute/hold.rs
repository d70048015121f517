//! A chunk that is to be run alone, in the foreground: whoever comes to it says so and waits until it
//! may go on. Steps before that chunk's are run as always; of its own step no other chunk is run.
//!
//! The words are looked at only in a plan that is also marked as cancelled, so they cost nothing
//! otherwise.

use crate::memory::Shareable;
use std::sync::atomic::{AtomicU64, Ordering};

/// The words: written by the coordinator before the plan is issued, the state also by the worker.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct HoldWords {
    plan: AtomicU64,
    serial: AtomicU64,
    chunk: AtomicU64,
    /// One of the states; in the higher bits the rank of the worker that came to the chunk.
    state: AtomicU64,
}

// SAFETY: nothing but atomics.
unsafe impl Shareable for HoldWords {}

const STATE_BITS: u32 = 8;
const ARMED: u64 = 1;
const REACHED: u64 = 2;
const RELEASED: u64 = 3;
const RETURNED: u64 = 4;

/// What a chunk is to a held one of its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// It belongs to another step.
    OtherStep,
    /// It belongs to the same step.
    Neighbour,
    Held,
}

impl HoldWords {
    /// Holds this chunk of the step with this serial.
    pub(crate) fn arm(&self, plan: u64, serial: u64, chunk: usize) {
        self.serial.store(serial, Ordering::Relaxed);
        self.chunk.store(chunk as u64, Ordering::Relaxed);
        self.state.store(ARMED, Ordering::Relaxed);
        self.plan.store(plan, Ordering::Release);
    }

    /// Whether a chunk of this plan is held.
    pub(crate) fn is_of(&self, plan: u64) -> bool {
        self.plan.load(Ordering::Acquire) == plan
    }

    /// What a chunk of this plan is; none if none of the plan is held.
    pub(crate) fn part(&self, plan: u64, serial: u64, chunk: usize) -> Option<Part> {
        let same = |word: &AtomicU64, value: u64| word.load(Ordering::Relaxed) == value;
        self.is_of(plan).then(|| {
            match (same(&self.serial, serial), same(&self.chunk, chunk as u64)) {
                (false, _) => Part::OtherStep,
                (true, false) => Part::Neighbour,
                (true, true) => Part::Held,
            }
        })
    }

    /// The worker has come to the chunk; false if somebody has before.
    pub(crate) fn reach(&self, rank: usize) -> bool {
        let reached = (rank as u64) << STATE_BITS | REACHED;
        let order = Ordering::AcqRel;
        self.state.compare_exchange(ARMED, reached, order, Ordering::Relaxed).is_ok()
    }

    /// The worker that has come to the chunk, once one has.
    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn reached(&self) -> Option<usize> {
        let state = self.state.load(Ordering::Acquire);
        (Self::state(state) >= REACHED).then_some((state >> STATE_BITS) as usize)
    }

    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn release(&self) {
        self.set(RELEASED);
    }

    pub(crate) fn is_released(&self) -> bool {
        Self::state(self.state.load(Ordering::Acquire)) >= RELEASED
    }

    /// The chunk has been run to its end, by whatever way.
    pub(crate) fn set_returned(&self) {
        self.set(RETURNED);
    }

    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn has_returned(&self) -> bool {
        Self::state(self.state.load(Ordering::Acquire)) == RETURNED
    }

    fn state(word: u64) -> u64 {
        word & ((1 << STATE_BITS) - 1)
    }

    fn set(&self, state: u64) {
        let rank = self.state.load(Ordering::Relaxed) >> STATE_BITS;
        self.state.store(rank << STATE_BITS | state, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_alone_comes_to_the_chunk() {
        let hold = HoldWords {
            plan: AtomicU64::new(0),
            serial: AtomicU64::new(0),
            chunk: AtomicU64::new(0),
            state: AtomicU64::new(0),
        };
        assert_eq!((hold.part(3, 9, 5), hold.reached()), (None, None));
        hold.arm(3, 9, 5);
        let parts = [(8, 5), (9, 4), (9, 5)].map(|(serial, chunk)| hold.part(3, serial, chunk));
        assert_eq!(parts, [Part::OtherStep, Part::Neighbour, Part::Held].map(Some));
        assert_eq!(hold.part(4, 9, 5), None);
        assert!(hold.reached().is_none() && hold.reach(7) && !hold.reach(2));
        assert!(hold.reached() == Some(7) && !hold.is_released());
        hold.release();
        assert!(hold.is_released() && !hold.has_returned() && !hold.reach(2));
        hold.set_returned();
        assert!(hold.has_returned() && hold.reached() == Some(7));
    }
}
