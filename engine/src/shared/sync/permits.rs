//! Permits: one word each, which says whose it is.
//!
//! | word | means | next |
//! |---|---|---|
//! | ABSENT | there is no such permit yet, or no more | ADDING |
//! | ADDING, seat | a process is adding several at once | FREE, ABSENT |
//! | FREE | to be had | HELD |
//! | RETURNED | to be had; its last holder died | HELD |
//! | HELD, seat | a process's | FREE, ABSENT |
//!
//! Every change is one exchange by whom the word names, or one that makes it name the changer. So the
//! burial of a seat finds all that it had: what was HELD is RETURNED, what it was ADDING stays ABSENT
//! (some of them may be FREE by then: the process died while it added). Adders take turns, lest one that
//! wants too many takes for a moment what another could have had.

use crate::memory::Shareable;
use crate::shared::exchange::Gate;
use crate::shared::seat::{Gone, Seat};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Duration;

const ABSENT: u32 = 0;
const FREE: u32 = 1;
const RETURNED: u32 = 2;
/// With the seat added.
const HELD: u32 = 0x1000;
const ADDING: u32 = 0x2000;

fn word(state: u32, seat: Seat) -> u32 {
    state + seat.index() as u32
}

/// What is common to all permits.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Head {
    /// Where those wait who want one.
    pub(crate) gate: Gate,
    /// Where one was given back last: where to look first, and nothing more.
    hint: AtomicU32,
    /// The seat that adds some, plus 1; 0 if none does.
    adder: AtomicU32,
}

// SAFETY: nothing but atomics, a gate and padding.
unsafe impl Shareable for Head {}

/// The word of one permit.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Place(AtomicU32);

// SAFETY: an atomic.
unsafe impl Shareable for Place {}

/// A permit that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) index: usize,
    /// Its last holder died with it.
    pub(crate) was_returned: bool,
}

/// There are not so many places for permits: this many are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    pub(crate) left: usize,
}

/// The permits of a semaphore.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permits<'a> {
    pub(crate) head: &'a Head,
    pub(crate) words: &'a [Place],
}

impl Permits<'_> {
    /// Takes one, if one is to be had.
    pub(crate) fn try_take(self, seat: Seat) -> Option<Taken> {
        let first = self.head.hint.load(Relaxed) as usize;
        let (before, after) = self.words.split_at(first.min(self.words.len()));
        let places = (first..).zip(after).chain(before.iter().enumerate());
        places.into_iter().find_map(|(index, place)| {
            let free = place.0.load(Acquire);
            let is_free = free == FREE || free == RETURNED;
            let taken = is_free && exchange(place, free, word(HELD, seat));
            taken.then_some(Taken { index, was_returned: free == RETURNED })
        })
    }

    /// Gives one back; if it is not this seat's, somebody wrote over it, and it stays as it is.
    pub(crate) fn give_back(self, seat: Seat, index: usize) {
        let Some(place) = self.words.get(index) else { return };
        if exchange(place, word(HELD, seat), FREE) {
            self.head.hint.store(index as u32, Relaxed);
            self.head.gate.wake_one();
        }
    }

    /// Takes one out for good.
    pub(crate) fn forget(self, seat: Seat, index: usize) {
        if let Some(place) = self.words.get(index) {
            exchange(place, word(HELD, seat), ABSENT);
        }
    }

    /// Adds so many, or none.
    pub(crate) fn add(self, seat: Seat, count: usize) -> Result<(), TooMany> {
        let adder = &self.head.adder;
        while adder.compare_exchange(0, seat.index() as u32 + 1, Acquire, Relaxed).is_err() {
            // It is soon done, or dead and soon buried.
            std::thread::sleep(Duration::from_micros(20));
        }
        let added = self.add_in_turn(seat, count);
        adder.store(0, Release);
        added
    }

    fn add_in_turn(self, seat: Seat, count: usize) -> Result<(), TooMany> {
        let adding = word(ADDING, seat);
        let absent = self.words.iter().filter(|place| exchange(place, ABSENT, adding));
        let places: Vec<&Place> = absent.take(count).collect();
        let left = places.len();
        let state = if left == count { FREE } else { ABSENT };
        places.into_iter().for_each(|place| place.0.store(state, Release));
        if left < count {
            return Err(TooMany { left });
        }
        for _ in 0..count.min(WAKES_MAX) {
            self.head.gate.wake_one();
        }
        if count > WAKES_MAX {
            self.head.gate.wake_all();
        }
        Ok(())
    }

    /// How many are to be had.
    pub(crate) fn available(self) -> usize {
        let is_free = |place: &&Place| matches!(place.0.load(Acquire), FREE | RETURNED);
        self.words.iter().filter(is_free).count()
    }

    pub(crate) fn bury(self, gone: Gone) {
        let returned = if gone.cleanly { FREE } else { RETURNED };
        for place in self.words {
            let seen = place.0.load(Acquire);
            if seen == word(HELD, gone.seat) {
                exchange(place, seen, returned);
            } else if seen == word(ADDING, gone.seat) {
                exchange(place, seen, ABSENT);
            }
        }
        let adder = gone.seat.index() as u32 + 1;
        let _ = self.head.adder.compare_exchange(adder, 0, AcqRel, Relaxed);
        self.head.gate.ring();
    }
}

