//! Frames: the description of an issue. Two lie in the region; frame `E & 1` is current and is
//! never written while issue E is.
//!
//! | word | what |
//! |---|---|
//! | 0 | seal of all that follow |
//! | 1 | number of the issue |
//! | 2 | number of the plan |
//! | 3 | what is issued: a step, a start, or rest and how the plan ended |
//! | 4 | serial of the step |
//! | 5 | 1 for a reissue |
//! | 6 | number of chunks |
//! | 7 | number of the step in the program |
//! | 8 | words of the program's image |
//! | 9 | seal of the image |
//! | 10 | words of the state that follow |
//! | 11 … | the state: position, counters, order, set, scalars |

use crate::memory::{Region, Shareable};
use crate::shared::damage::{SEALED, sealed_with};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

/// Words of a frame.
pub(crate) const FRAME_WORDS: usize = 2048;
const HEAD: usize = 11;
const PLAN: usize = 2;
const ISSUED: usize = 3;
/// From this on the word `ISSUED` says that no plan is running.
const REST: u64 = 2;

/// A frame in the region.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct FrameWords([AtomicU64; FRAME_WORDS]);

// SAFETY: nothing but atomics.
unsafe impl Shareable for FrameWords {}

/// What an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Issued {
    /// One chunk without a kernel: whoever settles it leads, and evaluates what comes first.
    Start,
    /// A step of the program.
    Step(usize),
    /// No plan is running; how the last one ended.
    Rest(Ending),
}

/// How a plan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With its last operation.
    Finished,
    /// After a step with failed or poisoned chunks, or a fold or condition that panicked.
    Failed,
    /// By the coordinator: a fold kept killing its worker.
    FoldDied,
    /// By the coordinator: workers kept dying, and no chunk could be blamed.
    GivenUp,
}

/// A frame, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) plan: u64,
    pub(crate) serial: u64,
    pub(crate) issued: Issued,
    pub(crate) reissue: bool,
    pub(crate) chunks: usize,
    /// Words of the program's image.
    pub(crate) image_words: usize,
    pub(crate) image_seal: u64,
    pub(crate) state: State,
}

/// What of a plan changes from issue to issue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The operation that comes next.
    pub(crate) position: usize,
    pub(crate) counters: Vec<u64>,
    /// Which array plays the role of each slot.
    pub(crate) order: Vec<usize>,
    /// Which scalars have a value.
    pub(crate) set: Vec<bool>,
    pub(crate) scalars: Vec<u8>,
}

#[cfg(all(feature = "cli", any(test, feature = "fuzzing")))]
impl FrameWords {
    /// Nonsense that is sealed, as the frame of issue 0: without its seal no frame is looked at.
    /// `words` are those of the head but for the seals and the issue, then those of the state.
    pub(crate) fn sealed(words: &[u64]) -> FrameWords {
        let word = |at: usize| words.get(at).copied().unwrap_or(0);
        let mut all: Vec<u64> = vec![0, 0];
        all.extend((0..HEAD - 4).map(word));
        all.extend([0, word(HEAD - 4)]);
        all.extend(words.iter().skip(HEAD - 3));
        let end = HEAD.saturating_add(word(HEAD - 4) as usize).min(FRAME_WORDS);
        all.resize(end.max(all.len()).min(FRAME_WORDS), 0);
        all[0] = all[1..end].iter().fold(SEALED, |seal, &word| sealed_with(seal, word));
        let word = |at| AtomicU64::new(all.get(at).copied().unwrap_or(0));
        FrameWords(std::array::from_fn(word))
    }
}

impl Frame {
    /// The frame of an engine that has done nothing yet.
    pub(crate) fn at_rest(serial: u64) -> Frame {
        Frame {
            plan: 0,
            serial,
            issued: Issued::Rest(Ending::Finished),
            reissue: false,
            chunks: 0,
            image_words: 0,
            image_seal: 0,
            state: State::default(),
        }
    }

    /// Whether the frame fits; a plan whose state does not is refused before it starts.
    pub(crate) fn fits(&self) -> bool {
        HEAD + self.state.encode().len() <= FRAME_WORDS
    }

    /// Writes it as the frame of `issue`.
    pub(crate) fn write(&self, frame: &FrameWords, issue: u64) {
        let (issued, step) = match self.issued {
            Issued::Start => (0, 0),
            Issued::Step(step) => (1, step),
            Issued::Rest(Ending::Finished) => (REST, 0),
            Issued::Rest(Ending::Failed) => (3, 0),
            Issued::Rest(Ending::FoldDied) => (4, 0),
            Issued::Rest(Ending::GivenUp) => (5, 0),
        };
        let state = self.state.encode();
        // Whoever sees a word of this frame must see the epoch that moved away from the old one.
        std::sync::atomic::fence(Ordering::Release);
        let mut head: [u64; HEAD] = [
            0,
            issue,
            self.plan,
            issued,
            self.serial,
            self.reissue.into(),
            self.chunks as u64,
            step as u64,
            self.image_words as u64,
            self.image_seal,
            state.len() as u64,
        ];
        head[0] =
            head[1..].iter().chain(&state).fold(SEALED, |seal, &word| sealed_with(seal, word));
        Region::store_words(&frame.0[..HEAD], &head);
        Region::store_words(&frame.0[HEAD..], &state);
    }

