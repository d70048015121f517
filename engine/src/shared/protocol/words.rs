//! The shared words, who writes each, and how they are packed.
//!
//! | word | who writes | what |
//! |---|---|---|
//! | epoch | the publisher, Release; read Acquire | the issue number E |
//! | count | set before the epoch, then subtracted, AcqRel | chunks of this issue not yet counted |
//! | failed | whoever ran a chunk that failed, or the coordinator for poison, before the mark | serial of the last step with a failed chunk |
//! | claim\[w\] | set before the epoch, then by compare-and-exchange | tag, lo, hi: worker w's range |
//! | state\[w\] | worker w, Release; the coordinator stores 0 before a replacement starts | BUSY with E, or IDLE with E |
//! | note\[w\] | worker w | what it is about: the blame if it dies |
//! | undo\[w\] | worker w | chunk, and the serial while the copy is valid |
//! | asleep\[w\] | worker w; the coordinator stores 0 before a replacement starts | 1 while it may be in a futex wait |
//! | pending\[w\] | worker w | chunks in its private accumulator, not yet merged |
//! | mark\[c\] | whoever ran c, a lock holder, the coordinator for poison; Release | serial of the step in which c was done; never cleared |
//!
//! The *issue* number counts publications, the *serial* counts steps, from 1: a reissue after a
//! death has a new issue number and the old serial.

use super::atomics::{Atomics, Hardware, Line, Word64};
use crate::memory::Shareable;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const RANGE_BITS: u32 = 25;
const RANGE_MASK: u64 = (1 << RANGE_BITS) - 1;

/// Words of the whole engine, each on its own cache lines.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Heart<A: Atomics> {
    pub(super) epoch: Line<A::U64>,
    pub(super) count: Line<A::U64>,
    pub(super) failed: Line<A::U64>,
}

/// Words of one worker. Thieves and publishers touch the first lines, only the worker itself
/// writes the others while it runs.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Post<A: Atomics> {
    pub(super) claim: Line<A::U64>,
    pub(super) asleep: A::U64,
    pub(super) state: A::U64,
    pub(super) note: A::U64,
    pub(super) undo_serial: A::U64,
    pub(super) undo_chunk: A::U64,
    pub(super) pending_len: A::U64,
    pub(super) pending: A::Pending,
}

// SAFETY: nothing but atomics and padding.
unsafe impl Shareable for Heart<Hardware> {}
// SAFETY: nothing but atomics and padding.
unsafe impl Shareable for Post<Hardware> {}

/// The words of an engine, as every participant sees them.
#[derive(Debug)]
pub(crate) struct Board<'a, A: Atomics> {
    pub(super) heart: &'a Heart<A>,
    pub(super) posts: &'a [Post<A>],
}

impl<A: Atomics> Clone for Board<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Atomics> Copy for Board<'_, A> {}

impl<'a, A: Atomics> Board<'a, A> {
    pub(crate) fn new(heart: &'a Heart<A>, posts: &'a [Post<A>]) -> Board<'a, A> {
        Board { heart, posts }
    }

    /// Makes zeroed words those of an engine at rest: issue 1, without chunks. Workers start as if
    /// they had seen issue 0.
    pub(crate) fn begin(&self) {
        self.heart.epoch.0.store(1, Release);
    }

    /// How many workers there are.
    pub(crate) fn workers(&self) -> usize {
        self.posts.len()
    }

    /// The current issue number.
    pub(crate) fn epoch(&self) -> u64 {
        self.heart.epoch.0.load(Acquire)
    }

    /// Chunks of the current issue that nobody has counted yet; for looking at, it moves.
    pub(crate) fn remaining(&self) -> u64 {
        self.heart.count.0.load(Relaxed)
    }

    /// Worker `rank` goes to sleep in `wait`, unless there is news. `wait` returns at once if
    /// anybody has rung since the caller looked at the bell, which was before this.
    pub(crate) fn doze(&self, rank: usize, news: impl Fn() -> bool, wait: impl FnOnce()) {
        self.set_asleep(rank, true);
        if !news() {
            wait();
        }
        self.set_asleep(rank, false);
    }

    /// Worker `rank` says that it may go to sleep (or no longer will). Whoever publishes looks at
    /// this after its store; the sleeper looks at what it waits for after this.
    fn set_asleep(&self, rank: usize, asleep: bool) {
        self.posts[rank].asleep.store(asleep.into(), Release);
        A::fence_seq_cst();
    }

    /// Whether anybody may be asleep. A dead sleeper counts until it is buried: too many wakes are
    /// harmless, one too few is a deadlock.
    pub(crate) fn anybody_asleep(&self) -> bool {
        A::fence_seq_cst();
        self.posts.iter().any(|post| post.asleep.load(Relaxed) != 0)
    }

    /// Whether a worker of this rank has come as far as the protocol since the last burial.
    pub(crate) fn is_announced(&self, rank: usize) -> bool {
        self.posts[rank].state.load(Acquire) != State::NOBODY.0
    }

    /// The chunks in the private accumulator of worker `rank`.
    pub(in crate::shared) fn pending(
        &self,
        rank: usize,
    ) -> impl Iterator<Item = usize> + use<'a, A> {
        let post = &self.posts[rank];
        let pending = post.pending.as_ref();
        let len = (post.pending_len.load(Acquire) as usize).min(pending.len());
        pending[..len].iter().map(|chunk| chunk.load(Relaxed) as usize)
    }
}

