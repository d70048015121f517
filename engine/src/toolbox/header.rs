//! The words that each shared thing begins with: what it is, and which processes have it.

use crate::memory::Shareable;
use crate::shared::damage::seal;
use crate::shared::seat::{SEATS, Seat};
use std::sync::atomic::{AtomicU64, Ordering};

/// What kinds of things there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Kind {
    Shared = 1,
    Pipe,
    Queue,
    PriorityQueue,
    Namespace,
    Mutex,
    LockedArray,
    RwLock,
    Condvar,
    Event,
    Semaphore,
    Barrier,
    Once,
    Frozen,
}

/// What each thing begins with.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Header {
    /// Kind, number and type, sealed. Stored last, and 0 once the thing is no more.
    magic: AtomicU64,
    id: AtomicU64,
    /// Not 0 once a handle has gone where nobody counts handles.
    pinned: AtomicU64,
    /// A bit for each seat whose process has attached.
    holders: [AtomicU64; SEATS.div_ceil(64)],
}

// SAFETY: nothing but atomics.
unsafe impl Shareable for Header {}

/// Bytes of the header; a thing's own words follow.
pub(crate) const HEADER: usize = size_of::<Header>().next_multiple_of(128);

impl Header {
    fn magic(kind: Kind, id: u64, type_name: &str) -> u64 {
        let name = type_name.bytes().map(u64::from);
        seal([kind as u64, id].into_iter().chain(name))
    }

    pub(super) fn initialise(&self, kind: Kind, id: u64, type_name: &str) {
        self.id.store(id, Ordering::Relaxed);
        self.magic.store(Header::magic(kind, id, type_name), Ordering::Release);
    }

    /// Whether this is that thing.
    pub(super) fn is(&self, kind: Kind, id: u64, type_name: &str) -> bool {
        self.magic.load(Ordering::Acquire) == Header::magic(kind, id, type_name)
    }

    pub(super) fn end(&self) {
        self.magic.store(0, Ordering::Release);
    }

    pub(super) fn pin(&self) {
        self.pinned.store(1, Ordering::Release);
    }

    pub(super) fn is_pinned(&self) -> bool {
        self.pinned.load(Ordering::Acquire) != 0
    }

    pub(super) fn hold(&self, seat: Seat) {
        let (word, bit) = (seat.index() / 64, 1 << (seat.index() % 64));
        if self.holders[word].load(Ordering::Relaxed) & bit == 0 {
            self.holders[word].fetch_or(bit, Ordering::AcqRel);
        }
    }

    /// Whether the process of a seat has, or had, a handle.
    pub(super) fn is_held_by(&self, seat: Seat) -> bool {
        self.holders[seat.index() / 64].load(Ordering::Acquire) & 1 << (seat.index() % 64) != 0
    }

    /// Whether a process other than the coordinator has, or had, a handle.
    pub(super) fn is_held_elsewhere(&self) -> bool {
        let (mine, bit) = (Seat::COORDINATOR.index() / 64, 1 << (Seat::COORDINATOR.index() % 64));
        self.holders.iter().enumerate().any(|(word, holders)| {
            let of_mine = if word == mine { bit } else { 0 };
            holders.load(Ordering::Acquire) & !of_mine != 0
        })
    }

    pub(super) fn forget(&self, seat: Seat) {
        self.holders[seat.index() / 64].fetch_and(!(1 << (seat.index() % 64)), Ordering::AcqRel);
    }
}
