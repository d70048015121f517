//! Failures that are no deaths: a panic, or parameters that cannot be read. Each worker has a page
//! in the region for the lowest-numbered chunk of the step that failed on it.

use crate::error::Panic;
use crate::memory::{Region, Shareable, words_of};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

const WORDS: usize = 508;

/// A worker's page for a failure.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct FailurePage {
    /// Serial of the step, stored last.
    serial: AtomicU64,
    chunk: AtomicU64,
    /// The stage of the step that failed on that chunk.
    stage: AtomicU64,
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
    /// Its texts cut so that all of them fit the page: the beginning of each says most.
    pub(crate) fn shortened(&self) -> Failure {
        let cut = |text: &str, bytes: usize| text[..text.floor_char_boundary(bytes)].to_owned();
        match self {
            Failure::Panic { message, place, backtrace } => Failure::Panic {
                message: cut(message, 1200),
                place: cut(place, 300),
                backtrace: cut(backtrace, 2400),
            },
            Failure::Refused(reason) => Failure::Refused(cut(reason, 1200)),
            Failure::Cancelled => Failure::Cancelled,
        }
    }
}

#[cfg(all(feature = "cli", any(test, feature = "fuzzing")))]
impl FailurePage {
    /// A page that begins with these words.
    pub(crate) fn of(words: &[u64]) -> FailurePage {
        let word = |at: usize| AtomicU64::new(words.get(at).copied().unwrap_or(0));
        FailurePage {
            serial: word(0),
            chunk: word(1),
            stage: word(2),
            bytes: word(3),
            text: std::array::from_fn(|at| word(4 + at)),
        }
    }
}

impl Failure {
    /// As bytes for the coordinator, its texts cut.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.shortened()).unwrap_or_default()
    }

    /// What another process has left: the panic of `who`, or else the reason in words.
    pub(crate) fn read(bytes: &[u8], who: &str) -> Result<Box<Panic>, String> {
        match postcard::from_bytes(bytes) {
            Ok(Failure::Panic { message, place, backtrace }) => {
                Ok(Box::new(Panic { kernel: who.into(), chunk: None, message, place, backtrace }))
            }
            Ok(Failure::Refused(reason)) => Err(reason),
            Ok(Failure::Cancelled) => Err("cancelled".into()),
            Err(e) => Err(e.to_string()),
        }
    }
}

/// Where a step has failed. That is the first of several which would also have failed without the
/// stages behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FailedAt {
    pub(crate) stage: usize,
    pub(crate) chunk: usize,
}

/// In place of the numbers of a chunk and its stage, for what follows a step.
const NO_CHUNK: u64 = u64::MAX;

impl FailurePage {
    /// Writes a failure of this worker, at a chunk if not in what follows a step; of several in a
    /// step the first stays, by stage and chunk. To be called before the chunk is marked.
    pub(crate) fn write(&self, serial: u64, at: Option<FailedAt>, failure: &Failure) {
        let (stage, chunk) =
            at.map_or((NO_CHUNK, NO_CHUNK), |at| (at.stage as u64, at.chunk as u64));
        let same_step = self.serial.load(Ordering::Relaxed) == serial;
        if same_step && self.at() <= (stage, chunk) {
            return;
        }
        self.serial.store(0, Ordering::Relaxed);
        let text = failure.to_bytes();
        let words: Vec<u64> = words_of(&text).collect();
        debug_assert!(words.len() <= WORDS);
        Region::store_words(&self.text, &words[..words.len().min(WORDS)]);
        self.bytes.store(text.len() as u64, Ordering::Relaxed);
        self.chunk.store(chunk, Ordering::Relaxed);
        self.stage.store(stage, Ordering::Relaxed);
        self.serial.store(serial, Ordering::Release);
    }

    fn at(&self) -> (u64, u64) {
        (self.stage.load(Ordering::Relaxed), self.chunk.load(Ordering::Relaxed))
    }

    /// The failure of the step `serial`, and where it was.
    pub(crate) fn read(&self, serial: u64) -> Option<(Option<FailedAt>, Failure)> {
        if self.serial.load(Ordering::Acquire) != serial {
            return None;
        }
        let mut words = [0; WORDS];
        Region::load_words(&self.text, &mut words);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let len = (self.bytes.load(Ordering::Relaxed) as usize).min(bytes.len());
        let (stage, chunk) = self.at();
        let failure = postcard::from_bytes(&bytes[..len]).ok()?;
        let at = FailedAt { stage: stage as usize, chunk: chunk as usize };
        Some(((chunk != NO_CHUNK).then_some(at), failure))
    }
}

