//! A value and its lock in one.

use super::copies;
use super::guard::{LockResult, TryLockResult, guarded};
use super::latch::{self, Latch, Open};
use crate::error::Result;
use crate::machine::Until;
use crate::memory::Element;
use crate::shared::exchange::wait;
use crate::toolbox::anchor::{Anchor, travels};
use crate::toolbox::commons::{Commons, Spec};
use crate::toolbox::header::Kind;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

/// A value that processes share, and its lock in one: [`Engine::shared`](crate::Engine::shared).
///
/// It is of any [`Element`] type: a number, or a struct of one's own of plain data. Clones are the same
/// value, and so is what arrives where a handle is passed to: as an argument of a process, kernel or
/// task, or in a message.
///
/// Python's `Value` has a lock, and lets the value be reached without: ten processes that each do
/// `val.value += 1` ten times leave less than 100 there. Here nobody reaches the value but under its
/// lock, and the result is 100:
///
/// ```
/// use gristmill::{Engine, Shared};
///
/// fn count(total: Shared<u64>) {
///     for _ in 0..10 {
///         total.update(|total| *total += 1).unwrap();
///     }
/// }
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?;
/// let total = engine.shared(0)?;
/// let children: Vec<_> =
///     (0..10).map(|_| engine.spawn(count, total.clone())).collect::<gristmill::Result<_>>()?;
/// for child in children {
///     child.join()?;
/// }
/// assert_eq!(total.get()?, 100);
/// # Ok(()) }
/// ```
///
/// **Deaths.** [`update`](Self::update) and [`set`](Self::set) are transactions: a process that is
/// killed within, at any instruction, leaves the old value or the new one, and blocks nobody. A guard
/// ([`lock`](Self::lock)) changes the value in place, and a process that dies or panics with it may
/// leave it half changed: the next ones are told, until somebody has accepted.
///
/// A struct (the case of sharedctypes):
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
/// let moved = point.clone();
/// engine.spawn(|point: gristmill::Shared<Point>| point.lock().unwrap().x += 0.5, moved)?.join()?;
/// assert_eq!(point.get()?.x, 1.5);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Shared<T> {
    latch: Latch,
    types: PhantomData<fn() -> T>,
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared { latch: self.latch.clone(), types: PhantomData }
    }
}

/// Has the lock of a [`Shared`] value, until it is dropped, and gives the value in place.
#[must_use = "the lock is released at once"]
#[derive(Debug)]
pub struct SharedGuard<'a, T> {
    open: Open<'a>,
    lock: &'a Shared<T>,
}

const WHAT: &str = "a shared value";

impl<T: Element> Shared<T> {
    pub(crate) fn make(commons: &Arc<Commons>, value: T) -> Result<Shared<T>> {
        let type_name = std::any::type_name::<Self>();
        let spec =
            Spec { kind: Kind::Shared, purpose: WHAT, bytes: 0, type_name, bury: latch::bury };
        Ok(Shared::over(copies::make(commons, spec, value)?))
    }

    fn over(anchor: Anchor) -> Shared<T> {
        Shared { latch: Latch::over(anchor, WHAT), types: PhantomData }
    }

    /// Changes the value in a transaction: `change` works on a copy, which becomes the value when it
    /// returns. If it panics, or the process dies, the value is as it was before.
    ///
    /// # Errors
    ///
    /// [`Error::OwnerDied`](crate::Error::OwnerDied) if somebody died or panicked with a guard and
    /// nobody has accepted that; [`Error::Broken`](crate::Error::Broken) if somebody wrote over the
    /// lock.
    ///
    /// # Panics
    ///
    /// If this thread has a guard of it, or is in `update` of it already.
    #[inline]
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R> {
        Ok(self.latch.hold_for_long()?.change(change))
    }

    /// A copy of the value.
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update).
    ///
    /// # Panics
    ///
    /// As [`update`](Self::update).
    pub fn get(&self) -> Result<T> {
        Ok(*self.latch.hold_for_long()?.value())
    }

    /// Sets the value, whatever it was: between a `get` and a `set` others may have changed it, and what
    /// depends on it is for [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update).
    ///
    /// # Panics
    ///
    /// As [`update`](Self::update).
    pub fn set(&self, value: T) -> Result<()> {
        self.update(|current| *current = value)
    }

    /// Exchanges the value; gives the old one.
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update).
    ///
    /// # Panics
    ///
    /// As [`update`](Self::update).
    pub fn replace(&self, value: T) -> Result<T> {
        self.update(|current| std::mem::replace(current, value))
    }

    /// Waits until the value is as wanted; gives it. It is looked at now, and after each change.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// # use gristmill::Shared;
    /// let left = engine.shared(3u32)?;
    /// for _ in 0..3 {
    ///     engine.spawn(|left: Shared<u32>| left.update(|left| *left -= 1).unwrap(), left.clone())?;
    /// }
    /// left.wait_until(|left| *left == 0)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update).
    ///
    /// # Panics
    ///
    /// As [`update`](Self::update).
    pub fn wait_until(&self, is_wanted: impl FnMut(&T) -> bool) -> Result<T> {
        let value = self.wait_in(Until::Forever, is_wanted)?;
        Ok(value.expect("waiting has no end"))
    }

    /// The same for so long at most; none if the value was not as wanted.
    ///
    /// # Errors
    ///
    /// As for [`update`](Self::update).
    ///
    /// # Panics
    ///
    /// As [`update`](Self::update).
    pub fn wait_until_timeout(
        &self,
        timeout: Duration,
        is_wanted: impl FnMut(&T) -> bool,
    ) -> Result<Option<T>> {
        self.wait_in(Until::after(timeout), is_wanted)
    }

    fn wait_in(&self, until: Until, mut is_wanted: impl FnMut(&T) -> bool) -> Result<Option<T>> {
        wait(&self.latch.words().changed, until.end(), || {
            let Some(hold) = self.latch.hold_whole(until)? else { return Ok(None) };
            Ok(Some(*hold.value()).filter(&mut is_wanted))
        })
    }

    fn lock_in(&self, until: Until) -> TryLockResult<SharedGuard<'_, T>> {
        self.latch.open(until, |open| SharedGuard { open, lock: self })
    }
}

guarded!([T: Element] Shared<T>, SharedGuard [T]);
travels!([T: Element] Shared<T>, Kind::Shared, latch.anchor);

impl<T: Element> Deref for SharedGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.open.hold.value()
    }
}

impl<T: Element> DerefMut for SharedGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.open.hold.value_mut()
    }
}
