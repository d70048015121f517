//! The coordinator's side: launch, bury the dead, reissue. It never leads and never runs user code.

use super::atomics::{Atomics, Word64};
use super::words::{Blame, Board, Claim, Note, Post, State, VOID};
use super::worker::Surroundings;
use crate::memory::Permit;
use crate::shared::damage::Damage;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Proof that the current step can be issued again: nobody holds a chunk of this issue, and nobody
/// can claim one any more, so it cannot move.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Quiet {
    issue: u64,
}

impl Quiet {
    /// The issue that has come to a standstill.
    pub(crate) fn issue(&self) -> u64 {
        self.issue
    }
}

impl<A: Atomics> Board<'_, A> {
    /// Publishes the issue after the current one, which is a rest. The caller has written its
    /// frame, and knows that nobody else launches.
    pub(crate) fn issue<H: Surroundings>(
        &self,
        host: &mut H,
        chunks: usize,
    ) -> Result<(), H::Died> {
        self.publish(host, None, self.epoch() + 1, chunks)
    }

    /// Publishes the issue after the one that has come to a standstill; its frame has been written.
    ///
    /// No grace: nobody was busy, and whoever announces itself since then claims in that very
    /// issue or not at all. (Waiting could last for ever: only the caller buries the dead.)
    pub(crate) fn reissue<H: Surroundings>(
        &self,
        host: &mut H,
        quiet: &Quiet,
        chunks: usize,
    ) -> Result<(), H::Died> {
        self.set_count(host, chunks)?;
        self.set_words(host, quiet.issue + 1, chunks)
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
    ) -> Burial
    where
        A::U64: 'm,
    {
        let post = &self.posts[rank];
        let at_work = self.is_at_work(rank);
        post.state.store(State::NOBODY.0, Release);
        post.asleep.store(0, Release);
        let undone = |chunk: usize| mark(chunk).is_some_and(|mark| is_before(mark, serial));
        let undo = post.undo_serial.load(Acquire);
        let note = Note(post.note.load(Acquire));
        let damage = self.damage_of(post, serial);
        if undo != VOID && damage.is_none() {
            let chunk = post.undo_chunk.load(Relaxed) as usize;
            if undo == serial && undone(chunk) {
                put_back(&Permit::granted_by_protocol());
            }
        }
        post.undo_serial.store(VOID, Release);
        let blame = note.read(serial);
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
        Burial { at_work, culprits, damage }
    }

    /// What the words of a reaped worker cannot be.
    fn damage_of(&self, post: &Post<A>, serial: u64) -> Option<Damage> {
        let undo = post.undo_serial.load(Acquire);
        if undo != VOID && !self.is_serial(undo, serial) {
            return Some(Damage::Undo);
        }
        let note = Note(post.note.load(Acquire));
        if !note.is_possible(self.oldest, serial) {
            return Some(Damage::State);
        }
        let blamed = note.read(serial);
        let of_undo = Some(Blame::Chunk(post.undo_chunk.load(Relaxed) as usize));
        if undo == serial && blamed != of_undo {
            return Some(Damage::Undo);
        }
        let held = post.pending_len.load(Acquire) as usize;
        (held > post.pending.as_ref().len()).then_some(Damage::Pending)
    }

    /// A worker has been reaped, and nothing will run any more.
    pub(crate) fn vacate(&self, rank: usize) {
        self.posts[rank].state.store(State::NOBODY.0, Release);
    }

    /// A worker as if it had announced itself, and then never claimed.
    #[cfg(test)]
    pub(crate) fn stall(&self, rank: usize) {
        self.posts[rank].state.store(State::busy(self.epoch()).0, Release);
    }

    /// Sets a chunk aside: marked, so that a reissue only counts it, and the step known as failed.
    pub(crate) fn poison(&self, serial: u64, mark: &A::U64) {
        self.set_failed(serial);
        mark.store(serial, Release);
    }

    /// Whether the current issue has come to a standstill.
    ///
    /// Nobody may be busy; but whoever is not (asleep, in a task, only just started) may become so
    /// at any moment. Therefore all that is not yet claimed is taken back, and every state must be
    /// the same before and after. Then nobody was busy meanwhile, who could hold a chunk or store
    /// loot; and whoever announces itself later finds nothing: it announces, then looks at the
    /// words; this takes the words back, then looks at the announcements (Dekker's pattern).
    pub(crate) fn quiet(&self) -> Option<Quiet> {
        let issue = self.epoch();
        let before = self.states();
        if before.iter().any(|state| state.busy_with().is_some()) {
            return None;
        }
        self.take_back_unclaimed(issue);
        A::fence_seq_cst();
        let unmoved = self.states() == before && self.epoch() == issue;
        unmoved.then_some(Quiet { issue })
    }

    fn states(&self) -> Vec<State> {
        self.posts.iter().map(|post| State(post.state.load(Acquire))).collect()
    }

    /// Empties the claim words of `issue`. Should the issue move meanwhile, later words stay as they are,
    /// or are emptied by mistake if their tag is the same: that costs a reissue, as the caller
    /// goes on until there is quiet.
    fn take_back_unclaimed(&self, issue: u64) {
        let tag = Claim::tag::<A>(issue);
        for post in self.posts {
            loop {
                let word = post.claim.0.load(Acquire);
                let claim = Claim::unpack(word);
                let nothing = Claim { tag, lo: 0, hi: 0 }.pack();
                let empty = claim.tag != tag || claim.lo >= claim.hi;
                if empty || post.claim.0.exchange(word, nothing) {
                    break;
                }
            }
        }
    }
}

/// What is known of a dead worker.
#[derive(Debug)]
pub(crate) struct Burial {
    /// Whether it took part in the current issue.
    pub(crate) at_work: bool,
    /// What its death is blamed on.
    pub(crate) culprits: Vec<Culprit>,
    /// Signs that its words were written over: then nothing was put back.
    pub(crate) damage: Option<Damage>,
}

/// Whether a mark is of an earlier step, or of none: far ahead of all serials lies what a stray write
/// left, and a chunk that bears it is not done.
fn is_before(mark: &impl Word64, serial: u64) -> bool {
    const STEPS_MAX: u64 = 1 << 40;
    let mark = mark.load(Acquire);
    mark < serial || mark - serial > STEPS_MAX
}

/// What a death is blamed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Culprit {
    /// A chunk that was not done yet.
    Chunk(usize),
    /// The work after a step.
    Fold,
}