thread_local! {
    static LAST_PANIC: RefCell<Option<Failure>> = const { RefCell::new(None) };
    /// Whether there is one: looked at around every chunk, where the rest would cost too much.
    static HAS_PANICKED: Cell<bool> = const { Cell::new(false) };
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Makes panics of this process leave their message, place and backtrace for [`guarded`]. A panic
/// that nobody will catch, or that comes on top of another, is printed: what is printed last is
/// kept in the death record.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let message = text_of(info.payload());
        let place = info.location().map_or("an unknown place".into(), ToString::to_string);
        let caught = IS_GUARDED.get() && !cannot_unwind(&message);
        LAST_PANIC.with(|last| {
            let mut last = last.borrow_mut();
            if let (Some(Failure::Panic { message, place, .. }), false) = (&*last, caught) {
                print(place, message);
            }
            if !caught {
                print(&place, &message);
            }
            let backtrace = backtrace();
            *last = Some(Failure::Panic { message, place, backtrace });
            HAS_PANICKED.set(true);
        });
    }));
}

/// In one line, as the last line is what a death record shows.
fn print(place: &str, message: &str) {
    let words: Vec<&str> = message.split_whitespace().collect();
    eprintln!("panicked at {place}: {}", words.join(" "));
}

/// Whether the standard library aborts after this panic; it says so only on nightly.
fn cannot_unwind(message: &str) -> bool {
    let starts = [
        "panic in a ",
        "unsafe precondition(s) violated",
        "misaligned pointer dereference",
        "null pointer dereference occurred",
    ];
    starts.iter().any(|start| message.starts_with(start))
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic whose payload is no text").to_owned()
}

/// The frames between the panic's own machinery and the engine's, if `RUST_BACKTRACE` asks for them.
fn backtrace() -> String {
    let backtrace = std::backtrace::Backtrace::capture();
    if backtrace.status() != std::backtrace::BacktraceStatus::Captured {
        return String::new();
    }
    let text = backtrace.to_string();
    let lines: Vec<&str> = text.lines().collect();
    let is_frame = |line: &str| !line.trim_start().starts_with("at ");
    // Not by the crate's name: it is in the names of a user's implementations of its traits, too.
    let engine = ["catch_unwind", "AssertUnwindSafe", "compute::table::Typed", "compute::bound::"];
    let is_engine = |line: &&str| is_frame(line) && engine.iter().any(|own| line.contains(own));
    let lines = &lines[..lines.iter().position(is_engine).unwrap_or(lines.len())];
    let is_machinery = |line: &&str| is_frame(line) && line.contains("panicking::");
    let from = lines.iter().rposition(is_machinery).map_or(0, |last| last + 1);
    let own_frames = lines[from..].iter().skip_while(|line| !is_frame(line));
    own_frames.copied().collect::<Vec<_>>().join("\n")
}

/// Runs user code; a panic becomes a value.
// Around each chunk: see `Loaded::run`.
#[inline(always)]
pub(crate) fn guarded<T>(user_code: impl FnOnce() -> T) -> Result<T, Failure> {
    // What is left of a panic that user code has caught itself.
    if HAS_PANICKED.replace(false) {
        LAST_PANIC.with(|last| last.borrow_mut().take());
    }
    IS_GUARDED.set(true);
    let result = catch_unwind(AssertUnwindSafe(user_code));
    IS_GUARDED.set(false);
    result.map_err(|payload| {
        let own = text_of(&*payload);
        let last = LAST_PANIC.with(|last| last.borrow_mut().take());
        let is_this =
            |last: &Failure| matches!(last, Failure::Panic { message, .. } if *message == own);
        last.filter(is_this).unwrap_or_else(|| Failure::Panic {
            message: own,
            place: "a place that is not known (it was resumed, or passed a hook of its own)".into(),
            backtrace: String::new(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> FailurePage {
        FailurePage {
            serial: AtomicU64::new(0),
            chunk: AtomicU64::new(0),
            stage: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            text: [const { AtomicU64::new(0) }; WORDS],
        }
    }

    #[test]
    fn the_first_stage_and_its_lowest_chunk_stay() {
        let page = page();
        let refused = |text: &str| Failure::Refused(text.into());
        let at = |stage, chunk| Some(FailedAt { stage, chunk });
        let kept = |serial, at, text| {
            page.write(serial, at, &refused(text));
            page.read(4)
        };
        assert_eq!(kept(4, None, "fold"), Some((None, refused("fold"))));
        assert_eq!(kept(3, at(0, 0), "before"), None);
        let seven = Some((at(1, 7), refused("seven")));
        assert_eq!(kept(4, at(1, 7), "seven"), seven);
        assert_eq!(kept(4, at(1, 9), "nine"), seven);
        assert_eq!(kept(4, at(2, 0), "later"), seven);
        assert_eq!(kept(4, at(1, 2), "two"), Some((at(1, 2), refused("two"))));
        assert_eq!(kept(4, at(0, 9), "first"), Some((at(0, 9), refused("first"))));
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
