//! Failures that are no deaths: a panic, or parameters that cannot be read. Each worker has a page
//! in the region for the lowest-numbered chunk of the step that failed on it.

use crate::memory::{Region, Shareable};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

const WORDS: usize = 509;

/// A worker's page for a failure.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct FailurePage {
    /// Serial of the step, stored last.
    serial: AtomicU64,
    chunk: AtomicU64,
    bytes: AtomicU64,
    text: [AtomicU64; WORDS],
}

// SAFETY: nothing but atomics.
unsafe impl Shareable for FailurePage {}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Failure {
    Panic {
        message: String,
        place: String,
        backtrace: String,
    },
    /// The engine's own refusal, such as parameters that do not deserialise.
    Refused(String),
    Cancelled,
}

impl Failure {
    /// Longest text of each part, so that all fit the page.
    const PART_MAX: usize = 1200;

    fn shortened(&self) -> Failure {
        let cut = |text: &String| -> String { text.chars().take(Self::PART_MAX / 4).collect() };
        let head =
            |text: &String| if text.len() > Self::PART_MAX { cut(text) } else { text.clone() };
        match self {
            Failure::Panic { message, place, backtrace } => Failure::Panic {
                message: head(message),
                place: head(place),
                backtrace: head(backtrace),
            },
            Failure::Refused(reason) => Failure::Refused(head(reason)),
            Failure::Cancelled => Failure::Cancelled,
        }
    }
}

/// In place of a chunk number, for what follows a step.
const NO_CHUNK: u64 = u64::MAX;

impl FailurePage {
    /// Writes a failure of this worker; of several in a step the lowest chunk stays. To be called
    /// before the chunk is marked.
    pub(crate) fn write(&self, serial: u64, chunk: Option<usize>, failure: &Failure) {
        let chunk = chunk.map_or(NO_CHUNK, |chunk| chunk as u64);
        let same_step = self.serial.load(Ordering::Relaxed) == serial;
        if same_step && self.chunk.load(Ordering::Relaxed) <= chunk {
            return;
        }
        self.serial.store(0, Ordering::Relaxed);
        let text = postcard::to_stdvec(&failure.shortened()).unwrap_or_default();
        let words: Vec<u64> = text
            .chunks(8)
            .map(|bytes| {
                let mut word = [0; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                u64::from_le_bytes(word)
            })
            .collect();
        debug_assert!(words.len() <= WORDS);
        Region::store_words(&self.text, &words[..words.len().min(WORDS)]);
        self.bytes.store(text.len() as u64, Ordering::Relaxed);
        self.chunk.store(chunk, Ordering::Relaxed);
        self.serial.store(serial, Ordering::Release);
    }

    /// The failure of the step `serial`, and its chunk.
    pub(crate) fn read(&self, serial: u64) -> Option<(Option<usize>, Failure)> {
        if self.serial.load(Ordering::Acquire) != serial {
            return None;
        }
        let mut words = [0; WORDS];
        Region::load_words(&self.text, &mut words);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let len = (self.bytes.load(Ordering::Relaxed) as usize).min(bytes.len());
        let chunk = self.chunk.load(Ordering::Relaxed);
        let failure = postcard::from_bytes(&bytes[..len]).ok()?;
        Some(((chunk != NO_CHUNK).then_some(chunk as usize), failure))
    }
}

thread_local! {
    static LAST_PANIC: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// Makes panics of this process leave their message, place and backtrace for [`guarded`] instead
/// of printing them. For worker processes, where nobody else has a hook.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let message = match info.payload_as_str() {
            Some(text) => text.to_owned(),
            None => "a panic whose payload is no text".into(),
        };
        let place = info.location().map_or("an unknown place".into(), ToString::to_string);
        let backtrace = std::backtrace::Backtrace::capture();
        let captured = backtrace.status() == std::backtrace::BacktraceStatus::Captured;
        let backtrace = if captured { backtrace.to_string() } else { String::new() };
        let failure = Failure::Panic { message, place, backtrace };
        LAST_PANIC.with(|last| *last.borrow_mut() = Some(failure));
    }));
}

/// Runs user code; a panic becomes a value.
pub(crate) fn guarded<T>(user_code: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(user_code)).map_err(|_| {
        let last = LAST_PANIC.with(|last| last.borrow_mut().take());
        last.unwrap_or_else(|| Failure::Refused("a panic that left no message".into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> FailurePage {
        FailurePage {
            serial: AtomicU64::new(0),
            chunk: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            text: [const { AtomicU64::new(0) }; WORDS],
        }
    }

    #[test]
    fn the_lowest_chunk_of_a_step_stays() {
        let page = page();
        let refused = |text: &str| Failure::Refused(text.into());
        page.write(4, Some(7), &refused("seven"));
        page.write(4, Some(9), &refused("nine"));
        assert_eq!(page.read(4), Some((Some(7), refused("seven"))));
        page.write(4, Some(2), &refused("two"));
        assert_eq!(page.read(4), Some((Some(2), refused("two"))));
        assert_eq!(page.read(5), None);
    }

    #[test]
    fn texts_of_any_length_fit() {
        let page = page();
        let long = "ä".repeat(100_000);
        let failure =
            Failure::Panic { message: long.clone(), place: long.clone(), backtrace: long };
        page.write(1, None, &failure);
        let (chunk, read) = page.read(1).unwrap();
        assert_eq!((chunk, read), (None, failure.shortened()));
    }
}
