//! A ring of bytes in the region, from one producer to one consumer, either of which may die.
//!
//! | word | who writes it | what |
//! |---|---|---|
//! | capacity | its maker | bytes of the ring, a power of two |
//! | position | the side whose it is, Release | bytes that it has put in, or taken out, since the beginning |
//! | state | whoever the side belongs to; the burial | open, closed or died; and the seat that it belongs or belonged to |
//! | wants | the side whose it is; 0 by whoever wakes it | where the other's position must be for it to be woken; 0 if it does not sleep |
//! | bell | whoever wakes the side | the futex that it sleeps on |
//!
//! # Deaths
//!
//! A producer copies bytes in behind its position and then moves the position past them, by one
//! store: dead before that store it has put nothing in, dead after it all of it. A consumer copies
//! out before it moves its position: dead before that store it has taken nothing out, and nobody
//! else ever will. Neither side waits for the other's next instruction, only for its position or its
//! state to change; and once a side's process is reaped the burial stores its state and wakes both
//! sides. So it does for a side that its process has closed without waking anybody, as the state
//! still names the seat. What was put in before the producer's end is there to be taken.
//!
//! # No wake is lost
//!
//! Whoever goes to sleep reads its bell, stores what it wants, and looks once more, with a fence
//! between; whoever moves a position looks, with a fence between, whether that is wanted: at least
//! one of them sees the other. To wake is to clear what is wanted, then to change the bell, then to
//! wake: if the clearing falls behind a sleeper's store, so does the change behind its reading of the
//! bell, and it does not sleep. A sleep is short anyway (`wait`), so a wake that comes late costs
//! time and nothing else.

mod consumer;
mod frame;
mod producer;
mod wait;

pub(crate) use consumer::Consumer;
pub(crate) use frame::Frame;
pub(crate) use producer::Producer;

use super::protocol::Line;
use super::seat::{Gone, SEATS, Seat};
use crate::error::{Error, Result};
use crate::machine::futex;
use crate::memory::{Region, Shareable};
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};
use std::time::Duration;

/// The least capacity.
pub(crate) const CAPACITY_MIN: usize = 4096;
/// The most bytes of a message that are put in before the consumer is told.
const PIECE_MAX: u64 = 128 << 10;

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Producer,
    Consumer,
}

impl Side {
    pub(crate) fn other(self) -> Side {
        match self {
            Side::Producer => Side::Consumer,
            Side::Consumer => Side::Producer,
        }
    }
}

/// The words of a ring; its bytes follow.
#[repr(C)]
struct Words {
    capacity: Line<AtomicU64>,
    sides: [SideWords; 2],
}

/// The position has lines of its own, as it changes with every message, and the rest seldom.
#[repr(C)]
struct SideWords {
    position: Line<AtomicU64>,
    post: Line<Post>,
}

#[repr(C)]
struct Post {
    state: AtomicU64,
    wants: AtomicU64,
    bell: AtomicU32,
}

// SAFETY: nothing but atomics and padding.
unsafe impl Shareable for Words {}

const OPEN: u64 = 1 << 32;
const CLOSED: u64 = 2 << 32;
const DIED: u64 = 3 << 32;

/// The state of a side that belongs, or belonged, to a seat.
fn state(kind: u64, seat: Seat) -> u64 {
    kind | seat.index() as u64
}

/// A ring, as this process reaches it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ring {
    words: NonNull<Words>,
    bytes: NonNull<u8>,
    capacity: u64,
}

// SAFETY: it is an address of the mapping, which is not tied to a thread; the words are atomics, and
// the bytes belong to one side at a time, as the positions tell.
unsafe impl Send for Ring {}
// SAFETY: as for Send; through a shared reference only words are touched.
unsafe impl Sync for Ring {}

impl Ring {
    /// Bytes of the region for a ring of so many bytes.
    pub(crate) fn footprint(capacity: usize) -> usize {
        size_of::<Words>() + capacity
    }

    /// Makes zeroed words a ring whose sides both belong to `owner`.
    pub(crate) fn initialise(region: &Region, offset: usize, capacity: usize, owner: Seat) {
        assert!(capacity.is_power_of_two() && capacity >= CAPACITY_MIN, "{capacity} bytes");
        let words = region.at::<Words>(offset);
        words.sides.iter().for_each(|side| side.post.0.state.store(state(OPEN, owner), Relaxed));
        words.capacity.0.store(capacity as u64, Release);
    }