/// Above so many, all that sleep are woken at once.
const WAKES_MAX: usize = 16;

fn exchange(place: &Place, from: u32, to: u32) -> bool {
    place.0.compare_exchange(from, to, AcqRel, Relaxed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{ARRAYS, Region};

    fn permits(region: &Region, bound: usize) -> Permits<'_> {
        let words = region.at::<Words<8>>(ARRAYS);
        Permits { head: &words.head, words: &words.places[..bound] }
    }

    #[repr(C)]
    struct Words<const N: usize> {
        head: Head,
        places: [Place; N],
    }

    // SAFETY: atomics, and what is shareable.
    unsafe impl<const N: usize> Shareable for Words<N> {}

    const ONE: Seat = Seat::COORDINATOR;

    #[test]
    fn who_adds_too_many_takes_nothing_from_others() {
        let region = Region::create(8 << 20).unwrap();
        let permits = permits(&region, 8);
        permits.add(ONE, 6).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..2000 {
                    assert!(permits.add(ONE, 4).is_err());
                }
            });
            for _ in 0..2000 {
                permits.add(ONE, 2).unwrap();
                for _ in 0..2 {
                    let taken = permits.try_take(ONE).unwrap();
                    permits.forget(ONE, taken.index);
                }
            }
        });
        assert_eq!(permits.available(), 6);
    }

    #[test]
    fn no_more_are_taken_than_there_are() {
        let region = Region::create(8 << 20).unwrap();
        let permits = permits(&region, 4);
        assert_eq!(permits.try_take(ONE), None);
        permits.add(ONE, 2).unwrap();
        let taken = [(); 3].map(|()| permits.try_take(ONE).map(|taken| taken.index));
        assert_eq!(taken, [Some(0), Some(1), None]);
        permits.give_back(ONE, 1);
        permits.give_back(ONE, 1);
        assert_eq!((permits.available(), permits.try_take(ONE).unwrap().index), (1, 1));
        permits.forget(ONE, 0);
        assert_eq!(permits.add(ONE, 4), Err(TooMany { left: 3 }));
        assert_eq!(permits.available(), 0, "none were added");
        permits.add(ONE, 3).unwrap();
        assert_eq!(permits.available(), 3);
    }

    #[test]
    fn what_the_dead_had_returns_and_says_so() {
        let region = Region::create(8 << 20).unwrap();
        let permits = permits(&region, 3);
        let other = Seat::of_child(7);
        permits.add(ONE, 2).unwrap();
        permits.try_take(other).unwrap();
        permits.try_take(ONE).unwrap();
        // It dies while it adds one.
        assert!(exchange(&permits.words[2], ABSENT, word(ADDING, other)));
        permits.bury(Gone { seat: other, cleanly: false });
        assert_eq!(permits.available(), 1);
        assert_eq!(permits.try_take(ONE), Some(Taken { index: 0, was_returned: true }));
        permits.give_back(ONE, 0);
        assert_eq!(permits.try_take(other), Some(Taken { index: 0, was_returned: false }));
        permits.bury(Gone { seat: other, cleanly: true });
        assert_eq!(permits.try_take(other), Some(Taken { index: 0, was_returned: false }));
        permits.add(other, 1).unwrap();
    }
}
