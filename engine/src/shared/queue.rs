//! The joinable task queue: a bounded ring whose items are leased, not taken away.
//!
//! Each slot has one state word (phase, owner, sequence number), and every transition is a single
//! store or compare-and-exchange by the party that the phase names; so a death at any instruction
//! leaves a slot in a phase from which the coordinator can go on. Threads of the coordinator that
//! answer wishes for room, or bury, hold its own lock of its queues. As with chunks, the word that
//! says "valid" is stored after everything it speaks of.
//!
//! | phase | whose it is | next |
//! |---|---|---|
//! | FREE | the coordinator's | FILLED, by `put` |
//! | FILLED | anybody's | LEASED, by `lease`; DONE, by `withdraw` |
//! | LEASED | the worker's that is named in the word | DONE, by `settle`; WANTS; FILLED again, by `give_back`, or DONE, by `fail`, once it is dead |
//! | WANTS | the coordinator's: the result needs more room | LEASED, by `grant`; DONE, by `forgo`; `give_back` and `fail` as above |
//! | DONE | the coordinator's | FREE, by `take` |
//!
//! | word | who writes | what |
//! |---|---|---|
//! | put | the coordinator, Release | number of items put so far |
//! | cursor | whoever passes an item that is not FILLED; `give_back` moves it back | version, and the sequence number below which nothing is FILLED |

use super::damage::Damage;
use super::protocol::{Atomics, CrashPoint, Hardware, Line, QUEUE_SLOTS, Surroundings, Word64};
use super::slot::Slot;
use crate::memory::Shareable;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

pub(crate) const SLOTS: usize = QUEUE_SLOTS;

const SEQUENCE_BITS: u32 = 48;
const SEQUENCE_MASK: u64 = (1 << SEQUENCE_BITS) - 1;

/// The words of a queue.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Queue<A: Atomics> {
    put: Line<A::U64>,
    cursor: Line<A::U64>,
    slots: A::Slots<Line<Slot<A>>>,
}

// SAFETY: nothing but atomics and padding.
unsafe impl Shareable for Queue<Hardware> {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
enum Phase {
    Free,
    Filled,
    Leased,
    Wants,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    phase: Phase,
    owner: usize,
    sequence: u64,
}

impl State {
    fn pack(self) -> u64 {
        (self.phase as u64) << 60
            | (self.owner as u64) << SEQUENCE_BITS
            | self.sequence & SEQUENCE_MASK
    }

    fn unpack(word: u64) -> State {
        let phase = match word >> 60 {
            1 => Phase::Filled,
            2 => Phase::Leased,
            3 => Phase::Wants,
            4 => Phase::Done,
            _ => Phase::Free,
        };
        let owner = (word >> SEQUENCE_BITS & 0xFFF) as usize;
        State { phase, owner, sequence: word & SEQUENCE_MASK }
    }
}

impl Lease {
    fn in_phase(self, phase: Phase) -> State {
        State { phase, owner: self.owner, sequence: self.sequence }
    }
}

/// An item that a worker has taken and not yet settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    /// Number of the item, in order of `put`.
    pub(crate) sequence: u64,
    owner: usize,
}

impl<A: Atomics> Queue<A> {
    /// A queue of the given words, for the model.
    #[cfg(test)]
    pub(crate) fn with(
        zero: impl Fn() -> A::U64,
        slots: impl FnOnce(&mut dyn FnMut() -> Line<Slot<A>>) -> A::Slots<Line<Slot<A>>>,
    ) -> Queue<A> {
        let mut slot = || Line(Slot::with(&zero));
        Queue { put: Line(zero()), cursor: Line(zero()), slots: slots(&mut slot) }
    }

    /// The slot of an item.
    pub(crate) fn slot(&self, sequence: u64) -> &Slot<A> {
        let slots = self.slots.as_ref();
        &slots[(sequence % slots.len() as u64) as usize].0
    }

    /// Empties the queue for a new life. Only when it is not open.
    pub(crate) fn reset(&self) {
        self.slots.as_ref().iter().for_each(|slot| slot.0.state.store(0, Relaxed));
        self.put.0.store(0, Relaxed);
        // A new version: a worker that looked at the queue's former life cannot move the cursor.
        let version = ((self.cursor.0.load(Relaxed) >> SEQUENCE_BITS) + 1) & 0xFFFF;
        // Release: whoever sees it must see `put` at 0 too, or it passes items before they come.
        self.cursor.0.store(version << SEQUENCE_BITS, Release);
    }

    /// Items put so far.
    pub(crate) fn count_put(&self) -> u64 {
        self.put.0.load(Acquire)
    }

