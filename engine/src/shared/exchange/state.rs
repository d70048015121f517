//! The state word of a place for a message.

use super::Broken;
use crate::shared::protocol::{Atomics, Word64};
use crate::shared::seat::{SEATS, Seat};
use std::sync::atomic::Ordering::{Acquire, Release};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Phase {
    Free,
    Filling,
    Filled,
    Taken,
    Emptying,
}

/// Positions have so many bits: at ten million messages a second they last for seven years.
const POSITION_BITS: u32 = 51;
const POSITION_MASK: u64 = (1 << POSITION_BITS) - 1;
const OWNER_BITS: u32 = 10;
const _: () = assert!(SEATS <= 1 << OWNER_BITS);

/// What a state word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// The owner's seat; 0 where nobody owns it.
    owner: u64,
    pub(crate) position: u64,
}

impl State {
    pub(crate) fn free(position: u64) -> State {
        State { phase: Phase::Free, owner: 0, position }
    }

    pub(crate) fn filled(position: u64) -> State {
        State { phase: Phase::Filled, owner: 0, position }
    }

    pub(crate) fn owned(phase: Phase, owner: Seat, position: u64) -> State {
        State { phase, owner: owner.index() as u64, position }
    }

    pub(crate) fn pack(self) -> u64 {
        (self.phase as u64) << (POSITION_BITS + OWNER_BITS)
            | self.owner << POSITION_BITS
            | self.position & POSITION_MASK
    }

    pub(crate) fn unpack(word: u64) -> State {
        let phase = match word >> (POSITION_BITS + OWNER_BITS) {
            1 => Phase::Filling,
            2 => Phase::Filled,
            3 => Phase::Taken,
            4 => Phase::Emptying,
            _ => Phase::Free,
        };
        let owner = word >> POSITION_BITS & ((1 << OWNER_BITS) - 1);
        State { phase, owner, position: word & POSITION_MASK }
    }

    /// Whether it is this seat's.
    pub(crate) fn is_of(self, seat: Seat) -> bool {
        let is_owned = matches!(self.phase, Phase::Filling | Phase::Taken | Phase::Emptying);
        is_owned && self.owner == seat.index() as u64
    }
}

/// State words by index: of the slots of a ring, or of its cells.
pub(crate) trait Places<A: Atomics> {
    fn len(&self) -> usize;

    /// The word of an index below `len`.
    fn word(&self, index: usize) -> &A::U64;

    fn state(&self, index: usize) -> Result<State, Broken> {
        if index >= self.len() {
            return Err(Broken);
        }
        Ok(State::unpack(self.word(index).load(Acquire)))
    }

    /// By whom the state names as the owner; the word's reader sees all that was written before.
    fn set(&self, index: usize, state: State) {
        self.word(index).store(state.pack(), Release);
    }

    /// Claims what is in this state.
    fn exchange(&self, index: usize, from: State, to: State) -> bool {
        self.word(index).exchange(from.pack(), to.pack())
    }

    fn all(&self) -> impl Iterator<Item = (usize, State)> {
        (0..self.len()).map(|index| (index, State::unpack(self.word(index).load(Acquire))))
    }
}

/// Sets right what a reaped seat owned: of the slots first, so that no message is in both when cells
/// are given back. `free_pages` frees those of a position, `next` says what a slot becomes that stood
/// for one. Whoever calls it wakes everybody afterwards.
pub(crate) fn bury<A: Atomics>(
    (slots, cells): (&impl Places<A>, &impl Places<A>),
    seat: Seat,
    next: impl Fn(u64) -> State,
    free_pages: impl Fn(u64),
) {
    for (index, state) in slots.all().filter(|(_, state)| state.is_of(seat)) {
        if state.phase == Phase::Taken {
            let copy = State::owned(Phase::Taken, seat, state.position);
            let copies = cells.all().filter(|(_, cell)| *cell == copy);
            copies.for_each(|(cell, _)| cells.set(cell, State::free(0)));
            slots.set(index, State::filled(state.position));
        } else {
            free_pages(state.position);
            slots.set(index, next(state.position));
        }
    }
    for (index, state) in cells.all().filter(|(_, state)| state.is_of(seat)) {
        match state.phase {
            Phase::Taken => cells.set(index, State::filled(state.position)),
            // Its message is in its slot still, with its pages.
            Phase::Filling => cells.set(index, State::free(0)),
            _ => {
                free_pages(state.position);
                cells.set(index, State::free(0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_back_from_their_words() {
        use Phase::{Emptying, Filling, Taken};
        let last = Seat::at(SEATS - 1).unwrap();
        for position in [0, 1, POSITION_MASK] {
            let states = [State::free(position), State::filled(position)];
            let owned = [Filling, Taken, Emptying].map(|p| State::owned(p, last, position));
            for state in states.into_iter().chain(owned) {
                assert_eq!(State::unpack(state.pack()), state);
                assert_eq!(state.is_of(last), owned.contains(&state));
                assert!(!state.is_of(Seat::COORDINATOR));
            }
        }
    }
}
