//! The ring of slots: who may write which, and which message is next.

use super::Broken;
use super::state::{Phase, Places, State};
use crate::memory::Shareable;
use crate::shared::protocol::{Atomics, Hardware, Line, Word64};
use crate::shared::seat::Seat;
use std::marker::PhantomData;
use std::sync::atomic::Ordering::Acquire;

/// Where the ring's ends are.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Ends<A: Atomics> {
    /// The next position to be claimed, or one that is claimed already.
    tail: Line<A::U64>,
    /// All positions before it are over.
    head: Line<A::U64>,
}

// SAFETY: nothing but atomics and padding.
unsafe impl Shareable for Ends<Hardware> {}

/// The ring, by its words.
#[derive(Debug)]
pub(crate) struct Ring<'r, A: Atomics, P> {
    ends: &'r Ends<A>,
    slots: &'r P,
    /// Of positions the low bits are the slot's index, the others count laps.
    index_mask: u64,
    atomics: PhantomData<A>,
}

/// What a look from the head on meets first.
struct Sight {
    filled: Option<u64>,
    /// Something before it is being filled, taken or emptied.
    past_busy: bool,
}

impl<'r, A: Atomics, P: Places<A>> Ring<'r, A, P> {
    pub(crate) fn over(ends: &'r Ends<A>, slots: &'r P) -> Ring<'r, A, P> {
        let index_mask = (slots.len().max(1).next_power_of_two() - 1) as u64;
        Ring { ends, slots, index_mask, atomics: PhantomData }
    }

    /// Makes zeroed words those of an empty ring.
    pub(crate) fn begin(&self) {
        (0..self.slots.len()).for_each(|slot| self.slots.set(slot, State::free(slot as u64)));
    }

    /// The slot of a position.
    pub(crate) fn index(&self, position: u64) -> usize {
        (position & self.index_mask) as usize
    }

    fn next(&self, position: u64) -> u64 {
        if self.index(position) + 1 < self.slots.len() {
            position + 1
        } else {
            (position | self.index_mask) + 1
        }
    }

    /// The state that a slot is in once this position is over.
    pub(crate) fn after(&self, position: u64) -> State {
        State::free(position + self.index_mask + 1)
    }

    fn state(&self, position: u64) -> Result<State, Broken> {
        self.slots.state(self.index(position))
    }

    /// Claims the next position; none if its slot is not free: the ring is full.
    pub(crate) fn claim(&self, seat: Seat) -> Result<Option<u64>, Broken> {
        loop {
            let position = self.ends.tail.0.load(Acquire);
            let state = self.state(position)?;
            let is_free = state == State::free(position);
            if !is_free && state.position < position {
                return Ok(None);
            }
            let filling = State::owned(Phase::Filling, seat, position);
            let index = self.index(position);
            let is_claimed = is_free && self.slots.exchange(index, State::free(position), filling);
            // Whoever claimed it, the tail moves on, before that message can be seen.
            self.ends.tail.0.exchange(position, self.next(position));
            if is_claimed {
                return Ok(Some(position));
            }
        }
    }

    /// The message of a claimed position is written.
    pub(crate) fn fill(&self, position: u64) {
        self.slots.set(self.index(position), State::filled(position));
    }

    /// A position that this seat owns is over: read, or given up.
    pub(crate) fn release(&self, position: u64) {
        self.slots.set(self.index(position), self.after(position));
    }

    /// The message has been read; its pages are to be freed before the slot is.
    pub(crate) fn empty(&self, seat: Seat, position: u64) {
        let emptying = State::owned(Phase::Emptying, seat, position);
        self.slots.set(self.index(position), emptying);
    }

    /// Takes the first message; none if there is none, or what there is is being filled.
    pub(crate) fn take(&self, seat: Seat) -> Result<Option<u64>, Broken> {
        let mut seen = None;
        loop {
            let sight = self.look()?;
            let Some(position) = sight.filled else { return Ok(None) };
            let is_first = !sight.past_busy || seen == Some(position);
            if is_first && self.withdraw(seat, position) {
                return Ok(Some(position));
            }
            seen = Some(position);
        }
    }

    /// Takes this message, if nobody else has.
    pub(crate) fn withdraw(&self, seat: Seat, position: u64) -> bool {
        let taken = State::owned(Phase::Taken, seat, position);
        self.slots.exchange(self.index(position), State::filled(position), taken)
    }

    /// Whether a message can be taken, or is being filled or read.
    pub(crate) fn has_any(&self) -> Result<bool, Broken> {
        self.look().map(|sight| sight.filled.is_some() || sight.past_busy)
    }

    /// Whether a message can be taken.
    pub(crate) fn is_empty(&self) -> Result<bool, Broken> {
        self.look().map(|sight| sight.filled.is_none())
    }

    /// Whether the next position's slot is not free.
    pub(crate) fn is_full(&self) -> Result<bool, Broken> {
        loop {
            let position = self.tail();
            let state = self.state(position)?;
            if state.position <= position {
                return Ok(state != State::free(position));
            }
            self.ends.tail.0.exchange(position, self.next(position));
        }
    }

    /// How many messages are in one of these phases.
    pub(crate) fn count(&self, phases: &[Phase]) -> Result<usize, Broken> {
        let mut count = 0;
        self.walk(|_, state| {
            count += usize::from(phases.contains(&state.phase));
            true
        })?;
        Ok(count)
    }

    /// Changes with every message that is put.
    pub(crate) fn tail(&self) -> u64 {
        self.ends.tail.0.load(Acquire)
    }

    /// What is first.
    fn look(&self) -> Result<Sight, Broken> {
        loop {
            let mut sight = Sight { filled: None, past_busy: false };
            let head = self.walk(|position, state| {
                if state.phase == Phase::Filled {
                    sight.filled = Some(position);
                    return false;
                }
                sight.past_busy = true;
                true
            })?;
            // Having gone all round, it may have met nothing because all moved on meanwhile.
            if sight.filled.is_some() || sight.past_busy || self.ends.head.0.load(Acquire) == head {
                return Ok(sight);
            }
        }
    }

    /// Visits the positions that are claimed and not over, in order, as long as it is told to go on.
    /// Moves the head past what is over, and gives where it was then.
    fn walk(&self, mut visit: impl FnMut(u64, State) -> bool) -> Result<u64, Broken> {
        let head = self.pass()?;
        let mut position = head;
        for _ in 0..self.slots.len() {
            let state = self.state(position)?;
            let is_end = state.position < position || state == State::free(position);
            if is_end || state.position == position && !visit(position, state) {
                break;
            }
            position = self.next(position);
        }
        Ok(head)
    }

    /// Moves the head past what is over; gives where it is.
    fn pass(&self) -> Result<u64, Broken> {
        loop {
            let head = self.ends.head.0.load(Acquire);
            if self.state(head)?.position <= head {
                return Ok(head);
            }
            self.ends.head.0.exchange(head, self.next(head));
        }
    }
}
