//! Signs that somebody else has written into the engine's own words: values that no party to the
//! protocol can have stored. A kernel's stray write is found by them before it becomes a wrong
//! answer; what finds one names it and touches nothing more.
//!
//! Words check themselves where that costs next to nothing: numbers that are never small, so that
//! neither zeros nor counters nor floats are taken for them ([`first_serial`]); values that say
//! "nothing" and are not 0; a seal beside what is read together; the count of a step, which sums the
//! numbers of the chunks as well. ARCHITECTURE.md says what escapes all of this.

use std::fmt;

/// What was written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Damage {
    Ends = 1,
    Frame,
    Image,
    Claim,
    Count,
    Failed,
    State,
    Undo,
    Pending,
    Cell,
    Lock,
    Queue,
    Task,
    Faults,
}

impl Damage {
    const ALL: [Damage; 14] = [
        Damage::Ends,
        Damage::Frame,
        Damage::Image,
        Damage::Claim,
        Damage::Count,
        Damage::Failed,
        Damage::State,
        Damage::Undo,
        Damage::Pending,
        Damage::Cell,
        Damage::Lock,
        Damage::Queue,
        Damage::Task,
        Damage::Faults,
    ];

    /// What a word says that holds 0 or one of these.
    pub(crate) fn of_word(word: u64) -> Option<Damage> {
        let known = Damage::ALL.into_iter().find(|damage| *damage as u64 == word);
        (word != 0).then(|| known.unwrap_or(Damage::Faults))
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Damage::Ends => "words that never change",
            Damage::Frame => "the description of the step",
            Damage::Image => "the description of the plan",
            Damage::Claim => "a worker's range of chunks",
            Damage::Count => "the count of chunks that are not done",
            Damage::Failed => "the note of a failed step",
            Damage::State => "a worker's state",
            Damage::Undo => "a worker's note of its undo copy",
            Damage::Pending => "a worker's list of chunks to merge",
            Damage::Cell => "the record of a reduction cell",
            Damage::Lock => "the lock of a reduction cell",
            Damage::Queue => "a task queue",
            Damage::Task => "the place of a task's parameters or result",
            Damage::Faults => "a worker's note of a fault",
        })
    }
}

/// A number that changes with each of these words: what a wild write leaves is taken for sealed once
/// in 2^64. It is no signature: who knows how can forge it.
pub(crate) fn seal(words: impl IntoIterator<Item = u64>) -> u64 {
    words.into_iter().fold(SEALED, sealed_with)
}

/// The seal of no words: neither zeros nor any other word repeated are sealed by themselves.
pub(crate) const SEALED: u64 = 0x9E37_79B9_7F4A_7C15;

/// The seal of one word more: three operations, as steps wait for it.
#[inline]
pub(crate) fn sealed_with(seal: u64, word: u64) -> u64 {
    seal.rotate_left(7).wrapping_add(word).wrapping_add(SEALED)
}

/// The serial of the engine that has done nothing yet, drawn from its nonce. Serials count from
/// here: what lies outside of the range from here to the current one was never a serial.
pub(crate) fn first_serial(nonce: u64) -> u64 {
    1 << 40 | nonce >> 24
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_and_its_place_count() {
        let words = [1, 2, 3, 0, 0];
        let whole = seal(words);
        for (place, bit) in (0..words.len()).flat_map(|place| [(place, 0), (place, 63)]) {
            let mut other = words;
            other[place] ^= 1 << bit;
            assert_ne!(seal(other), whole);
        }
        assert_ne!(seal([2, 1, 3, 0, 0]), whole);
        assert_ne!(seal([1, 2, 3, 0]), whole);
        assert!((1..200).all(|len| seal(vec![0; len]) != 0));
    }

    #[test]
    fn what_a_worker_reports_is_understood() {
        assert!(Damage::ALL.into_iter().all(|one| Damage::of_word(one as u64) == Some(one)));
        assert_eq!((Damage::of_word(0), Damage::of_word(99)), (None, Some(Damage::Faults)));
    }
}
