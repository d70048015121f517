//! The shared words, who writes each, and how they are packed.
//!
//! | word | who writes | what |
//! |---|---|---|
//! | epoch | the publisher, Release; read Acquire | the issue number E |
//! | count | set before the epoch, then subtracted, AcqRel | chunks of this issue not yet counted, and above that the sum of their numbers |
//! | failed | whoever ran a chunk that failed, or the coordinator for poison, before the mark | serial of the last step with a failed chunk |
//! | claim\[w\] | set before the epoch, then by compare-and-exchange | tag, lo, hi: worker w's range |
//! | state\[w\] | worker w, Release; the coordinator stores 0 before a replacement starts | BUSY with E, or IDLE with E |
//! | note\[w\] | worker w | what it is about: the blame if it dies |
//! | undo\[w\] | worker w | chunk, and the serial while the copy is valid, else VOID |
//! | asleep\[w\] | worker w; the coordinator stores 0 before a replacement starts | 1 while it may be in a futex wait |
//! | pending\[w\] | worker w | chunks in its private accumulator, not yet merged |
//! | mark\[c\] | whoever ran c, a lock holder, the coordinator for poison; Release | serial of the step in which c was done; never cleared |
//!
//! The *issue* number counts publications, the *serial* counts steps, from 1: a reissue after a
//! death has a new issue number and the old serial.

use super::atomics::{Atomics, Hardware, Line, Word64};
use crate::memory::Shareable;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// What the undo word of a worker says that has no valid copy: not 0, which a stray write may leave.
pub(super) const VOID: u64 = 0x5EED_0FA9_00DC_0DE5;
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
    /// The first serial: whatever word holds a lower one was written over.
    pub(super) oldest: u64,
}

impl<A: Atomics> Clone for Board<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Atomics> Copy for Board<'_, A> {}

impl<'a, A: Atomics> Board<'a, A> {
    /// `oldest` is the serial of the engine at rest that `begin` makes.
    pub(crate) fn new(heart: &'a Heart<A>, posts: &'a [Post<A>], oldest: u64) -> Board<'a, A> {
        Board { heart, posts, oldest }
    }

    /// Makes zeroed words those of an engine at rest: issue 1, without chunks. Workers start as if
    /// they had seen issue 0.
    pub(crate) fn begin(&self) {
        self.heart.failed.0.store(self.oldest, Relaxed);
        self.posts.iter().for_each(|post| post.undo_serial.store(VOID, Relaxed));
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

    /// Chunks of the current issue that nobody has settled yet, but for those of whoever is just
    /// stealing; for looking at, it moves. (The count falls behind: workers count several at once.)
    pub(crate) fn remaining(&self) -> u64 {
        let issue = self.epoch();
        let tag = Claim::tag::<A>(issue);
        let of_post = |post: &Post<A>| {
            let claim = Claim::unpack(post.claim.0.load(Relaxed));
            let unclaimed = claim.hi.saturating_sub(claim.lo);
            let in_hand = State(post.state.load(Relaxed)).busy_with() == Some(issue);
            if claim.tag == tag { unclaimed + u64::from(in_hand) } else { 0 }
        };
        self.posts.iter().map(of_post).sum()
    }

    /// The first serial of this engine.
    pub(crate) fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Whether a word can hold a serial up to the current one.
    pub(super) fn is_serial(&self, word: u64, current: u64) -> bool {
        (self.oldest..=current).contains(&word)
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

    /// Whether worker `rank` says that it may be asleep.
    pub(crate) fn is_asleep(&self, rank: usize) -> bool {
        self.posts[rank].asleep.load(Acquire) != 0
    }

    /// Whether anybody may be asleep. A dead sleeper counts until it is buried: too many wakes are
    /// harmless, one too few is a deadlock.
    pub(crate) fn anybody_asleep(&self) -> bool {
        A::fence_seq_cst();
        self.posts.iter().any(|post| post.asleep.load(Relaxed) != 0)
    }

    /// Whether worker `rank` takes part in the current issue; for a dead one it cannot change.
    pub(crate) fn is_at_work(&self, rank: usize) -> bool {
        State(self.posts[rank].state.load(Acquire)).busy_with() == Some(self.epoch())
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

/// The count word: how many chunks, and above that the sum of what is peculiar to each. Counted to 0
/// it says not only that as many chunks were counted as there are, but that none was counted twice in
/// place of another, whatever was written over claims and lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count(pub(super) u64);

impl Count {
    const CHUNKS_BITS: u32 = RANGE_BITS + 1;
    /// What each chunk adds beside its number, so that no small word is the weight of any.
    const PECULIAR: u64 = 0x002F_0E1E_BA85;

    /// What a chunk weighs in a count.
    #[inline]
    pub(super) fn weight(chunk: usize) -> u64 {
        Count::PECULIAR.wrapping_add(chunk as u64) << Count::CHUNKS_BITS | 1
    }

    /// The weight of the chunks `0..chunks`.
    pub(super) fn of(chunks: usize) -> Count {
        let chunks = chunks as u64;
        let numbers = chunks * chunks.saturating_sub(1) / 2;
        let sum = Count::PECULIAR.wrapping_mul(chunks).wrapping_add(numbers);
        Count(sum << Count::CHUNKS_BITS | chunks)
    }

    /// How many chunks it counts.
    #[inline]
    pub(super) fn chunks(self) -> u64 {
        self.0 & ((1 << Count::CHUNKS_BITS) - 1)
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

    /// Whether it can have been written by a worker, in a step from `oldest` to `current`.
    pub(super) fn is_possible(self, oldest: u64, current: u64) -> bool {
        let age = current.wrapping_sub(self.0) & Note::SERIAL_MASK;
        let is_kind = (1..=3).contains(&(self.0 >> 61));
        self.0 == Note::NOTHING.0 || is_kind && age <= current - oldest
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
    fn a_count_comes_to_nothing_by_its_own_chunks_alone() {
        for chunks in [0, 1, 2, 9, 1000, CHUNKS_MAX] {
            assert_eq!(Count::of(chunks).chunks(), chunks as u64);
        }
        let all = |chunks: &[usize]| {
            let weights = chunks.iter().map(|&chunk| Count::weight(chunk));
            weights.fold(Count::of(4).0, u64::wrapping_sub)
        };
        assert_eq!(all(&[2, 0, 3, 1]), 0);
        let twice = Count(all(&[2, 0, 3, 3]));
        assert!(twice.chunks() == 0 && twice.0 != 0);
        // A small number in its place never comes to nothing.
        let small = (0..1000).map(|word: u64| word.wrapping_sub(Count::weight(word as usize)));
        assert!(small.into_iter().all(|left| left != 0));
    }

    #[test]
    fn a_note_speaks_of_its_own_step_only() {
        let note = Note::new(Blame::Chunk(CHUNKS_MAX), 9);
        assert_eq!(note.read(9), Some(Blame::Chunk(CHUNKS_MAX)));
        assert_eq!(note.read(10), None);
        assert_eq!(Note::NOTHING.read(0), None);
    }
}
