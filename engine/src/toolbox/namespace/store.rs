//! A namespace's words and memory: generations, each a whole directory with its values.
//!
//! Nothing that the current generation has is ever written over. A transaction writes its values and a
//! new directory into free memory, then the directory's root into the slot of the next generation, and
//! then, as the one store that changes anything, the number of that generation. So whoever dies, before
//! any instruction, leaves the old values or the new ones, and nothing to be set right; the lock, which
//! holds transactions apart, is robust.
//!
//! Readers take no lock and store nothing. They copy, and look at the number again: memory that
//! generation G has is written to again only once G + 1 is current, so what was copied while G was
//! current is whole. The fences are those of a sequence lock: see [`Store::read`] and `Writer::prepare`.
//!
//! Who waits for a change says so in a flag, which the waker takes down: should the waiter die, the next
//! change costs one system call. Should the waker die before the wake, the burial wakes.

use super::directory::{Directory, Span, UNIT};
use crate::error::{NamespaceFailure, Result};
use crate::machine::futex;
use crate::memory::{Region, Shareable, words_of};
use crate::shared::damage::seal;
use crate::shared::lock::LockBytes;
use crate::shared::protocol::Line;
use crate::shared::seat::Gone;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};
use std::time::{Duration, Instant};

/// What lies in the region, before the memory for values.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Words {
    /// Held by the transaction that is being made.
    pub(super) lock: LockBytes,
    /// Bytes of memory, which never change.
    capacity: AtomicU64,
    /// The number of the current generation: the one word that commits.
    pub(super) generation: Line<AtomicU64>,
    /// Of generation G, slot G & 1.
    roots: [Root; 2],
    /// What waiters sleep on, and whether there may be any.
    moved: Line<AtomicU32>,
    sleeping: AtomicU32,
}

// SAFETY: atomics, the lock's bytes, which are shareable, and padding.
unsafe impl Shareable for Words {}

/// Where a directory lies.
#[derive(Debug)]
#[repr(C)]
struct Root {
    offset: AtomicU64,
    bytes: AtomicU64,
    seal: AtomicU64,
}

/// The longest that a waiter sleeps before it looks again.
const SLEEP_MAX: Duration = Duration::from_millis(500);

/// A namespace's words and memory, in this process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Store<'a> {
    region: &'a Region,
    offset: usize,
}

impl<'a> Store<'a> {
    pub(super) fn over(region: &'a Region, offset: usize) -> Store<'a> {
        Store { region, offset }
    }

    /// Bytes of a store with so much memory for values.
    pub(super) fn bytes_for(capacity: usize) -> usize {
        let units = capacity.div_ceil(UNIT as usize);
        units
            .saturating_mul(UNIT as usize)
            .saturating_add(size_of::<Words>())
            .min(isize::MAX as usize)
    }

    /// Sets up zeroed words: the first generation, which has nothing.
    pub(super) fn initialise(region: &Region, offset: usize, capacity: usize) -> Result<()> {
        let store = Store { region, offset };
        let words = store.words();
        words.lock.initialise()?;
        words.capacity.store(capacity.next_multiple_of(UNIT as usize) as u64, Relaxed);
        store.set_root(1, Span { offset: 0, bytes: 0 }, &[]);
        words.generation.0.store(1, Release);
        Ok(())
    }

    pub(super) fn words(self) -> &'a Words {
        self.region.at(self.offset)
    }

    /// What tells it from others of this process.
    pub(super) fn key(self) -> usize {
        std::ptr::from_ref(self.words()).addr()
    }

    /// Bytes of memory.
    pub(super) fn capacity(self) -> Result<u64, NamespaceFailure> {
        let capacity = self.words().capacity.load(Relaxed);
        let end = usize::try_from(capacity).ok().and_then(|bytes| self.memory().checked_add(bytes));
        let is_inside = end.is_some_and(|end| end <= self.region.capacity());
        if is_inside { Ok(capacity) } else { Err(NamespaceFailure::Damaged) }
    }

    /// The offset of the memory.
    fn memory(self) -> usize {
        self.offset + size_of::<Words>()
    }

    pub(super) fn store(self, at: Span, bytes: &[u8]) {
        self.region.store_bytes(self.memory() + at.offset as usize, bytes);
    }