    /// The ring at an offset.
    ///
    /// # Safety
    ///
    /// It, and its copies, must not be used when the region is unmapped or the ring's memory freed.
    pub(crate) unsafe fn over(region: &Region, offset: usize) -> Result<Ring> {
        let words = region.at::<Words>(offset);
        let capacity = words.capacity.0.load(Acquire);
        let end = (offset as u64).checked_add(size_of::<Words>() as u64 + capacity.min(1 << 62));
        let fits = end.is_some_and(|end| end <= region.capacity() as u64);
        if !fits || !capacity.is_power_of_two() || capacity < CAPACITY_MIN as u64 {
            return Err(damaged());
        }
        let bytes = region.bytes(offset + size_of::<Words>(), capacity as usize);
        Ok(Ring { words: NonNull::from(words), bytes, capacity })
    }

    fn words(&self) -> &Words {
        // SAFETY: `over` found them in the region, which is still mapped, as its caller promised.
        unsafe { self.words.as_ref() }
    }

    fn side(&self, side: Side) -> &SideWords {
        &self.words().sides[side as usize]
    }

    fn position(&self, side: Side) -> &AtomicU64 {
        &self.side(side).position.0
    }

    fn post(&self, side: Side) -> &Post {
        &self.side(side).post.0
    }

    /// The most bytes of a message in one frame.
    fn piece(&self) -> u64 {
        (self.capacity / 4).min(PIECE_MAX)
    }

    /// An error if a side is no more.
    #[inline]
    fn refuse_closed(&self, side: Side) -> Result<()> {
        match self.post(side).state.load(Acquire) {
            open if open & !0xFFFF_FFFF == OPEN => Ok(()),
            other => Err(ended(other)),
        }
    }

    /// A side belongs to another process from here on.
    pub(crate) fn hand_over(&self, side: Side, from: Seat, to: Seat) {
        let _ = self.change(side, from, state(OPEN, to));
    }

    /// Whether a side is open and belongs to this seat.
    pub(crate) fn is_open_by(&self, side: Side, seat: Seat) -> bool {
        self.post(side).state.load(Acquire) == state(OPEN, seat)
    }

    /// Closes a side that belongs to a seat, and tells the other; nothing if it is closed or dead. Who
    /// panics has not come to the end of what was to be sent, and is told as dead.
    pub(crate) fn close(&self, side: Side, seat: Seat) {
        let end = if std::thread::panicking() { DIED } else { CLOSED };
        if self.change(side, seat, state(end, seat)) {
            self.wake(side.other());
        }
    }

    fn change(&self, side: Side, seat: Seat, to: u64) -> bool {
        let word = &self.post(side).state;
        word.compare_exchange(state(OPEN, seat), to, AcqRel, Acquire).is_ok()
    }

    /// Ends the sides of a participant that is no more, and wakes whoever waits for them.
    pub(crate) fn bury(region: &Region, offset: usize, gone: Gone) {
        // SAFETY: it is used in this function alone, and the burial keeps the ring from being freed.
        let Ok(ring) = (unsafe { Ring::over(region, offset) }) else { return };
        let end = state(if gone.cleanly { CLOSED } else { DIED }, gone.seat);
        for side in [Side::Producer, Side::Consumer] {
            ring.change(side, gone.seat, end);
            let now = ring.post(side).state.load(Acquire);
            if now & 0xFFFF_FFFF == gone.seat.index() as u64 {
                ring.wake(side.other());
            }
        }
    }

    /// Wakes a side if it waits for the other's position to come as far as this. The position was
    /// stored, SeqCst, before.
    #[inline]
    fn wake_if_wanted(&self, side: Side, position: u64) {
        let wants = self.post(side).wants.load(SeqCst);
        if wants != 0 && wants <= position {
            self.wake(side);
        }
    }

    #[cold]
    fn wake(&self, side: Side) {
        let post = self.post(side);
        post.wants.store(0, Relaxed);
        post.bell.fetch_add(1, AcqRel);
        futex::wake_all(&post.bell);
    }

    /// `side` sleeps until it is woken as the other's position has come as far as `wanted`, or as the
    /// other is no more; and for so long at most.
    fn doze(&self, side: Side, wanted: u64, nap: Duration) {
        let post = self.post(side);
        let seen = post.bell.load(Acquire);
        post.wants.store(wanted, Relaxed);
        fence(SeqCst);
        let other = side.other();
        if self.position(other).load(Acquire) < wanted && self.refuse_closed(other).is_ok() {
            futex::wait(&post.bell, seen, Some(nap));
        }
        post.wants.store(0, Relaxed);
    }
}

#[cold]
fn ended(state: u64) -> Error {
    match state & !0xFFFF_FFFF {
        _ if state & 0xFFFF_FFFF >= SEATS as u64 => damaged(),
        CLOSED => Error::PeerClosed,
        DIED => Error::PeerDied,
        _ => damaged(),
    }
}

#[cold]
fn damaged() -> Error {
    Error::Broken { what: "a pipe" }
}

#[cfg(test)]
mod tests;
