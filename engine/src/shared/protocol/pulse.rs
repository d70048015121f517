//! What a worker is about, seen from outside while it works: for deadlines, and for whoever looks.
//!
//! Nothing is asked of the worker, which neither reads the clock nor stores a word for this: that
//! its words stay the same from one look to the next is what tells.

use super::atomics::{Atomics, Word64};
use super::words::{Blame, Board, Claim, Note, State};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// The words of a worker that move as it gets on; two that are equal say that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pulse {
    state: State,
    note: Note,
    undo_serial: u64,
    pending_len: u64,
    /// Thieves take from the other end, which is no doing of this worker.
    claimed: (u64, u64),
}

impl Pulse {
    /// Whether a worker has come as far as the protocol.
    pub(crate) fn is_announced(&self) -> bool {
        self.state != State::NOBODY
    }

    /// The issue with which it is busy, if it is.
    pub(crate) fn busy_with(&self) -> Option<u64> {
        self.state.busy_with()
    }

    /// Whether it is at what it was at `before`. Not so strict as being equal: its claim word may have
    /// been emptied by the coordinator meanwhile.
    pub(crate) fn is_at_the_same(&self, before: &Pulse) -> bool {
        Pulse { claimed: before.claimed, ..*self } == *before
    }

    /// What it has noted of the step with this serial.
    pub(crate) fn blame(&self, serial: u64) -> Option<Blame> {
        self.note.read(serial)
    }
}

impl<A: Atomics> Board<'_, A> {
    /// How worker `rank` looks now.
    pub(crate) fn pulse(&self, rank: usize) -> Pulse {
        let post = &self.posts[rank];
        let claim = Claim::unpack(post.claim.0.load(Acquire));
        Pulse {
            state: State(post.state.load(Acquire)),
            note: Note(post.note.load(Acquire)),
            undo_serial: post.undo_serial.load(Relaxed),
            pending_len: post.pending_len.load(Relaxed),
            claimed: (claim.tag, claim.lo),
        }
    }

    /// Whether chunks of the current issue are left in the range of worker `rank`.
    pub(crate) fn has_unclaimed(&self, rank: usize) -> bool {
        let claim = Claim::unpack(self.posts[rank].claim.0.load(Acquire));
        claim.tag == Claim::tag::<A>(self.epoch()) && claim.lo < claim.hi
    }

    /// Whether worker `rank` may be on its way to a merge, and so wait for the cell's lock: it holds
    /// chunks, and runs none.
    pub(crate) fn may_be_merging(&self, rank: usize) -> bool {
        let note = Note(self.posts[rank].note.load(Acquire));
        let mut pending = self.pending(rank).peekable();
        let holds = pending.peek().is_some();
        holds && note.chunk().is_none_or(|chunk| pending.any(|held| held == chunk))
    }
}
