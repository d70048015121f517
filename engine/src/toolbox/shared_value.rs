//! A value that processes share, and its lock in one.
//!
//! The value lies there twice, and one word says which is current. A transaction reads the current
//! one, changes its copy, stores that in the other place, and commits by one store of the word, all
//! under the robust lock. So a death at any instruction leaves the value as it was or as it shall be,
//! and nothing to be set right: the next owner of the lock only takes it over.

use super::anchor::{Anchor, Kind, travels};
use super::commons::{Commons, Spec};
use crate::error::{Error, Result};
use crate::machine::futex;
use crate::memory::{Element, Region, Shareable};
use crate::shared::cell::Owner;
use crate::shared::lock::{LockBytes, RobustLock};
use crate::shared::seat::Gone;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

/// Waiters look again this often, whoever has died meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

#[derive(Debug)]
#[repr(C)]
struct Words {
    lock: LockBytes,
    /// Which of the two values is current; of the word the last bit counts.
    current: AtomicU64,
    /// 1 while a thread is in a transaction. Under the lock: who finds 1, and no death, is that thread.
    is_busy: AtomicU32,
    /// Grows with each change; what waiters sleep on.
    changes: AtomicU32,
    sleepers: AtomicU32,
}

// SAFETY: the lock's bytes are shareable, all else are atomics and padding.
unsafe impl Shareable for Words {}

/// Bytes of the words, behind which the two values lie.
const HEAD: usize = size_of::<Words>().next_multiple_of(128);

/// A value in shared memory that can be reached under its lock alone: multiprocessing's Value, and
/// its sharedctypes, for any plain struct.
///
/// There a program can leave the lock out, and ten processes that each add 1 ten times end with less
/// than 100. Here each change is a transaction: nobody sees it half done, and if the process dies or
/// panics in the middle the old value stays and nobody is blocked.
///
/// Clones are the same value, and can be passed to processes, tasks and kernels, and sent through
/// pipes and queues.
///
/// ```
/// use gristmill::{Engine, Shared};
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?;
/// let counter = engine.shared(0u64)?;
/// let count = |counter: Shared<u64>| {
///     for _ in 0..10 {
///         counter.update(|n| *n += 1).unwrap();
///     }
/// };
/// let processes: Vec<_> =
///     (0..10).map(|_| engine.spawn(count, counter.clone())).collect::<Result<_, _>>()?;
/// processes.into_iter().try_for_each(|process| process.join())?;
/// assert_eq!(counter.get()?, 100);
/// # Ok(()) }
/// ```
///
/// A struct of one's own:
///
/// ```
/// use bytemuck::{Pod, Zeroable};
///
/// #[derive(Clone, Copy, Pod, Zeroable)]
/// #[repr(C)]
/// struct Point {
///     x: f64,
///     y: f64,
/// }
///
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let point = engine.shared(Point { x: 1.0, y: 2.0 })?;
/// let norm = point.update(|point| {
///     std::mem::swap(&mut point.x, &mut point.y);
///     point.x.hypot(point.y)
/// })?;
/// assert_eq!((point.get()?.x, norm), (2.0, 5f64.sqrt()));
/// # Ok(()) }
/// ```
pub struct Shared<T> {
    anchor: Anchor,
    value: PhantomData<fn(T) -> T>,
}

impl<T: Element> Shared<T> {
    pub(crate) fn make(commons: &Arc<Commons>, value: T) -> Result<Shared<T>> {
        const { assert!(size_of::<T>() > 0, "a value of size 0 has nothing to share") };
        let spec = Spec {
            kind: Kind::Shared,
            purpose: "a shared value",
            bytes: HEAD + 2 * Self::stride(),
            type_name: std::any::type_name::<Self>(),
            bury,
        };
        let anchor = commons.make(spec, |region, offset| {
            region.store_bytes(offset + HEAD, bytemuck::bytes_of(&value));
            region.at::<Words>(offset).lock.initialise()
        })?;
        Ok(Self::over(anchor))
    }

    fn over(anchor: Anchor) -> Shared<T> {
        Shared { anchor, value: PhantomData }
    }

    /// Bytes from one value to the other.
    fn stride() -> usize {
        size_of::<T>().next_multiple_of(8)
    }

