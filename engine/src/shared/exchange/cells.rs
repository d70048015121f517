//! The cells in which leased messages are kept, out of the ring: so senders never wait for a lease.

use super::Broken;
use super::ring::Ring;
use super::state::{Phase, Places, State};
use crate::shared::protocol::{Atomics, Word64};
use crate::shared::seat::Seat;
use std::sync::atomic::Ordering::Acquire;

/// The cells, by their words.
#[derive(Debug)]
pub(crate) struct Cells<'c, A: Atomics, P> {
    places: &'c P,
    /// A version, and below it 1 if a message may have been given back: changes with each that is.
    returned: &'c A::U64,
}

impl<'c, A: Atomics, P: Places<A>> Cells<'c, A, P> {
    pub(crate) fn over(places: &'c P, returned: &'c A::U64) -> Cells<'c, A, P> {
        Cells { places, returned }
    }

    /// Claims a free cell for a message of this position, looking from `start` on.
    pub(crate) fn claim(&self, seat: Seat, position: u64, start: usize) -> Option<usize> {
        let len = self.places.len();
        let filling = State::owned(Phase::Filling, seat, position);
        let mut all = (0..len).map(|step| (start + step) % len);
        all.find(|&cell| {
            self.places.state(cell) == Ok(State::free(0))
                && self.places.exchange(cell, State::free(0), filling)
        })
    }

    /// The claimed cell has the message: it is leased.
    pub(crate) fn lease(&self, seat: Seat, cell: usize, position: u64) {
        self.places.set(cell, State::owned(Phase::Taken, seat, position));
    }

    /// A leased message is done with; its pages are to be freed before the cell is.
    pub(crate) fn empty(&self, seat: Seat, cell: usize, position: u64) {
        self.places.set(cell, State::owned(Phase::Emptying, seat, position));
    }

    /// The cell is nobody's.
    pub(crate) fn release(&self, cell: usize) {
        self.places.set(cell, State::free(0));
    }

    /// Gives a leased message back.
    pub(crate) fn give_back(&self, cell: usize, position: u64) {
        self.places.set(cell, State::filled(position));
        self.announce();
    }

    /// Messages may have been given back.
    pub(crate) fn announce(&self) {
        loop {
            let seen = self.returned.load(Acquire);
            if self.returned.exchange(seen, seen.wrapping_add(2) | 1) {
                return;
            }
        }
    }

    /// Leases a message that was given back, the oldest: its cell and position.
    pub(crate) fn take(&self, seat: Seat) -> Option<(usize, u64)> {
        loop {
            let seen = self.returned.load(Acquire);
            if seen & 1 == 0 {
                return None;
            }
            let filled = self.places.all().filter(|(_, state)| state.phase == Phase::Filled);
            let Some((cell, state)) = filled.min_by_key(|(_, state)| state.position) else {
                // Unless one more was given back meanwhile.
                if self.returned.exchange(seen, seen & !1) {
                    return None;
                }
                continue;
            };
            let taken = State::owned(Phase::Taken, seat, state.position);
            if self.places.exchange(cell, state, taken) {
                return Some((cell, state.position));
            }
        }
    }

    /// Messages that were put and are not done. The ring's first: messages move from there to the
    /// cells, and the cell is taken before the slot is free, so for a moment they count twice.
    pub(crate) fn unfinished(&self, ring: &Ring<'_, A, P>) -> Result<usize, Broken> {
        self.open(ring, &[Phase::Filled, Phase::Taken])
    }

    /// Whether all that was put is done: nothing was to be found, while nothing was put. What is being
    /// filled counts: who fills it may have leased another, and be done with that by the time that the
    /// cells are looked at.
    pub(crate) fn is_finished(&self, ring: &Ring<'_, A, P>) -> Result<bool, Broken> {
        let before = ring.tail();
        let open = self.open(ring, &[Phase::Filling, Phase::Filled, Phase::Taken])?;
        Ok(open == 0 && ring.tail() == before)
    }

    /// Whether no message is left, nor can be given back, of an exchange into which nothing is put any more.
    pub(crate) fn is_over(&self, ring: &Ring<'_, A, P>) -> Result<bool, Broken> {
        Ok(!ring.has_any()? && self.count(&[Phase::Taken, Phase::Filled]) == 0)
    }

    fn open(&self, ring: &Ring<'_, A, P>, in_ring: &[Phase]) -> Result<usize, Broken> {
        let waiting = ring.count(in_ring)?;
        Ok(waiting + self.count(&[Phase::Taken, Phase::Filled]))
    }

    /// How many messages are in one of these phases.
    pub(crate) fn count(&self, phases: &[Phase]) -> usize {
        self.places.all().filter(|(_, state)| phases.contains(&state.phase)).count()
    }
}
