//! A worker's side: settle claimed chunks; whoever counts the last one leads and publishes.

use super::atomics::{Atomics, Word64};
use super::crash_point::CrashPoint;
use super::words::{Blame, Board, Claim, Count, Note, State, VOID};
use crate::memory::Permit;
use crate::partition::home_range;
use crate::shared::cell::CellHost;
use crate::shared::damage::Damage;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// What a frame says of the step of an issue, as far as the protocol cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Serial number of the step.
    pub(crate) serial: u64,
    /// Chunks are updated in place: keep an undo copy of each.
    pub(crate) in_place: bool,
    /// Chunks accumulate privately and are merged into a reduction cell.
    pub(crate) cell: bool,
    /// A reissue: merge after each chunk, so that blame is exact.
    pub(crate) careful: bool,
}

/// How running a chunk went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its partial result is in its slot (or in the private accumulator).
    Done,
    /// It panicked, or the launch is cancelled: the step fails, and no retry would help.
    Failed,
}

/// What a worker's private accumulator holds, as the worker itself knows it: its list of pending
/// chunks, which the coordinator reads, may be written over.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::shared) struct Held {
    pub(in crate::shared) chunks: usize,
    /// What they weigh in the count.
    pub(in crate::shared) weight: u64,
}

/// What became of a worker's turn at an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A newer issue was published before this worker had announced itself.
    Late,
    /// Nothing is left to claim; the worker is idle in this issue.
    Idle,
    /// It counted the last chunk, and has published the next issue.
    Led,
}

/// What whoever publishes asks of its surroundings.
pub(crate) trait Surroundings {
    /// What ends a worker at a [`CrashPoint`]: `Infallible` but in tests.
    type Died;
    /// A step of the protocol has been taken.
    fn at(&mut self, point: CrashPoint) -> Result<(), Self::Died>;
    /// Wakes every sleeper, and whoever waits for the end of the plan.
    fn wake_all(&mut self);
}

/// What a worker asks of its surroundings.
pub(crate) trait Host<A: Atomics>: CellHost<A> {
    /// Reads the frame of `issue`; called only with an unsettled claim in hand, which keeps the
    /// frame from being overwritten. Runs no user code: a death in here is blamed on nobody.
    fn bind(&mut self, issue: u64) -> Step;
    /// The mark of a chunk of the bound step.
    fn mark(&self, chunk: usize) -> &A::U64;
    /// Copies what the chunk will update to this worker's undo block.
    fn keep_undo(&mut self, permit: &Permit, chunk: usize);
    /// Runs the chunk; its partial result goes to its slot, or to the private accumulator.
    fn run(&mut self, permit: &Permit, chunk: usize) -> Outcome;
    /// Throws the private accumulator away.
    fn discard(&mut self);
    /// Folds the bound step's slots (or finds it `failed`), decides what comes next, writes frame
    /// `issue + 1`, and gives its number of chunks.
    fn lead(&mut self, permit: &Permit, issue: u64, failed: bool) -> usize;
}

