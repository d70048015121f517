//! What all guards can do, and how one tells that the lock's owner died.

use super::latch::{Latch, Open};
use crate::error::{Error, Result};
use crate::machine::Until;
use std::fmt;

/// What holds a lock, and releases it when it is dropped: what [`Condvar`](crate::Condvar) waits with.
pub trait Guard: sealed::Held {}

pub(super) mod sealed {
    use super::LockError;

    /// What the two kinds of guards have in common.
    pub trait Left {
        #[doc(hidden)]
        fn accept(&mut self);
    }

    /// A guard whose lock can be given back for a while.
    pub trait Held: Left + Sized {
        /// Releases the lock, sleeps, and takes it again.
        #[doc(hidden)]
        fn pause<R>(self, sleep: impl FnOnce() -> R) -> Result<(Self, R), LockError<Self>>;
    }
}

/// Why a lock was not simply taken.
///
/// ```
/// use gristmill::LockError;
///
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let value = engine.shared([1, 1])?;
/// let halve = |value: gristmill::Shared<[i32; 2]>| {
///     let mut value = value.lock().unwrap();
///     value[0] = 0;
///     std::process::abort()
/// };
/// let _: Result<(), _> = engine.spawn(halve, value.clone())?.join();
/// let Err(LockError::OwnerDied(died)) = value.lock() else { panic!("it is told") };
/// let mut value = died.accept(); // the lock is held, and what is half done is to be mended
/// value[1] = value[0];
/// # Ok(()) }
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum LockError<G> {
    /// It was taken, and whoever held it before died, or panicked.
    #[error(transparent)]
    OwnerDied(#[from] OwnerDied<G>),
    /// Somebody has written over the lock.
    #[error("{0}")]
    Broken(Error),
}

/// What comes of taking a lock.
pub type LockResult<G> = std::result::Result<G, LockError<G>>;

/// What comes of taking a lock by whoever does not wait for ever: none if others had it.
pub type TryLockResult<G> = std::result::Result<Option<G>, LockError<G>>;

impl<G> fmt::Debug for LockError<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<G: sealed::Left> LockError<G> {
    /// The guard in spite of its owner's death: see [`OwnerDied::accept`].
    ///
    /// ```
    /// use gristmill::LockError;
    ///
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let terminal = engine.mutex()?;
    /// let _guard = terminal.lock().or_else(LockError::accept)?; // whatever it says now
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Broken`] if somebody has written over the lock.
    pub fn accept(self) -> Result<G> {
        match self {
            LockError::OwnerDied(died) => Ok(died.accept()),
            LockError::Broken(error) => Err(error),
        }
    }
}

impl<G> From<LockError<G>> for Error {
    fn from(error: LockError<G>) -> Error {
        match error {
            LockError::OwnerDied(died) => Error::OwnerDied { what: died.what },
            LockError::Broken(error) => error,
        }
    }
}

/// A guard of a lock whose owner died, or panicked, while it had it: what the lock guards may be half
/// changed.
///
/// Dropping it leaves that so, for the next one to be told. [`accept`](Self::accept) gives the guard,
/// by which to look at it and to put it right; `?` makes it an [`Error::OwnerDied`].
///
/// ```
/// use gristmill::{Engine, LockError, Shared};
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?;
/// let pair = engine.shared([0u64; 2])?; // which are to be equal
/// let child = engine.spawn(
///     |pair: Shared<[u64; 2]>| {
///         let mut guard = pair.lock().unwrap();
///         guard[0] += 1;
///         std::process::abort();
///     },
///     pair.clone(),
/// )?;
/// let _: gristmill::Result<()> = child.join();
/// match pair.lock() {
///     Err(LockError::OwnerDied(died)) => {
///         let mut guard = died.accept();
///         guard[1] = guard[0];
///     }
///     _ => unreachable!("it died with the lock"),
/// }
/// assert_eq!(pair.get()?, [1, 1]);
/// # Ok(()) }
/// ```
pub struct OwnerDied<G> {
    guard: G,
    what: &'static str,
}

impl<G> OwnerDied<G> {
    pub(super) fn new(guard: G, what: &'static str) -> OwnerDied<G> {
        OwnerDied { guard, what }
    }
}

impl<G: sealed::Left> OwnerDied<G> {
    /// The guard. Once it is dropped, all counts as well with what the lock guards.
    pub fn accept(mut self) -> G {
        self.guard.accept();
        self.guard
    }
}

impl<G> fmt::Debug for OwnerDied<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerDied").field("what", &self.what).finish_non_exhaustive()
    }
}

