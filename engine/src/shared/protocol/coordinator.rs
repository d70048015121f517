//! The coordinator's side: launch, bury the dead, reissue. It never leads and never runs user code.

use super::atomics::{Atomics, Word64};
use super::words::{Blame, Board, Note, State};
use super::worker::Surroundings;
use crate::memory::Permit;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Whether a step can be issued again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// Some worker holds, or may still claim, chunks; or the epoch moved.
    No,
    /// Every live worker is idle in this issue, which is the current one, so it cannot move.
    In(u64),
}

impl<A: Atomics> Board<'_, A> {
    /// Publishes the issue after the current one. The caller has written its frame, and knows that
    /// nobody else can publish: the plan is over or not begun, or all workers are idle in it.
    pub(crate) fn issue<H: Surroundings>(
        &self,
        host: &mut H,
        chunks: usize,
    ) -> Result<(), H::Died> {
        self.publish(host, None, self.epoch() + 1, chunks)
    }

    /// Sets the words of a reaped worker right. Only when it is reaped: a worker that was merely
    /// killed may still run. Gives what it was about in the step `serial`; the caller decides on
    /// poison, wakes all, and starts the replacement after that.
    ///
    /// `mark` finds a chunk's mark, if there is such a chunk; `put_back` restores the undo block of this worker.
    pub(crate) fn bury<'m>(
        &self,
        rank: usize,
        serial: u64,
        mark: impl Fn(usize) -> Option<&'m A::U64>,
        put_back: impl FnOnce(&Permit),
    ) -> Vec<Culprit>
    where
        A::U64: 'm,
    {
        let post = &self.posts[rank];
        post.state.store(State::NOBODY.0, Release);
        post.asleep.store(0, Release);
        let undone = |chunk: usize| mark(chunk).is_some_and(|mark| mark.load(Acquire) < serial);
        let undo = post.undo_serial.load(Acquire);
        if undo != 0 {
            let chunk = post.undo_chunk.load(Relaxed) as usize;
            if undo == serial && undone(chunk) {
                put_back(&Permit::granted_by_protocol());
            }
            post.undo_serial.store(0, Release);
        }
        let blame = Note(post.note.load(Acquire)).read(serial);
        let chunks = match blame {
            Some(Blame::Chunk(chunk)) => vec![chunk],
            // A merge of several: the reissue merges after each chunk, so it will tell.
            Some(Blame::Merge) if self.pending(rank).count() == 1 => self.pending(rank).collect(),
            _ => vec![],
        };
        let mut culprits: Vec<Culprit> =
            chunks.into_iter().filter(|&chunk| undone(chunk)).map(Culprit::Chunk).collect();
        if blame == Some(Blame::Fold) {
            culprits.push(Culprit::Fold);
        }
        post.note.store(Note::NOTHING.0, Release);
        post.pending_len.store(0, Release);
        culprits
    }

    /// Sets a chunk aside: marked, so that a reissue only counts it, and the step known as failed.
    pub(crate) fn poison(&self, serial: u64, mark: &A::U64) {
        self.heart.failed.0.store(serial, Release);
        mark.store(serial, Release);
    }

    /// Whether every live worker is idle in the current issue. `live` tells which workers are
    /// running or starting; one that has not announced itself yet counts as not idle.
    pub(crate) fn quiet(&self, live: impl Fn(usize) -> bool) -> Quiet {
        let issue = self.epoch();
        let idle = |rank: usize| self.posts[rank].state.load(Acquire) == State::idle(issue).0;
        let all_idle = (0..self.posts.len()).all(|rank| !live(rank) || idle(rank));
        if all_idle && self.epoch() == issue { Quiet::In(issue) } else { Quiet::No }
    }
}

/// What a death is blamed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Culprit {
    /// A chunk that was not done yet.
    Chunk(usize),
    /// The work after a step.
    Fold,
}