    /// Reads the frame of `issue`, which cannot change meanwhile, or whose change the caller will
    /// notice; none if it is of another issue, torn or scribbled over.
    pub(crate) fn read(frame: &FrameWords, issue: u64) -> Option<Frame> {
        let mut read = Frame::at_rest(0);
        read.read_again(frame, issue)?;
        Some(read)
    }

    /// The same into this frame, whose parts then need not be allocated again; where it gives none,
    /// what is in them is unspecified.
    pub(crate) fn read_again(&mut self, frame: &FrameWords, issue: u64) -> Option<()> {
        let mut head = [0; HEAD];
        Region::load_words(&frame.0[..HEAD], &mut head);
        let [
            sealed,
            of,
            plan,
            issued,
            serial,
            reissue,
            chunks,
            step,
            image_words,
            image_seal,
            words,
        ] = head;
        let mut seal = head[1..].iter().fold(SEALED, |seal, &word| sealed_with(seal, word));
        let state = frame.0[HEAD..].get(..words as usize)?;
        let state = state.iter().map(|word| word.load(Ordering::Relaxed));
        self.state.decode(state.inspect(|&word| seal = sealed_with(seal, word)))?;
        if seal != sealed || of != issue {
            return None;
        }
        let issued = match issued {
            0 => Issued::Start,
            1 => Issued::Step(step as usize),
            REST => Issued::Rest(Ending::Finished),
            3 => Issued::Rest(Ending::Failed),
            4 => Issued::Rest(Ending::FoldDied),
            5 => Issued::Rest(Ending::GivenUp),
            _ => return None,
        };
        *self = Frame {
            plan,
            serial,
            issued,
            reissue: reissue != 0,
            chunks: chunks as usize,
            image_words: image_words as usize,
            image_seal,
            state: std::mem::take(&mut self.state),
        };
        Some(())
    }

    /// Whether a frame, which may change meanwhile, looks like the end of a plan.
    pub(crate) fn seems_at_rest(frame: &FrameWords, plan: u64) -> bool {
        let word = |index: usize| frame.0[index].load(Ordering::Relaxed);
        word(PLAN) == plan && word(ISSUED) >= REST
    }
}

impl State {
    /// One word of position, one of four lengths, then each part in whole words.
    fn encode(&self) -> Vec<u64> {
        let lengths = [self.counters.len(), self.order.len(), self.set.len(), self.scalars.len()];
        let len = 4 + self.counters.len() + self.order.len() + self.scalars.len().div_ceil(8);
        let mut words = Vec::with_capacity(len + self.set.len() / 64);
        words.push(self.position as u64);
        words.push(lengths.iter().fold(0, |word, &len| word << 16 | len as u64));
        words.extend_from_slice(&self.counters);
        words.extend(self.order.iter().map(|&slot| slot as u64));
        words.extend(
            self.set
                .chunks(64)
                .map(|bits| bits.iter().rev().fold(0, |word, &bit| word << 1 | u64::from(bit))),
        );
        words.extend(self.scalars.chunks(8).map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_ne_bytes(word)
        }));
        words
    }

    /// Reads it into the parts that are there.
    fn decode(&mut self, mut words: impl Iterator<Item = u64>) -> Option<()> {
        self.position = words.next()? as usize;
        let lengths = words.next()?;
        let len = |place: u32| (lengths >> (16 * place) & 0xFFFF) as usize;
        self.counters.clear();
        self.counters.extend(words.by_ref().take(len(3)));
        self.order.clear();
        self.order.extend(words.by_ref().take(len(2)).map(|slot| slot as usize));
        self.set.clear();
        for word in words.by_ref().take(len(1).div_ceil(64)) {
            let bits = (len(1) - self.set.len()).min(64);
            self.set.extend((0..bits).map(|bit| word >> bit & 1 == 1));
        }
        self.scalars.clear();
        for word in words {
            self.scalars.extend_from_slice(&word.to_ne_bytes());
        }
        self.scalars.truncate(len(0));
        let read = [self.scalars.len(), self.set.len(), self.order.len(), self.counters.len()];
        (read == [len(0), len(1), len(2), len(3)]).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_frame_is_read_as_it_was_written(
            position in 0usize..1000,
            counters in prop::collection::vec(any::<u64>(), 0..5),
            order in prop::collection::vec(0usize..64, 0..20),
            set in prop::collection::vec(any::<bool>(), 0..130),
            scalars in prop::collection::vec(any::<u8>(), 0..200),
            serial in any::<u64>(),
            place in any::<prop::sample::Index>(),
            change in 1..=u64::MAX,
        ) {
            let words = FrameWords([const { AtomicU64::new(0) }; FRAME_WORDS]);
            let state = State { position, counters, order, set, scalars };
            let frame = Frame {
                plan: 3, serial, issued: Issued::Step(7), reissue: true, chunks: 5,
                image_words: 11, image_seal: 12, state,
            };
            frame.write(&words, 8);
            prop_assert_eq!(Frame::read(&words, 8), Some(frame));
            prop_assert_eq!(Frame::read(&words, 10), None);
            let word = &words.0[place.index(HEAD + 4)];
            word.store(word.load(Ordering::Relaxed).wrapping_add(change), Ordering::Relaxed);
            prop_assert_eq!(Frame::read(&words, 8), None);
        }

        #[test]
        fn nonsense_is_read_without_panic(words in prop::collection::vec(any::<u64>(), 64)) {
            let frame = FrameWords([const { AtomicU64::new(0) }; FRAME_WORDS]);
            Region::store_words(&frame.0, &words);
            prop_assert_eq!(Frame::read(&frame, 1), None);
        }
    }
}
