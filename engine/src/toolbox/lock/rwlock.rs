//! A value that many read at once.

use super::copies;
use super::guard::{LockError, LockResult, OwnerDied, TryLockResult, sealed};
use super::latch::{Hold, Latch, Open, bury as bury_latch};
use super::readers::Readers;
use crate::error::{Error, Result};
use crate::machine::Until;
use crate::memory::{Element, Region};
use crate::shared::exchange::wait;
use crate::shared::seat::{Gone, Seat};
use crate::toolbox::anchor::{Anchor, travels};
use crate::toolbox::commons::{Commons, Spec};
use crate::toolbox::header::Kind;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

/// A value that processes share, and which many may read at once or one may write:
/// [`Engine::rw_lock`](crate::Engine::rw_lock).
///
/// It is to be had for what is read for long; for numbers that change often
/// [`Shared`](crate::Shared) is faster. Python has no such lock. (POSIX has one, which does not outlive
/// its owners.) Who waits to write is not kept waiting by new readers.
///
/// **Deaths** as for `Shared`: [`update`](Self::update) is a transaction, a reader's death is nobody's
/// concern, and when a process dies or panics with the guard of a writer all others are told, readers
/// too, until a writer has accepted.
///
/// ```
/// use gristmill::{Engine, RwLock};
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?;
/// let limits = engine.rw_lock([0.0, 1.0])?;
/// let reading = limits.read()?;
/// // Another process reads meanwhile.
/// let child = engine.spawn(|limits: RwLock<[f64; 2]>| limits.read().unwrap()[1], limits.clone())?;
/// assert_eq!(child.join()?, reading[1]);
/// assert!(limits.try_read()?.is_some());
/// drop(reading);
/// limits.write()?[0] = 0.5;
/// assert_eq!(limits.get()?, [0.5, 1.0]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct RwLock<T> {
    latch: Latch,
    types: PhantomData<fn() -> T>,
}

impl<T> Clone for RwLock<T> {
    fn clone(&self) -> Self {
        RwLock { latch: self.latch.clone(), types: PhantomData }
    }
}

/// Reads the value of a [`RwLock`], until it is dropped.
#[must_use = "the lock is released at once"]
#[derive(Debug)]
pub struct ReadGuard<'a, T: Element> {
    lock: &'a RwLock<T>,
    /// A thread that reads may read again, and must not write.
    thread: PhantomData<*const ()>,
}

/// Has a [`RwLock`] alone, until it is dropped, and gives the value in place.
#[must_use = "the lock is released at once"]
#[derive(Debug)]
pub struct WriteGuard<'a, T: Element> {
    open: Open<'a>,
    lock: &'a RwLock<T>,
}

/// A writer that makes a transaction.
struct Writing<'a> {
    hold: Hold<'a>,
    readers: &'a Readers,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.readers.release();
    }
}

const WHAT: &str = "a lock of readers and writers";

thread_local! {
    /// The locks that this thread reads.
    static READING: RefCell<Vec<(usize, u64)>> = const { RefCell::new(Vec::new()) };
}

fn bury<T: Element>(region: &Region, offset: usize, gone: Gone) {
    bury_latch(region, offset, gone);
    region.at::<Readers>(copies::behind::<T>(offset)).bury(gone.seat);
}

impl<T: Element> RwLock<T> {
    pub(crate) fn make(commons: &Arc<Commons>, value: T) -> Result<RwLock<T>> {
        let (type_name, bytes) = (std::any::type_name::<Self>(), size_of::<Readers>());
        let spec = Spec { kind: Kind::RwLock, purpose: WHAT, bytes, type_name, bury: bury::<T> };
        Ok(RwLock::over(copies::make(commons, spec, value)?))
    }

    fn over(anchor: Anchor) -> RwLock<T> {
        RwLock { latch: Latch::over(anchor, WHAT), types: PhantomData }
    }

    fn readers(&self) -> &Readers {
        self.latch.anchor.region().at(copies::behind::<T>(self.latch.anchor.offset()))
    }

    /// What tells it from others of this process.
    fn key(&self) -> (usize, u64) {
        // With its number, as another may come to lie there.
        (std::ptr::from_ref(self.readers()).addr(), self.latch.anchor.id())
    }