    /// The sequence number from which on no item has been leased: as far as somebody looks now, for
    /// [`give_back`](Queue::give_back) moves the cursor back. One item more, as who leases one moves
    /// the cursor only then, and may die between.
    pub(crate) fn reached(&self) -> u64 {
        (self.cursor.0.load(Acquire) & SEQUENCE_MASK) + 1
    }

    /// Whether there may be an item to lease.
    pub(crate) fn has_work(&self) -> bool {
        self.cursor.0.load(Acquire) & SEQUENCE_MASK < self.put.0.load(Acquire)
    }

    /// Puts an item, described by `fill`, into its slot; none if that is not free: wait for
    /// results, which is the back-pressure. Only the coordinator puts.
    pub(crate) fn put(&self, fill: impl FnOnce(u64, &Slot<A>)) -> Option<u64> {
        let sequence = self.put.0.load(Relaxed);
        let slot = self.slot(sequence);
        if State::unpack(slot.state.load(Acquire)).phase != Phase::Free {
            return None;
        }
        fill(sequence, slot);
        self.set(sequence, Phase::Filled, 0);
        self.put.0.store(sequence + 1, Release);
        Some(sequence)
    }

    /// Leases the oldest item that is waiting.
    pub(crate) fn lease<H: Surroundings>(
        &self,
        host: &mut H,
        rank: usize,
    ) -> Result<Option<Lease>, H::Died> {
        loop {
            let cursor = self.cursor.0.load(Acquire);
            let sequence = cursor & SEQUENCE_MASK;
            if sequence >= self.put.0.load(Acquire) {
                return Ok(None);
            }
            let state = &self.slot(sequence).state;
            let filled = State { phase: Phase::Filled, owner: 0, sequence };
            let leased = State { phase: Phase::Leased, owner: rank, sequence };
            let taken = state.exchange(filled.pack(), leased.pack());
            if taken {
                host.at(CrashPoint::LeaseTaken)?;
            }
            // Whoever fails here lost to another that passed the item, or to a lease given back,
            // whose new version keeps the cursor from being moved past it.
            self.cursor.0.exchange(cursor, cursor.wrapping_add(1));
            if taken {
                return Ok(Some(Lease { sequence, owner: rank }));
            }
        }
    }

    /// The task is done: its outcome and result are in the slot.
    pub(crate) fn settle<H: Surroundings>(
        &self,
        host: &mut H,
        lease: Lease,
    ) -> Result<(), H::Died> {
        self.set(lease.sequence, Phase::Done, lease.owner);
        host.at(CrashPoint::LeaseSettled)
    }

    /// The result needs the room that its slot's words ask for.
    pub(crate) fn want_room<H: Surroundings>(
        &self,
        host: &mut H,
        lease: Lease,
    ) -> Result<(), H::Died> {
        self.set(lease.sequence, Phase::Wants, lease.owner);
        host.at(CrashPoint::RoomWanted)
    }

    /// Whether the room that a lease asked for has been granted.
    pub(crate) fn is_granted(&self, lease: Lease) -> bool {
        self.state(lease.sequence) == lease.in_phase(Phase::Leased)
    }

    /// Whether the item is no longer this worker's: nobody waits for its result.
    pub(crate) fn is_forgone(&self, lease: Lease) -> bool {
        let state = self.state(lease.sequence);
        state != lease.in_phase(Phase::Leased) && state != lease.in_phase(Phase::Wants)
    }

    /// Nobody wants the result that asks for room, or there is none: the item is done. To be called
    /// under the coordinator's lock of its queues, as all that ends a wish.
    pub(crate) fn forgo(&self, sequence: u64) {
        self.end_wish(sequence, Phase::Done);
    }

    /// Whether an item is not done yet.
    pub(crate) fn is_at_work(&self) -> bool {
        self.states().any(|state| !matches!(state.phase, Phase::Free | Phase::Done))
    }

    /// Whether an item's slot is in use: it is not done, or nobody has taken it yet.
    pub(crate) fn is_in_use(&self) -> bool {
        self.states().any(|state| state.phase != Phase::Free)
    }

    /// The worker that is at an item, if one is.
    pub(crate) fn worker_at(&self, sequence: u64) -> Option<usize> {
        let state = self.state(sequence);
        let is_leased = matches!(state.phase, Phase::Leased | Phase::Wants);
        (is_leased && state.sequence == sequence).then_some(state.owner)
    }

    /// The items that want room for their results.
    pub(crate) fn wishes(&self) -> Vec<u64> {
        let states = self.states().filter(|state| state.phase == Phase::Wants);
        states.map(|state| state.sequence).collect()
    }

    /// Grants the room that is written in the slot's words; under the coordinator's lock.
    pub(crate) fn grant(&self, sequence: u64) {
        self.end_wish(sequence, Phase::Leased);
    }