    /// Copies a piece that lies within the capacity.
    pub(super) fn load(self, at: Span) -> Vec<u8> {
        self.region.load_bytes(self.memory() + at.offset as usize, at.bytes as usize)
    }

    /// Says where the directory of a generation lies, which is not current yet.
    pub(super) fn set_root(self, generation: u64, at: Span, bytes: &[u8]) {
        let root = &self.words().roots[generation as usize & 1];
        root.offset.store(at.offset, Relaxed);
        root.bytes.store(at.bytes, Relaxed);
        root.seal.store(sealed(generation, at, bytes), Relaxed);
    }

    /// The directory of a generation; damaged, too, if that is no longer current.
    pub(super) fn directory(self, generation: u64) -> Result<Directory, NamespaceFailure> {
        let root = &self.words().roots[generation as usize & 1];
        let at = Span { offset: root.offset.load(Relaxed), bytes: root.bytes.load(Relaxed) };
        let seal = root.seal.load(Relaxed);
        let capacity = self.capacity()?;
        if !at.lies_within(capacity) {
            return Err(NamespaceFailure::Damaged);
        }
        let bytes = self.load(at);
        if seal != sealed(generation, at, &bytes) {
            return Err(NamespaceFailure::Damaged);
        }
        Ok(Directory { at, bytes, capacity })
    }

    /// What `look` finds in the current generation; none if it kept changing meanwhile.
    pub(super) fn read<R>(
        self,
        look: impl Fn(&Directory) -> Result<R, NamespaceFailure>,
    ) -> Option<Result<R, NamespaceFailure>> {
        /// Looks before a reader goes and holds the writers off.
        const LOOKS: usize = 100;
        let current = &self.words().generation.0;
        (0..LOOKS).find_map(|_| {
            let generation = current.load(Acquire);
            let found = self.directory(generation).and_then(|directory| look(&directory));
            // What was copied was copied before this.
            fence(Acquire);
            (current.load(Relaxed) == generation).then_some(found)
        })
    }

    /// Wakes whoever waits for a change, after one.
    pub(super) fn tell(self) {
        fence(SeqCst);
        if self.words().sleeping.load(Relaxed) != 0 {
            self.wake();
        }
    }

    fn wake(self) {
        let words = self.words();
        words.sleeping.store(0, Relaxed);
        // Whoever sees it move also sees the flag down, and puts it up again.
        words.moved.0.fetch_add(1, Release);
        futex::wake_all(&words.moved.0);
    }

    /// Waits until `ready` gives something; none if the time is up before.
    pub(super) fn wait<R>(
        self,
        until: Option<Instant>,
        ready: impl Fn() -> Result<Option<R>>,
    ) -> Result<Option<R>> {
        let words = self.words();
        loop {
            let seen = words.moved.0.load(Acquire);
            words.sleeping.store(1, Relaxed);
            fence(SeqCst);
            if let Some(found) = ready()? {
                return Ok(Some(found));
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(None);
            }
            let sleep = left.map_or(SLEEP_MAX, |left| left.min(SLEEP_MAX));
            futex::wait(&words.moved.0, seen, Some(sleep));
        }
    }

    /// After a participant's end: it may have changed something and not told.
    pub(super) fn bury(region: &Region, offset: usize, _: Gone) {
        Store { region, offset }.wake();
    }
}

fn sealed(generation: u64, at: Span, bytes: &[u8]) -> u64 {
    seal([generation, at.offset, at.bytes].into_iter().chain(words_of(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::ARRAYS;
    use crate::shared::seat::Seat;

    #[test]
    fn changes_wake_where_somebody_may_sleep_and_burials_always() {
        let region = Region::create(8 << 20).unwrap();
        Store::initialise(&region, ARRAYS, 1000).unwrap();
        let store = Store::over(&region, ARRAYS);
        let moved = || store.words().moved.0.load(Relaxed);
        store.tell();
        assert_eq!(moved(), 0, "nobody sleeps");
        let waited: Result<Option<()>> = store.wait(Some(Instant::now()), || Ok(None));
        assert_eq!(waited.unwrap(), None);
        store.tell();
        store.tell();
        assert_eq!(moved(), 1, "somebody did, before the first");
        Store::bury(&region, ARRAYS, Gone { seat: Seat::COORDINATOR, cleanly: true });
        assert_eq!(moved(), 2);
    }
}