impl<A: Atomics> Board<'_, A> {
    /// Takes part in `issue` until nothing is left to claim or the next one is published.
    pub(crate) fn take_part<H: Host<A>>(
        &self,
        host: &mut H,
        rank: usize,
        issue: u64,
    ) -> Result<Turn, H::Died> {
        let post = &self.posts[rank];
        post.state.store(State::busy(issue).0, Release);
        A::fence_seq_cst();
        host.at(CrashPoint::Announced)?;
        if self.epoch() != issue {
            return Ok(Turn::Late);
        }
        let mut step = None;
        let mut held = Held::default();
        // The weight of what is settled and not counted: all workers count in one word, so nobody
        // does it more often than it must. Before a theft it must, lest what this worker has done
        // wait for what it steals; and if it dies with some of it, the reissue counts anew.
        let mut uncounted = 0u64;
        let mut passed = 0;
        loop {
            let mut hand = self.claim(host, rank, issue)?;
            if hand.is_empty() {
                if let (1.., Some(step)) = (uncounted, step)
                    && self.count(host, std::mem::take(&mut uncounted))?
                {
                    return self.lead(host, rank, issue, step);
                }
                hand = self.steal(host, rank, issue, &mut passed)?;
            }
            if hand.is_empty() {
                break;
            }
            let step = *step.get_or_insert_with(|| host.bind(issue));
            for chunk in hand {
                let chunk = chunk as usize;
                let settled = if host.mark(chunk).load(Acquire) == step.serial {
                    Count::weight(chunk)
                } else if step.cell {
                    self.accumulate(host, rank, step, chunk, &mut held)?
                } else {
                    self.settle(host, rank, step, chunk)?
                };
                uncounted = uncounted.wrapping_add(settled);
            }
        }
        if let Some(step) = step
            && held.chunks > 0
        {
            let settled = self.commit(host, rank, step.serial, &mut held)?;
            if self.count(host, settled)? {
                return self.lead(host, rank, issue, step);
            }
        }
        post.state.store(State::idle(issue).0, Release);
        host.at(CrashPoint::Idle)?;
        Ok(Turn::Idle)
    }

    /// Runs a chunk whose result is in its slot or its place; gives its weight, to be counted.
    #[inline]
    fn settle<H: Host<A>>(
        &self,
        host: &mut H,
        rank: usize,
        step: Step,
        chunk: usize,
    ) -> Result<u64, H::Died> {
        let post = &self.posts[rank];
        self.note(rank, Note::new(Blame::Chunk(chunk), step.serial));
        host.at(CrashPoint::Noted)?;
        if step.in_place {
            host.keep_undo(&Permit::granted_by_protocol(), chunk);
            host.at(CrashPoint::UndoKept)?;
            post.undo_chunk.store(chunk as u64, Relaxed);
            post.undo_serial.store(step.serial, Release);
            A::fence_compiler();
            host.at(CrashPoint::UndoValid)?;
        }
        self.run_or_fail(host, step, chunk);
        host.at(CrashPoint::SlotWritten)?;
        host.mark(chunk).store(step.serial, Release);
        host.at(CrashPoint::Marked)?;
        if step.in_place {
            post.undo_serial.store(VOID, Release);
            host.at(CrashPoint::UndoCleared)?;
        }
        Ok(Count::weight(chunk))
    }

    /// Runs a chunk into the private accumulator; gives the weight of the chunks to count.
    fn accumulate<H: Host<A>>(
        &self,
        host: &mut H,
        rank: usize,
        step: Step,
        chunk: usize,
        held: &mut Held,
    ) -> Result<u64, H::Died> {
        let post = &self.posts[rank];
        self.note(rank, Note::new(Blame::Chunk(chunk), step.serial));
        host.at(CrashPoint::Noted)?;
        let outcome = self.run_or_fail(host, step, chunk);
        host.at(CrashPoint::SlotWritten)?;
        if !step.careful {
            // What comes until the next note is no chunk's fault. In a reissue the note stands:
            // a chunk that leaves its worker unable to commit must be found out in the end.
            self.note(rank, Note::NOTHING);
            host.at(CrashPoint::NoteCleared)?;
        }
        post.pending.as_ref()[held.chunks].store(chunk as u64, Relaxed);
        held.chunks += 1;
        held.weight = held.weight.wrapping_add(Count::weight(chunk));
        post.pending_len.store(held.chunks as u64, Release);
        if outcome == Outcome::Failed {
            // The accumulator is tainted: throw it away; the step has failed as a whole.
            host.discard();
            self.check_pending(rank, *held).map_err(|what| host.damaged(what))?;
            self.pending(rank).for_each(|c| host.mark(c).store(step.serial, Release));
            post.pending_len.store(0, Relaxed);
            return Ok(std::mem::take(held).weight);
        }
        let full = held.chunks == post.pending.as_ref().len();
        if full || step.careful || host.commit_is_due() {
            return self.commit(host, rank, step.serial, held);
        }
        Ok(0)
    }

    #[inline]
    fn run_or_fail<H: Host<A>>(&self, host: &mut H, step: Step, chunk: usize) -> Outcome {
        let outcome = host.run(&Permit::granted_by_protocol(), chunk);
        if outcome == Outcome::Failed {
            self.set_failed(step.serial);
        }
        outcome
    }

    pub(in crate::shared) fn set_failed(&self, serial: u64) {
        self.heart.failed.0.store(serial, Release);
    }

    fn note(&self, rank: usize, note: Note) {
        self.posts[rank].note.store(note.0, Release);
        A::fence_compiler();
    }

    /// From here on a death is blamed on the merge, and so on all pending chunks.
    pub(in crate::shared) fn note_merge(&self, rank: usize, serial: u64) {
        self.note(rank, Note::new(Blame::Merge, serial));
    }

    pub(in crate::shared) fn clear_note(&self, rank: usize) {
        self.note(rank, Note::NOTHING);
    }

    /// Whether the list of pending chunks is what this worker has written.
    pub(in crate::shared) fn check_pending(&self, rank: usize, held: Held) -> Result<(), Damage> {
        let weight = self.pending(rank).map(Count::weight).fold(0, u64::wrapping_add);
        let listed = Held { chunks: self.pending(rank).count(), weight };
        if listed == held { Ok(()) } else { Err(Damage::Pending) }
    }

    pub(in crate::shared) fn clear_pending(&self, rank: usize) {
        self.posts[rank].pending_len.store(0, Release);
    }

    /// Counts settled chunks; true for whoever counts the last one.
    #[inline]
    fn count<H: Host<A>>(&self, host: &mut H, settled: u64) -> Result<bool, H::Died> {
        let left = Count(self.heart.count.0.subtract(settled));
        host.at(CrashPoint::Counted)?;
        if left.chunks() != 0 {
            return Ok(false);
        }
        // As many as there are, but not those that there are.
        if left.0 != 0 { Err(host.damaged(Damage::Count)) } else { Ok(true) }
    }

    fn lead<H: Host<A>>(
        &self,
        host: &mut H,
        rank: usize,
        issue: u64,
        step: Step,
    ) -> Result<Turn, H::Died> {
        self.note(rank, Note::new(Blame::Fold, step.serial));
        host.at(CrashPoint::Leading)?;
        let last_failed = self.heart.failed.0.load(Acquire);
        if !self.is_serial(last_failed, step.serial) {
            return Err(host.damaged(Damage::Failed));
        }
        let failed = last_failed == step.serial;
        let chunks = host.lead(&Permit::granted_by_protocol(), issue, failed);
        host.at(CrashPoint::FrameWritten)?;
        self.publish(host, Some(rank), issue + 1, chunks)?;
        Ok(Turn::Led)
    }

    /// Publishes issue `next` of `chunks` chunks; its frame has been written. `rank` is the
    /// publisher's own, or none for the coordinator's.
    pub(super) fn publish<H: Surroundings>(
        &self,
        host: &mut H,
        rank: Option<usize>,
        next: u64,
        chunks: usize,
    ) -> Result<(), H::Died> {
        self.set_count(host, chunks)?;
        A::fence_seq_cst();
        self.wait_out_stragglers(rank, next);
        self.set_words(host, next, chunks)
    }

    pub(super) fn set_count<H: Surroundings>(
        &self,
        host: &mut H,
        chunks: usize,
    ) -> Result<(), H::Died> {
        self.heart.count.0.store(Count::of(chunks).0, Release);
        host.at(CrashPoint::CountSet)
    }

    /// Hands out the home ranges, then moves the epoch, then wakes whoever sleeps.
    pub(super) fn set_words<H: Surroundings>(
        &self,
        host: &mut H,
        next: u64,
        chunks: usize,
    ) -> Result<(), H::Died> {
        let (tag, workers) = (Claim::tag::<A>(next), self.posts.len());
        for (worker, post) in self.posts.iter().enumerate() {
            let home = home_range(chunks, workers, worker);
            let claim = Claim { tag, lo: home.start as u64, hi: home.end as u64 };
            post.claim.0.store(claim.pack(), Release);
            host.at(CrashPoint::WordsSet)?;
        }
        self.heart.epoch.0.store(next, Release);
        host.at(CrashPoint::Published)?;
        host.wake_all();
        Ok(())
    }

    /// The grace: before tags can repeat, nobody may be stalled in an issue of the old meaning,
    /// where its compare-and-exchange would succeed. Looking every half window is enough.
    fn wait_out_stragglers(&self, publisher: Option<usize>, next: u64) {
        let half = 1 << (A::TAG_BITS - 1);
        if !next.is_multiple_of(half) {
            return;
        }
        for (rank, post) in self.posts.iter().enumerate() {
            let stale = || {
                let state = State(post.state.load(Acquire));
                state.busy_with().is_some_and(|issue| issue + half <= next)
            };
            let mut turn = 0;
            while publisher != Some(rank) && stale() {
                A::pause(turn);
                turn = turn.saturating_add(1);
            }
        }
    }
}
