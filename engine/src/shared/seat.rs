//! Seats: who takes part in an engine. Words in shared memory name their owners by seat, so that what
//! a dead process had can be found and set right.

use std::sync::atomic::{AtomicU32, Ordering};

/// The most workers that an engine can have.
pub(crate) const WORKERS_MAX: usize = 256;
/// The most child processes that an engine can have at once.
pub(crate) const CHILDREN_MAX: usize = 512;
/// All seats: the coordinator's, the workers', the child processes'.
pub(crate) const SEATS: usize = 1 + WORKERS_MAX + CHILDREN_MAX;

/// A participant. The threads of a process share its seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Seat(u32);

/// Of this process, which takes part in one engine at most unless it is a coordinator.
static HERE: AtomicU32 = AtomicU32::new(Seat::COORDINATOR.0);

impl Seat {
    /// The process that holds the engine.
    pub(crate) const COORDINATOR: Seat = Seat(0);

    pub(crate) fn of_worker(rank: usize) -> Seat {
        debug_assert!(rank < WORKERS_MAX);
        Seat(1 + rank as u32)
    }

    pub(crate) fn of_child(number: usize) -> Seat {
        debug_assert!(number < CHILDREN_MAX);
        Seat((1 + WORKERS_MAX + number) as u32)
    }

    /// The worker's rank, if it is one's.
    pub(crate) fn rank(self) -> Option<usize> {
        self.index().checked_sub(1).filter(|rank| *rank < WORKERS_MAX)
    }

    /// The child's number, if it is one's.
    pub(crate) fn child(self) -> Option<usize> {
        self.index().checked_sub(1 + WORKERS_MAX)
    }

    /// From 0 to [`SEATS`] - 1.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// The seat of this index; none beyond the last: the word that it was read from was written over.
    pub(crate) fn at(index: usize) -> Option<Seat> {
        (index < SEATS).then_some(Seat(index as u32))
    }

    /// This process's.
    pub(crate) fn here() -> Seat {
        Seat(HERE.load(Ordering::Relaxed))
    }

    /// This process takes a seat; at its start, before anything else runs.
    pub(crate) fn take(self) {
        HERE.store(self.0, Ordering::Relaxed);
    }
}

/// A participant that is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) seat: Seat,
    /// It ended by itself and with success: what it left open it has only forgotten to close.
    pub(crate) cleanly: bool,
}