    /// Changes the value, under its lock; gives what `change` gives. It works on a copy, which
    /// becomes the value when it returns: should it panic, or its process die, the old one stays.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`] if somebody wrote over the lock.
    ///
    /// # Panics
    ///
    /// Within a transaction of the same value, which would wait for itself for ever.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R> {
        let hold = self.hold()?;
        let mut value = self.load(hold.current());
        let result = change(&mut value);
        let next = 1 - hold.current();
        self.anchor.region().store_bytes(self.place(next), bytemuck::bytes_of(&value));
        hold.words.current.store(next as u64, Ordering::Release);
        hold.words.changes.fetch_add(1, Ordering::Relaxed);
        let words = hold.words;
        drop(hold);
        announce(words);
        Ok(result)
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// As [`update`](Shared::update).
    ///
    /// # Panics
    ///
    /// As there.
    pub fn get(&self) -> Result<T> {
        let hold = self.hold()?;
        Ok(self.load(hold.current()))
    }

    /// Exchanges the value; gives the old one.
    ///
    /// # Errors
    ///
    /// As [`update`](Shared::update).
    ///
    /// # Panics
    ///
    /// As there.
    pub fn replace(&self, value: T) -> Result<T> {
        self.update(|old| std::mem::replace(old, value))
    }

    /// Waits until the value is as `wanted`, which is asked again after each change, not under the
    /// lock; gives that value.
    ///
    /// # Errors
    ///
    /// As [`update`](Shared::update).
    ///
    /// # Panics
    ///
    /// As there.
    pub fn wait_until(&self, wanted: impl FnMut(&T) -> bool) -> Result<T> {
        Ok(self.wait(None, wanted)?.expect("without a time limit it waits on"))
    }

    /// The same for so long at most; none if the value was not as wanted in that time.
    ///
    /// # Errors
    ///
    /// As [`update`](Shared::update).
    ///
    /// # Panics
    ///
    /// As there.
    pub fn wait_until_timeout(
        &self,
        timeout: Duration,
        wanted: impl FnMut(&T) -> bool,
    ) -> Result<Option<T>> {
        self.wait(Instant::now().checked_add(timeout), wanted)
    }

    fn wait(
        &self,
        until: Option<Instant>,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Result<Option<T>> {
        let words = self.anchor.words::<Words>();
        loop {
            let seen = words.changes.load(Ordering::Acquire);
            let value = self.get()?;
            if wanted(&value) {
                return Ok(Some(value));
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            words.sleepers.fetch_add(1, Ordering::SeqCst);
            let sleep = left.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN);
            futex::wait(&words.changes, seen, Some(sleep));
            words.sleepers.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn place(&self, which: usize) -> usize {
        self.anchor.offset() + HEAD + which * Self::stride()
    }

    fn load(&self, which: usize) -> T {
        let mut value = T::zeroed();
        self.anchor.region().load_into(self.place(which), bytemuck::bytes_of_mut(&mut value));
        value
    }

    fn hold(&self) -> Result<Hold<'_>> {
        let words = self.anchor.words::<Words>();
        let lock = RobustLock::over(&words.lock)?;
        let owner =
            lock.lock().map_err(|_| Error::Broken { what: "the lock of a shared value" })?;
        if owner == Owner::Died {
            // What the dead had begun is not current; its note of itself is void.
            lock.consistent();
        } else if words.is_busy.load(Ordering::Relaxed) != 0 {
            lock.unlock();
            panic!("a shared value was used within its own transaction, by the same thread");
        }
        words.is_busy.store(1, Ordering::Relaxed);
        Ok(Hold { words, lock })
    }
}

/// A hold of the lock.
struct Hold<'a> {
    words: &'a Words,
    lock: RobustLock,
}

impl Hold<'_> {
    fn current(&self) -> usize {
        (self.words.current.load(Ordering::Relaxed) & 1) as usize
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.words.is_busy.store(0, Ordering::Relaxed);
        self.lock.unlock();
    }
}

/// Wakes those who wait for a change, if anybody does.
fn announce(words: &Words) {
    // Who sleeps has counted itself, then compares `changes`, which has grown before this look.
    fence(Ordering::SeqCst);
    if words.sleepers.load(Ordering::Relaxed) > 0 {
        futex::wake_all(&words.changes);
    }
}

/// The dead may have changed the value and not woken anybody, or been counted as a sleeper, which
/// costs others a call now and then.
fn bury(region: &Region, offset: usize, _: Gone) {
    let words = region.at::<Words>(offset);
    words.changes.fetch_add(1, Ordering::Release);
    futex::wake_all(&words.changes);
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared { anchor: self.anchor.clone(), value: PhantomData }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared<{}>({:?})", std::any::type_name::<T>(), self.anchor)
    }
}

travels!([T: Element] Shared<T>, Kind::Shared);