    /// Reads the value; waits while somebody writes or waits to. A thread that reads may read again.
    ///
    /// # Errors
    ///
    /// [`LockError::OwnerDied`], with the guard in it, if a writer died or panicked;
    /// [`LockError::Broken`] if somebody wrote over it.
    ///
    /// # Panics
    ///
    /// If this thread is the one that writes.
    pub fn read(&self) -> LockResult<ReadGuard<'_, T>> {
        self.read_in(Until::Forever).map(|guard| guard.expect("waiting has no end"))
    }

    /// Reads the value if nobody writes or waits to; else none.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read).
    pub fn try_read(&self) -> TryLockResult<ReadGuard<'_, T>> {
        self.read_in(Until::Now)
    }

    /// Reads the value; none if others write for so long.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read).
    pub fn read_timeout(&self, timeout: Duration) -> TryLockResult<ReadGuard<'_, T>> {
        self.read_in(Until::after(timeout))
    }

    /// Writes the value in place; waits until nobody else reads or writes.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// If this thread reads or writes it already.
    pub fn write(&self) -> LockResult<WriteGuard<'_, T>> {
        self.write_in(Until::Forever).map(|guard| guard.expect("waiting has no end"))
    }

    /// Writes the value in place if nobody else reads or writes; else none.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// As [`write`](Self::write).
    pub fn try_write(&self) -> TryLockResult<WriteGuard<'_, T>> {
        self.write_in(Until::Now)
    }

    /// Writes the value in place; none if others read or write for so long.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// As [`write`](Self::write).
    pub fn write_timeout(&self, timeout: Duration) -> TryLockResult<WriteGuard<'_, T>> {
        self.write_in(Until::after(timeout))
    }

    /// Changes the value in a transaction, as [`Shared::update`](crate::Shared::update) does.
    ///
    /// # Errors
    ///
    /// [`Error::OwnerDied`] if a writer died or panicked with a guard and nobody has accepted that;
    /// [`Error::Broken`] if somebody wrote over the lock.
    ///
    /// # Panics
    ///
    /// As [`write`](Self::write).
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R> {
        let hold = self.claim(Until::Forever)?.expect("waiting has no end");
        let mut writing = Writing { hold, readers: self.readers() };
        if writing.hold.was_left() {
            return Err(Error::OwnerDied { what: WHAT });
        }
        Ok(writing.hold.change(change))
    }

    /// A copy of the value.
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update).
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read).
    pub fn get(&self) -> Result<T> {
        Ok(*self.read()?)
    }

    fn read_in(&self, until: Until) -> TryLockResult<ReadGuard<'_, T>> {
        self.latch.refuse_holder();
        let (readers, seat, key) = (self.readers(), Seat::here(), self.key());
        let is_in = if READING.with_borrow(|reading| reading.contains(&key)) {
            readers.enter_again(seat);
            true
        } else if matches!(until, Until::Now) {
            readers.try_enter(seat)
        } else {
            let enter = || Ok::<_, Error>(readers.try_enter(seat).then_some(()));
            wait(&readers.written, until.end(), enter).map_err(LockError::Broken)?.is_some()
        };
        if !is_in {
            return Ok(None);
        }
        READING.with_borrow_mut(|reading| reading.push(key));
        let guard = ReadGuard { lock: self, thread: PhantomData };
        if self.latch.was_left() {
            Err(OwnerDied::new(guard, WHAT).into())
        } else {
            Ok(Some(guard))
        }
    }

    fn write_in(&self, until: Until) -> TryLockResult<WriteGuard<'_, T>> {
        let hold = self.claim(until).map_err(LockError::Broken)?;
        let Some(hold) = hold else { return Ok(None) };
        let open = Open::new(hold);
        let is_accepted = open.is_accepted();
        let guard = WriteGuard { open, lock: self };
        if is_accepted { Ok(Some(guard)) } else { Err(OwnerDied::new(guard, WHAT).into()) }
    }

    /// Excludes other writers, and all readers, who are let in again by `Readers::release`.
    fn claim(&self, until: Until) -> Result<Option<Hold<'_>>> {
        let key = self.key();
        assert!(
            !READING.with_borrow(|reading| reading.contains(&key)),
            "this thread reads {WHAT} and would wait for itself: drop the guard before writing"
        );
        let Some(hold) = self.latch.hold(until)? else { return Ok(None) };
        let readers = self.readers();
        readers.claim(Seat::here());
        let gone = || Ok::<_, Error>(readers.are_gone().then_some(()));
        let are_gone = match until {
            Until::Now => gone()?,
            _ => wait(&readers.read, until.end(), gone)?,
        };
        if are_gone.is_none() {
            readers.release();
            return Ok(None);
        }
        Ok(Some(hold))
    }
}

travels!([T: Element] RwLock<T>, Kind::RwLock, latch.anchor);

impl<T: Element> sealed::Left for ReadGuard<'_, T> {
    /// What a writer left, a reader cannot put right.
    fn accept(&mut self) {}
}

impl<T: Element> sealed::Left for WriteGuard<'_, T> {
    fn accept(&mut self) {
        self.open.accept();
    }
}

impl<T: Element> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.lock.latch.value_of_readers()
    }
}

impl<T: Element> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        let key = self.lock.key();
        READING.with_borrow_mut(|reading| {
            let last = reading.iter().rposition(|read| *read == key);
            last.map(|last| reading.swap_remove(last))
        });
        self.lock.readers().leave(Seat::here());
    }
}

impl<T: Element> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.open.hold.value()
    }
}

impl<T: Element> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.open.hold.value_mut()
    }
}

impl<T: Element> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        // Readers that are let in find it closed.
        self.open.close();
        self.lock.readers().release();
    }
}
