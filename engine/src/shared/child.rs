//! What coordinator and child process tell each other: what the child is to run, and how that ended.
//!
//! | phase | whose it is | next |
//! |---|---|---|
//! | FREE | the coordinator's | READY, by `prepare` |
//! | READY | the child's, which is being started | RUNNING, by `begin` |
//! | RUNNING | the child's | WANTS; DONE, by `settle` |
//! | WANTS | the coordinator's: the result needs more room | RUNNING, by `grant`; DONE, by `settle` |
//! | DONE | the coordinator's | READY, of another process |
//!
//! Each phase ends by one store of the party that it names, after all that the store speaks of; of a
//! child that dies the coordinator reads, once it is reaped, how far it has come.

use super::damage::Damage;
use super::protocol::Hardware;
use super::slot::{Part, Slot};
use crate::memory::Shareable;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

/// The words of one child process.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct ChildPost {
    /// Phase and number of the process.
    state: AtomicU64,
    slot: Slot<Hardware>,
}

// SAFETY: nothing but atomics and padding.
unsafe impl Shareable for ChildPost {}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Phase {
    Ready = 1,
    Running,
    Wants,
    Done,
}

/// How a child process's function ended, as its post says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum ChildOutcome {
    Done,
    /// The result is a failure.
    Failed,
    /// The coordinator knows why there is no room for the result.
    NoRoom,
}

/// How many bits of the state are the process's number.
const NUMBER_BITS: u32 = 56;

fn word(phase: Phase, number: u64) -> u64 {
    (phase as u64) << NUMBER_BITS | number & ((1 << NUMBER_BITS) - 1)
}

impl ChildPost {
    /// The process of this number is to run the function of a table.
    pub(crate) fn prepare(&self, number: u64, table: u64, params: Part, room: Part) {
        self.slot.set_task(number, table, params);
        self.slot.set_room(number, room);
        self.set(Phase::Ready, number);
    }

    /// The child has started: gives its number.
    pub(crate) fn begin(&self) -> Option<u64> {
        let state = self.state.load(Acquire);
        let number = state & ((1 << NUMBER_BITS) - 1);
        if state != word(Phase::Ready, number) {
            return None;
        }
        self.set(Phase::Running, number);
        Some(number)
    }

    /// The table of the function that it runs, and where its arguments lie.
    pub(crate) fn task(&self, number: u64) -> Result<(u64, Part), Damage> {
        self.slot.task(number)
    }

    pub(crate) fn room(&self, number: u64) -> Result<Part, Damage> {
        self.slot.room(number)
    }

    /// The result has so many bytes; where that is more than the room, more is asked for.
    pub(crate) fn set_len(&self, number: u64, bytes: usize, needs_room: bool) {
        self.slot.set_len(bytes);
        if needs_room {
            self.set(Phase::Wants, number);
        }
    }

    /// How many bytes of room are asked for, if any are.
    pub(crate) fn wanted(&self, number: u64) -> Option<usize> {
        self.is_in(Phase::Wants, number).then(|| self.slot.wanted())
    }

    /// Here is the room that was asked for.
    pub(crate) fn grant(&self, number: u64, room: Part) {
        self.slot.set_room(number, room);
        self.set(Phase::Running, number);
    }

    /// The last word: the child's outcome, with the result in its room; or the coordinator's, that there
    /// is no room.
    pub(crate) fn settle(&self, number: u64, outcome: u64) {
        self.slot.set_outcome(number, outcome);
        self.set(Phase::Done, number);
    }

    /// The outcome and where the result lies, if the child has come to that.
    pub(crate) fn result(&self, number: u64) -> Option<Result<(u64, Part), Damage>> {
        self.is_in(Phase::Done, number).then(|| self.slot.result(number))
    }

    pub(crate) fn is_in(&self, phase: Phase, number: u64) -> bool {
        self.state.load(Acquire) == word(phase, number)
    }

    fn set(&self, phase: Phase, number: u64) {
        self.state.store(word(phase, number), Release);
    }
}
