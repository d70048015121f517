//! The atomics that the protocol is written over: the machine's, or a model checker's.

use crate::memory::Shareable;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// A 64-bit atomic.
pub(crate) trait Word64: Debug + Send + Sync {
    fn load(&self, order: Ordering) -> u64;
    fn store(&self, value: u64, order: Ordering);
    /// Strong compare-and-exchange: AcqRel on success, Relaxed on failure.
    fn exchange(&self, current: u64, new: u64) -> bool;
    /// AcqRel; gives the value after it.
    fn subtract(&self, amount: u64) -> u64;
}

/// A memory system.
pub(crate) trait Atomics: Debug + 'static {
    type U64: Word64;
    /// Width of the tag in a claim word; narrow in the model, where wrapping must be met.
    const TAG_BITS: u32;
    /// A claim takes one chunk of so many (a power of two) that are left in the range, and no more
    /// than [`HAND_MAX`](Self::HAND_MAX): what is in a worker's hand nobody can steal.
    const HAND_SHIFT: u32;
    /// The most chunks that one claim takes.
    const HAND_MAX: u64;
    /// Chunks that a private accumulator may hold before it is merged; few in the model.
    type Pending: AsRef<[Self::U64]> + Debug + Send + Sync;
    /// The slots of a queue; few in the model.
    type Slots<T: Debug + Send + Sync>: AsRef<[T]> + Debug + Send + Sync;
    fn fence_seq_cst();
    /// Keeps the compiler from moving stores across: a death leaves a prefix of a process's
    /// stores in program order, so this is all that a valid-word needs.
    fn fence_compiler();
    /// Called in every bounded wait for another process.
    fn pause(turn: u32);
}

/// The most items that a queue holds, leased and finished ones included.
pub(crate) const QUEUE_SLOTS: usize = 256;

/// The machine's own atomics.
#[derive(Debug)]
pub(crate) struct Hardware;

impl Word64 for AtomicU64 {
    #[inline]
    fn load(&self, order: Ordering) -> u64 {
        AtomicU64::load(self, order)
    }

    #[inline]
    fn store(&self, value: u64, order: Ordering) {
        AtomicU64::store(self, value, order);
    }

    #[inline]
    fn exchange(&self, current: u64, new: u64) -> bool {
        self.compare_exchange(current, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    #[inline]
    fn subtract(&self, amount: u64) -> u64 {
        self.fetch_sub(amount, Ordering::AcqRel).wrapping_sub(amount)
    }
}

impl Atomics for Hardware {
    type U64 = AtomicU64;
    const TAG_BITS: u32 = 14;
    const HAND_SHIFT: u32 = 7;
    const HAND_MAX: u64 = 8;
    type Pending = [AtomicU64; 256];
    type Slots<T: Debug + Send + Sync> = [T; QUEUE_SLOTS];

    #[inline]
    fn fence_seq_cst() {
        fence(Ordering::SeqCst);
    }

    #[inline]
    fn fence_compiler() {
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
    }

    fn pause(turn: u32) {
        if turn < 100 {
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

/// A value alone on its cache lines (two, as adjacent-line prefetchers fetch pairs).
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct Line<T>(pub(crate) T);

// SAFETY: a shareable value with padding, which nobody reads.
unsafe impl<T: Shareable> Shareable for Line<T> {}
