//! Who reads what one may write: a count for each seat, and the writer's name.
//!
//! A reader counts itself, then looks for a writer, and goes back if there is one; a writer names
//! itself, then waits until all counts are 0: with a fence between the two steps on both sides, one of
//! them sees the other. Writers exclude each other by the robust lock, under which the name is stored and
//! taken back.
//!
//! Each word is of one seat, so the burial of a seat sets its count to 0 and takes its name back, unless
//! the next writer has put its own there already; a death before or after any of the steps leaves no
//! other traces. Then all are woken: the dead may have been the one to do that.

use crate::memory::Shareable;
use crate::shared::exchange::Gate;
use crate::shared::protocol::Line;
use crate::shared::seat::{SEATS, Seat};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, fence};

/// See the module.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Readers {
    /// The seat that writes or is about to, plus 1; 0 if there is none.
    writer: Line<AtomicU32>,
    /// Where readers wait for the writer's end.
    pub(super) written: Gate,
    /// Where the writer waits for the readers' ends.
    pub(super) read: Gate,
    counts: [AtomicU32; SEATS],
}

// SAFETY: nothing but atomics, gates and padding.
unsafe impl Shareable for Readers {}

fn name(seat: Seat) -> u32 {
    seat.index() as u32 + 1
}

impl Readers {
    fn count(&self, seat: Seat) -> &AtomicU32 {
        &self.counts[seat.index()]
    }

    /// Reads from here on, if nobody writes or waits to.
    pub(super) fn try_enter(&self, seat: Seat) -> bool {
        if self.writer.0.load(Acquire) != 0 {
            return false;
        }
        self.enter_again(seat);
        fence(SeqCst);
        if self.writer.0.load(Acquire) == 0 {
            return true;
        }
        self.leave(seat);
        false
    }

    /// Reads once more, by a thread that reads: a writer waits for it in any case.
    pub(super) fn enter_again(&self, seat: Seat) {
        self.count(seat).fetch_add(1, SeqCst);
    }

    pub(super) fn leave(&self, seat: Seat) {
        self.count(seat).fetch_sub(1, Release);
        self.read.wake_all();
    }

    /// Keeps new readers out, by who holds the lock of writers.
    pub(super) fn claim(&self, seat: Seat) {
        self.writer.0.store(name(seat), SeqCst);
        fence(SeqCst);
    }

    /// Whether nobody reads any more.
    pub(super) fn are_gone(&self) -> bool {
        self.counts.iter().all(|count| count.load(Acquire) == 0)
    }

    /// Lets readers in again.
    pub(super) fn release(&self) {
        self.writer.0.store(0, Release);
        self.written.wake_all();
    }

    pub(super) fn bury(&self, seat: Seat) {
        self.count(seat).store(0, Release);
        let _ = self.writer.0.compare_exchange(name(seat), 0, SeqCst, Relaxed);
        self.written.ring();
        self.read.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{ARRAYS, Region};

    #[test]
    fn the_dead_neither_read_nor_write() {
        let region = Region::create(8 << 20).unwrap();
        let readers = region.at::<Readers>(ARRAYS);
        let (one, other) = (Seat::of_child(0), Seat::of_child(SEATS - 258));
        assert!(readers.try_enter(one) && readers.try_enter(one) && readers.try_enter(other));
        readers.leave(other);
        readers.claim(other);
        assert!(!readers.are_gone() && !readers.try_enter(Seat::COORDINATOR));
        readers.bury(one);
        assert!(readers.are_gone(), "what it had counted twice is gone");
        readers.claim(one);
        readers.bury(other);
        assert!(!readers.try_enter(other), "another has put its name there");
        readers.bury(one);
        assert!(readers.try_enter(other));
    }

    #[test]
    fn a_reader_that_meets_a_writer_leaves_no_trace() {
        let region = Region::create(8 << 20).unwrap();
        let readers = region.at::<Readers>(ARRAYS);
        readers.claim(Seat::COORDINATOR);
        assert!(!readers.try_enter(Seat::of_worker(3)) && readers.are_gone());
        readers.release();
        assert!(readers.try_enter(Seat::of_worker(3)) && !readers.are_gone());
    }
}
