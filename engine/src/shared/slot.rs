//! A slot of a task queue: where a task's parameters and result lie. What one party writes for the
//! other is sealed, with the task's number: so a slot that was written over leads nobody to read or
//! write elsewhere.

use super::damage::{Damage, seal};
use super::protocol::{Atomics, Word64};
use std::sync::atomic::Ordering::Relaxed;

/// The words of a slot. All but the state belong to whom the state names.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Slot<A: Atomics> {
    pub(super) state: A::U64,
    /// The table of the task's function.
    function: A::U64,
    /// Where the parameters lie in the region, and their length.
    params: [A::U64; 2],
    params_seal: A::U64,
    /// Where the result shall lie, and the room there.
    room: [A::U64; 2],
    room_seal: A::U64,
    /// The bytes of the result, which may be more than there is room for yet.
    len: A::U64,
    /// How the task ended, in its owner's code.
    outcome: A::U64,
    result_seal: A::U64,
}

/// A part of the region: offset and bytes.
pub(crate) type Part = [u64; 2];

impl<A: Atomics> Slot<A> {
    /// A slot of the given words, for the model.
    #[cfg(test)]
    pub(super) fn with(zero: impl Fn() -> A::U64) -> Slot<A> {
        Slot {
            state: zero(),
            function: zero(),
            params: [zero(), zero()],
            params_seal: zero(),
            room: [zero(), zero()],
            room_seal: zero(),
            len: zero(),
            outcome: zero(),
            result_seal: zero(),
        }
    }

    /// Says which function task `sequence` runs, and where its parameters lie.
    pub(crate) fn set_task(&self, sequence: u64, function: u64, part: Part) {
        self.function.store(function, Relaxed);
        set(&self.params, &self.params_seal, sequence ^ function, part);
    }

    /// Which it is, and where they lie.
    pub(crate) fn task(&self, sequence: u64) -> Result<(u64, Part), Damage> {
        let function = self.function.load(Relaxed);
        Ok((function, part(&self.params, &self.params_seal, sequence ^ function)?))
    }

    /// Says where the result shall lie.
    pub(crate) fn set_room(&self, sequence: u64, part: Part) {
        set(&self.room, &self.room_seal, sequence, part);
    }

    /// Where it shall lie, and how much room is there.
    pub(crate) fn room(&self, sequence: u64) -> Result<Part, Damage> {
        part(&self.room, &self.room_seal, sequence)
    }

    /// Says how many bytes the result has.
    pub(crate) fn set_len(&self, bytes: usize) {
        self.len.store(bytes as u64, Relaxed);
    }

    /// How many bytes of room are asked for.
    pub(crate) fn wanted(&self) -> usize {
        self.len.load(Relaxed) as usize
    }

    /// Says how the task ended; a result lies in its room.
    pub(crate) fn set_outcome(&self, sequence: u64, outcome: u64) {
        self.outcome.store(outcome, Relaxed);
        self.result_seal.store(self.sealed_result(sequence), Relaxed);
    }

    /// How the task ended, and where its result lies, if it left one.
    pub(crate) fn result(&self, sequence: u64) -> Result<(u64, Part), Damage> {
        if self.result_seal.load(Relaxed) != self.sealed_result(sequence) {
            return Err(Damage::Task);
        }
        let [offset, _] = self.room(sequence)?;
        Ok((self.outcome.load(Relaxed), [offset, self.len.load(Relaxed)]))
    }

    fn sealed_result(&self, sequence: u64) -> u64 {
        seal([sequence, self.len.load(Relaxed), self.outcome.load(Relaxed)])
    }
}

fn set<W: Word64>(words: &[W; 2], sealed: &W, sequence: u64, part: Part) {
    words.iter().zip(part).for_each(|(word, value)| word.store(value, Relaxed));
    sealed.store(seal([sequence, part[0], part[1]]), Relaxed);
}

fn part<W: Word64>(words: &[W; 2], sealed: &W, sequence: u64) -> Result<Part, Damage> {
    let part = [words[0].load(Relaxed), words[1].load(Relaxed)];
    let whole = sealed.load(Relaxed) == seal([sequence, part[0], part[1]]);
    if whole { Ok(part) } else { Err(Damage::Task) }
}