    fn end_wish(&self, sequence: u64, phase: Phase) {
        let state = self.state(sequence);
        // What is something else by now was written over: that is for the audit.
        if state.phase == Phase::Wants && state.sequence == sequence {
            self.set(sequence, phase, state.owner);
        }
    }

    /// The items at which workers are: each with its worker, and whether it waits for room.
    pub(crate) fn leased(&self) -> impl Iterator<Item = (usize, u64, bool)> {
        self.states()
            .filter(|state| matches!(state.phase, Phase::Leased | Phase::Wants))
            .map(|state| (state.owner, state.sequence, state.phase == Phase::Wants))
    }

    /// The items that a reaped worker had leased. The coordinator gives each back or fails it.
    pub(crate) fn leases_of(&self, rank: usize) -> Vec<u64> {
        self.leased().filter(|(owner, ..)| *owner == rank).map(|(_, task, _)| task).collect()
    }

    /// A dead worker's lease returns to the queue; under the coordinator's lock. Gives what was
    /// [`reached`](Queue::reached) before.
    pub(crate) fn give_back(&self, sequence: u64) -> u64 {
        self.set(sequence, Phase::Filled, 0);
        loop {
            let cursor = self.cursor.0.load(Acquire);
            let version = ((cursor >> SEQUENCE_BITS) + 1) & 0xFFFF;
            let oldest = (cursor & SEQUENCE_MASK).min(sequence);
            if self.cursor.0.exchange(cursor, version << SEQUENCE_BITS | oldest) {
                return (cursor & SEQUENCE_MASK) + 1;
            }
        }
    }

    /// A dead worker's lease ends here: the coordinator has written the outcome.
    pub(crate) fn fail(&self, sequence: u64) {
        self.set(sequence, Phase::Done, 0);
    }

    /// Takes an item back that nobody has leased yet; it is done then.
    pub(crate) fn withdraw(&self, sequence: u64) -> bool {
        let filled = State { phase: Phase::Filled, owner: 0, sequence };
        let done = State { phase: Phase::Done, owner: 0, sequence };
        self.slot(sequence).state.exchange(filled.pack(), done.pack())
    }

    /// Whether this item, which was put and not taken, is done; or its slot was written over, and it
    /// never will be.
    pub(crate) fn is_over(&self, sequence: u64) -> bool {
        let state = self.state(sequence);
        let is_open = matches!(state.phase, Phase::Filled | Phase::Leased | Phase::Wants);
        !is_open || state.sequence != sequence
    }

    /// Damage to the words of a queue that is open, among `workers`. To be called under the
    /// coordinator's lock of its queues, so that no item is given back meanwhile.
    pub(crate) fn damage(&self, workers: usize) -> Option<Damage> {
        // Nothing below it is filled, now or later: new items come behind, where it cannot be yet.
        let cursor = self.cursor.0.load(Acquire) & SEQUENCE_MASK;
        let slots = self.slots.as_ref();
        let words: Vec<u64> = slots.iter().map(|slot| slot.0.state.load(Acquire)).collect();
        // The last item may be in its slot before it is counted.
        let put = self.put.0.load(Acquire);
        let possible = |(place, &word): (usize, &u64)| {
            let state = State::unpack(word);
            let fits = word >> 60 <= Phase::Done as u64
                && state.owner < workers
                && state.sequence % slots.len() as u64 == place as u64
                && state.sequence <= put;
            word == 0 || fits && (state.phase != Phase::Filled || cursor <= state.sequence)
        };
        let whole = cursor <= put && words.iter().enumerate().all(possible);
        (!whole).then_some(Damage::Queue)
    }

    /// Whether this item is done and can be [taken](Queue::take).
    pub(crate) fn is_done(&self, sequence: u64) -> bool {
        let state = self.state(sequence);
        state.phase == Phase::Done && state.sequence == sequence
    }

    /// Frees the slot of a done item, whose result has been read.
    pub(crate) fn take(&self, sequence: u64) {
        debug_assert!(self.is_done(sequence));
        self.set(sequence, Phase::Free, 0);
    }

    /// The states of all slots, but for those that speak of another slot's item: they were written
    /// over.
    fn states(&self) -> impl Iterator<Item = State> {
        let slots = self.slots.as_ref();
        let states = slots.iter().map(|slot| State::unpack(slot.0.state.load(Acquire)));
        let of_place = |(place, state): &(usize, State)| {
            state.sequence % self.slots.as_ref().len() as u64 == *place as u64
        };
        states.enumerate().filter(of_place).map(|(_, state)| state)
    }

    fn state(&self, sequence: u64) -> State {
        State::unpack(self.slot(sequence).state.load(Acquire))
    }

    fn set(&self, sequence: u64, phase: Phase, owner: usize) {
        self.slot(sequence).state.store(State { phase, owner, sequence }.pack(), Release);
    }
}