impl<G> fmt::Display for OwnerDied<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Error::OwnerDied { what: self.what }.fmt(f)
    }
}

impl<G> std::error::Error for OwnerDied<G> {}

impl Latch {
    /// Opens what the lock guards; none if the until has come to an end.
    pub(super) fn open<'a, G: sealed::Left>(
        &'a self,
        until: Until,
        guard: impl FnOnce(Open<'a>) -> G,
    ) -> TryLockResult<G> {
        let Some(hold) = self.hold(until).map_err(LockError::Broken)? else { return Ok(None) };
        let open = Open::new(hold);
        let is_accepted = open.is_accepted();
        let guard = guard(open);
        if is_accepted { Ok(Some(guard)) } else { Err(OwnerDied::new(guard, self.what).into()) }
    }
}

/// The three ways to a guard, of a handle that has a `latch`, and what a guard can do that has an
/// `open`, a `lock` of which it is, and a lifetime.
macro_rules! guarded {
    ([$($generics:tt)*] $lock:ty, $guard:ident [$($arguments:tt)*]) => {
        impl<$($generics)*> $lock {
            /// Takes the lock; waits until it is to be had.
            ///
            /// # Errors
            ///
            /// [`LockError::OwnerDied`](crate::LockError::OwnerDied), with the guard in it, if whoever
            /// had it died or panicked; [`LockError::Broken`](crate::LockError::Broken) if somebody
            /// wrote over it.
            ///
            /// # Panics
            ///
            /// If this thread holds it already.
            pub fn lock(
                &self,
            ) -> LockResult<$guard<'_, $($arguments)*>> {
                let guard = self.lock_in(Until::Forever)?;
                Ok(guard.expect("waiting has no end"))
            }

            /// Takes the lock if nobody has it; else none.
            ///
            /// # Errors
            ///
            /// As for [`lock`](Self::lock).
            ///
            /// # Panics
            ///
            /// If this thread holds it already.
            pub fn try_lock(
                &self,
            ) -> TryLockResult<$guard<'_, $($arguments)*>> {
                self.lock_in(Until::Now)
            }

            /// Takes the lock; none if others have it for so long.
            ///
            /// # Errors
            ///
            /// As for [`lock`](Self::lock).
            ///
            /// # Panics
            ///
            /// If this thread holds it already.
            pub fn lock_timeout(
                &self,
                timeout: std::time::Duration,
            ) -> TryLockResult<$guard<'_, $($arguments)*>> {
                self.lock_in(Until::after(timeout))
            }
        }

        impl<$($generics)*> $crate::toolbox::lock::guard::sealed::Left
            for $guard<'_, $($arguments)*>
        {
            fn accept(&mut self) {
                self.open.accept();
            }
        }

        impl<$($generics)*> $crate::toolbox::lock::guard::sealed::Held
            for $guard<'_, $($arguments)*>
        {
            fn pause<R>(
                self,
                sleep: impl FnOnce() -> R,
            ) -> Result<(Self, R), $crate::toolbox::lock::LockError<Self>> {
                let lock = self.lock;
                drop(self);
                let slept = sleep();
                lock.lock().map(|guard| (guard, slept))
            }
        }

        impl<$($generics)*> $crate::toolbox::lock::Guard for $guard<'_, $($arguments)*> {}
    };
}
pub(super) use guarded;
