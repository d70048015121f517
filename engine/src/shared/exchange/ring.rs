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

impl<A: Atomics> Ends<A> {
    /// Of the given words, for the model.
    #[cfg(test)]
    pub(crate) fn with(zero: impl Fn() -> A::U64) -> Ends<A> {
        Ends { tail: Line(zero()), head: Line(zero()) }
    }
}

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

#[cfg(test)]
mod tests {
    use super::super::bury;
    use super::*;
    use std::collections::VecDeque;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    #[derive(Debug)]
    struct Words(Vec<AtomicU64>);

    impl Places<Hardware> for Words {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn word(&self, index: usize) -> &AtomicU64 {
            &self.0[index]
        }
    }

    fn with_ring(bound: usize, work: impl FnOnce(&Ring<'_, Hardware, Words>)) {
        let ends = Ends::with(|| AtomicU64::new(0));
        let slots = Words((0..bound).map(|_| AtomicU64::new(0)).collect());
        let ring = Ring::over(&ends, &slots);
        ring.begin();
        work(&ring);
    }

    /// Puts, gets, and seats left in the middle of either and buried later, at random: the ring is what
    /// a plain list would be, but that it may be full a little earlier after a death.
    #[test]
    fn it_is_a_list_also_after_deaths() {
        let (me, victim) = (Seat::COORDINATOR, Seat::of_worker(3));
        for bound in [1, 2, 3, 5, 8] {
            with_ring(bound, |ring| {
                let mut model = VecDeque::new();
                let mut random = bound as u64;
                for _ in 0..4000 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    match random >> 61 {
                        0..3 => {
                            let claimed = ring.claim(me).unwrap();
                            assert!(claimed.is_some() || !model.is_empty());
                            assert!(claimed.is_none() || model.len() < bound);
                            claimed.inspect(|&position| ring.fill(position));
                            model.extend(claimed);
                        }
                        3..6 => {
                            let taken = ring.take(me).unwrap();
                            assert_eq!(taken, model.pop_front());
                            taken.inspect(|&position| ring.release(position));
                        }
                        6 => _ = ring.claim(victim).unwrap(),
                        _ => assert_eq!(ring.take(victim).unwrap(), model.front().copied()),
                    }
                    let none = Words(vec![]);
                    bury((ring.slots, &none), victim, |over| ring.after(over), |_| ());
                    assert_eq!(ring.count(&[Phase::Filled]), Ok(model.len()));
                    assert_eq!(ring.is_empty(), Ok(model.is_empty()));
                    assert!(!model.is_empty() || ring.is_full() == Ok(false));
                }
                // Places that were given up are used again once what was before them is out.
                for position in model {
                    assert_eq!(ring.take(me), Ok(Some(position)));
                    ring.release(position);
                }
                assert!((0..bound).all(|_| ring.claim(me).unwrap().is_some()));
                assert_eq!(ring.claim(me), Ok(None));
            });
        }
    }

    /// A process that is stopped in a put or a get is passed by, until the ring has gone round.
    #[test]
    fn who_is_stopped_holds_up_nobody_at_once() {
        let (me, stopped) = (Seat::COORDINATOR, Seat::of_worker(3));
        with_ring(4, |ring| {
            let held = ring.claim(stopped).unwrap().unwrap();
            for _ in 0..3 {
                ring.fill(ring.claim(me).unwrap().unwrap());
            }
            assert_eq!(ring.claim(me), Ok(None));
            let second = ring.take(stopped).unwrap().unwrap();
            assert!(second > held);
            let third = ring.take(me).unwrap().unwrap();
            assert!(third > second);
            ring.release(third);
            ring.fill(held);
            assert_eq!(ring.take(me), Ok(Some(held)));
        });
    }

    #[test]
    fn ends_that_were_written_over_are_told() {
        for bound in [3, 5] {
            with_ring(bound, |ring| {
                ring.ends.tail.0.store(bound as u64, Relaxed);
                ring.ends.head.0.store(bound as u64, Relaxed);
                assert_eq!(ring.claim(Seat::COORDINATOR), Err(Broken));
                assert_eq!(ring.take(Seat::COORDINATOR), Err(Broken));
            });
        }
    }
}
