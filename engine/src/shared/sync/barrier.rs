//! A barrier: one word, of which each exchange is a whole step.
//!
//! | bits | what |
//! |---|---|
//! | 0 to 14 | how many have arrived in this generation |
//! | 15 | whether it is broken |
//! | 16 to 31 | of the last 16 generations, whether each was passed (else it was reset); the last lowest |
//! | 32 to 63 | generation |
//!
//! Whoever arrives last begins the next generation with the same exchange, so nobody can die between the
//! two. Who waits has passed when its own generation is over and was passed, even if the barrier broke
//! since: the history tells. (Who is stopped while 16 others go by counts as having passed.)

use crate::memory::Shareable;
use crate::shared::exchange::{Gate, wait};
use crate::shared::protocol::Line;
use std::convert::Infallible;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::time::Instant;

/// The most that can wait at a barrier.
pub(crate) const PARTIES_MAX: usize = (1 << 15) - 1;
const ARRIVED: u64 = PARTIES_MAX as u64;
const BROKEN: u64 = 1 << 15;
const HISTORY_SHIFT: u32 = 16;
const HISTORY: u32 = 16;

/// See the module.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Barrier {
    state: Line<AtomicU64>,
    gate: Gate,
}

// SAFETY: nothing but atomics, a gate and padding.
unsafe impl Shareable for Barrier {}

/// An arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// So many were there before, in this generation: wait for the others.
    Waits {
        index: usize,
        generation: u32,
    },
    /// It was the last.
    Passed {
        index: usize,
    },
    Broken,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Passed,
    /// Or reset.
    Broken,
    TimedOut,
}

fn generation(state: u64) -> u32 {
    (state >> 32) as u32
}

/// The state that begins the next generation.
fn next(state: u64, was_passed: bool) -> u64 {
    let history = state >> HISTORY_SHIFT << 1 | u64::from(was_passed);
    let history = history & ((1 << HISTORY) - 1);
    u64::from(generation(state).wrapping_add(1)) << 32 | history << HISTORY_SHIFT
}

impl Barrier {
    fn update(&self, change: impl Fn(u64) -> Option<u64>) -> Result<u64, u64> {
        self.state.0.fetch_update(AcqRel, Acquire, change)
    }

    /// Arrives, as one of so many.
    pub(crate) fn enter(&self, parties: usize) -> Entry {
        let arrive = |state: u64| match state {
            _ if state & BROKEN != 0 => None,
            _ if (state & ARRIVED) as usize + 1 >= parties => Some(next(state, true)),
            _ => Some(state + 1),
        };
        let Ok(state) = self.update(arrive) else { return Entry::Broken };
        let index = (state & ARRIVED) as usize;
        if index + 1 >= parties {
            self.gate.wake_all();
            return Entry::Passed { index };
        }
        Entry::Waits { index, generation: generation(state) }
    }

    /// How the wait in a generation has ended, if it has.
    fn ended(&self, entered: u32) -> Option<Ended> {
        let state = self.state.0.load(Acquire);
        let since = generation(state).wrapping_sub(entered);
        let passed = |since: u32| state >> (HISTORY_SHIFT + since - 1) & 1 != 0;
        match since {
            0 if state & BROKEN == 0 => None,
            0 => Some(Ended::Broken),
            1..=HISTORY if !passed(since) => Some(Ended::Broken),
            _ => Some(Ended::Passed),
        }
    }

    /// Waits for the others; breaks the barrier if the time is up before.
    pub(crate) fn wait(&self, entered: u32, until: Option<Instant>) -> Ended {
        let Ok(ended) = wait(&self.gate, until, || Ok::<_, Infallible>(self.ended(entered)));
        ended.unwrap_or_else(|| {
            let is_here = |state: u64| generation(state) == entered && state & BROKEN == 0;
            match self.update(|state| is_here(state).then_some(state | BROKEN)) {
                Ok(_) => {
                    self.gate.wake_all();
                    Ended::TimedOut
                }
                Err(_) => self.ended(entered).unwrap_or(Ended::TimedOut),
            }
        })
    }