/// A claim word: the tag of its issue, and a range of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) tag: u64,
    pub(super) lo: u64,
    pub(super) hi: u64,
}

impl Claim {
    pub(super) fn tag<A: Atomics>(issue: u64) -> u64 {
        issue & ((1 << A::TAG_BITS) - 1)
    }

    pub(super) fn pack(self) -> u64 {
        debug_assert!(self.lo <= RANGE_MASK && self.hi <= RANGE_MASK);
        self.tag << (2 * RANGE_BITS) | self.lo << RANGE_BITS | self.hi
    }

    pub(super) fn unpack(word: u64) -> Claim {
        Claim {
            tag: word >> (2 * RANGE_BITS),
            lo: word >> RANGE_BITS & RANGE_MASK,
            hi: word & RANGE_MASK,
        }
    }
}

/// A state word. Only idle words are odd, and 0 says that nobody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State(pub(super) u64);

impl State {
    pub(super) const NOBODY: State = State(0);

    pub(super) fn busy(issue: u64) -> State {
        State(issue << 1)
    }

    pub(super) fn idle(issue: u64) -> State {
        State(issue << 1 | 1)
    }

    /// The issue with which a worker is busy, if it is.
    pub(super) fn busy_with(self) -> Option<u64> {
        (self != State::NOBODY && self.0 & 1 == 0).then_some(self.0 >> 1)
    }
}

/// What a worker was about when it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// Running this chunk.
    Chunk(usize),
    /// Merging its private accumulator into the cell.
    Merge,
    /// Folding, evaluating a condition, or publishing.
    Fold,
}

/// A note word: kind, chunk, and the low bits of the serial, so that one store says it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Note(pub(super) u64);

impl Note {
    pub(super) const NOTHING: Note = Note(0);
    const SERIAL_BITS: u32 = 36;
    const SERIAL_MASK: u64 = (1 << Note::SERIAL_BITS) - 1;

    pub(super) fn new(blame: Blame, serial: u64) -> Note {
        let (kind, chunk) = match blame {
            Blame::Chunk(chunk) => (1, chunk as u64),
            Blame::Merge => (2, 0),
            Blame::Fold => (3, 0),
        };
        Note(kind << 61 | chunk << Note::SERIAL_BITS | serial & Note::SERIAL_MASK)
    }

    /// What it says about the step with this serial.
    pub(super) fn read(self, serial: u64) -> Option<Blame> {
        if self.0 & Note::SERIAL_MASK != serial & Note::SERIAL_MASK {
            return None;
        }
        self.blame()
    }

    /// The chunk that it names, of whichever step.
    pub(super) fn chunk(self) -> Option<usize> {
        match self.blame() {
            Some(Blame::Chunk(chunk)) => Some(chunk),
            _ => None,
        }
    }

    fn blame(self) -> Option<Blame> {
        match self.0 >> 61 {
            1 => Some(Blame::Chunk((self.0 >> Note::SERIAL_BITS & RANGE_MASK) as usize)),
            2 => Some(Blame::Merge),
            3 => Some(Blame::Fold),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::CHUNKS_MAX;

    #[test]
    fn the_widest_range_fits_a_claim_word() {
        let tag = (1 << Hardware::TAG_BITS) - 1;
        let claim = Claim { tag, lo: CHUNKS_MAX as u64 - 1, hi: CHUNKS_MAX as u64 };
        assert_eq!(Claim::unpack(claim.pack()), claim);
    }

    #[test]
    fn a_note_speaks_of_its_own_step_only() {
        let note = Note::new(Blame::Chunk(CHUNKS_MAX), 9);
        assert_eq!(note.read(9), Some(Blame::Chunk(CHUNKS_MAX)));
        assert_eq!(note.read(10), None);
        assert_eq!(Note::NOTHING.read(0), None);
    }
}