    /// Breaks it: all that wait, and come, are told.
    pub(crate) fn abort(&self) {
        self.state.0.fetch_or(BROKEN, AcqRel);
        self.gate.wake_all();
    }

    /// Makes it new; those that wait are told that it was broken.
    pub(crate) fn reset(&self) {
        let is_new = |state: u64| state & (ARRIVED | BROKEN) == 0;
        let _ = self.update(|state| (!is_new(state)).then(|| next(state, false)));
        self.gate.wake_all();
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.state.0.load(Acquire) & BROKEN != 0
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        let state = self.state.0.load(Relaxed);
        if state & BROKEN == 0 { (state & ARRIVED) as usize } else { 0 }
    }

    /// After a participant's end, which may have been one that the others wait for.
    pub(crate) fn bury(&self, is_missed: bool) {
        if is_missed {
            self.state.0.fetch_or(BROKEN, AcqRel);
        }
        self.gate.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{ARRAYS, Region};

    fn waits(index: usize, generation: u32) -> Entry {
        Entry::Waits { index, generation }
    }

    #[test]
    fn the_last_to_arrive_lets_all_pass_even_if_it_breaks_then() {
        let region = Region::create(8 << 20).unwrap();
        let barrier = region.at::<Barrier>(ARRAYS);
        assert_eq!([barrier.enter(3), barrier.enter(3)], [waits(0, 0), waits(1, 0)]);
        assert_eq!((barrier.ended(0), barrier.waiting()), (None, 2));
        assert_eq!(barrier.enter(3), Entry::Passed { index: 2 });
        barrier.abort();
        assert_eq!(
            (barrier.ended(0), barrier.ended(1)),
            (Some(Ended::Passed), Some(Ended::Broken))
        );
        assert_eq!(barrier.enter(3), Entry::Broken);
    }

    #[test]
    fn a_reset_breaks_the_waits_that_had_begun_and_no_others() {
        let region = Region::create(8 << 20).unwrap();
        let barrier = region.at::<Barrier>(ARRAYS);
        barrier.reset();
        assert_eq!(barrier.enter(2), waits(0, 0), "nothing was to be reset");
        assert_eq!(barrier.enter(2), Entry::Passed { index: 1 });
        assert_eq!(barrier.enter(2), waits(0, 1));
        barrier.reset();
        assert_eq!(barrier.enter(2), waits(0, 2));
        let ended = |since| barrier.ended(since);
        assert_eq!(
            [ended(0), ended(1), ended(2)],
            [Some(Ended::Passed), Some(Ended::Broken), None]
        );
        for _ in 2..15 {
            barrier.enter(1);
        }
        assert_eq!([ended(0), ended(1)], [Some(Ended::Passed), Some(Ended::Broken)]);
    }

    #[test]
    fn a_death_breaks_it_for_those_that_wait_and_come() {
        let region = Region::create(8 << 20).unwrap();
        let barrier = region.at::<Barrier>(ARRAYS);
        barrier.enter(2);
        barrier.bury(false);
        assert_eq!(barrier.ended(0), None);
        barrier.bury(true);
        assert_eq!(barrier.wait(0, None), Ended::Broken);
        assert_eq!((barrier.enter(2), barrier.waiting()), (Entry::Broken, 0));
        barrier.reset();
        assert!(!barrier.is_broken());
    }

    #[test]
    fn a_wait_that_times_out_breaks_it() {
        let region = Region::create(8 << 20).unwrap();
        let barrier = region.at::<Barrier>(ARRAYS);
        assert_eq!(barrier.enter(2), waits(0, 0));
        assert_eq!(barrier.wait(0, Some(Instant::now())), Ended::TimedOut);
        assert!(barrier.is_broken());
    }
}
