//! Locks, and values that have one.

use crate::error::Result;
use crate::memory::Element;
use crate::roles::Engine;
use crate::toolbox::{Condvar, LockedArray, Mutex, Once, RwLock, Shared};
use ndarray::{ArrayView, Dimension, IntoDimension};

impl Engine {
    /// A value that processes share, and its lock in one: see [`Shared`].
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let best = engine.shared(f64::INFINITY)?;
    /// best.update(|best| *best = best.min(0.25))?;
    /// assert_eq!(best.get()?, 0.25);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory);
    /// [`Error::InsideWorker`](crate::Error::InsideWorker) and
    /// [`Error::Forked`](crate::Error::Forked) in other processes.
    pub fn shared<T: Element>(&self, value: T) -> Result<Shared<T>> {
        self.core.refuse_other_processes()?;
        Shared::make(&self.core.commons, value)
    }

    /// An array of zeros that has a lock: see [`LockedArray`].
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let counts = engine.locked_array::<u32, _>(10)?;
    /// counts.lock()?[3] += 1;
    /// assert_eq!(counts.lock()?.iter().sum::<u32>(), 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Limit`](crate::Error::Limit) for more than 14 axes; and as for
    /// [`shared`](Self::shared).
    pub fn locked_array<T: Element, S: IntoDimension>(
        &self,
        shape: S,
    ) -> Result<LockedArray<T, S::Dim>> {
        self.core.refuse_other_processes()?;
        LockedArray::make(&self.core.commons, shape, [])
    }

    /// An array that has a lock, with the elements of a view: see [`LockedArray`].
    ///
    /// # Errors
    ///
    /// As for [`locked_array`](Self::locked_array).
    pub fn locked_array_from<T: Element, D: Dimension>(
        &self,
        view: &ArrayView<'_, T, D>,
    ) -> Result<LockedArray<T, D>> {
        self.core.refuse_other_processes()?;
        LockedArray::make(&self.core.commons, view.raw_dim(), view.iter().copied())
    }

    /// A lock of what lies outside the engine: see [`Mutex`].
    ///
    /// ```
    /// use gristmill::Mutex;
    ///
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let terminal = engine.mutex()?;
    /// let child = engine.spawn(
    ///     |terminal: Mutex| {
    ///         let _guard = terminal.lock().unwrap();
    ///         print!("one ");
    ///         println!("line");
    ///     },
    ///     terminal.clone(),
    /// )?;
    /// let guard = terminal.lock()?;
    /// print!("another ");
    /// println!("line");
    /// drop(guard);
    /// child.join()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`shared`](Self::shared).
    pub fn mutex(&self) -> Result<Mutex> {
        self.core.refuse_other_processes()?;
        Mutex::make(&self.core.commons)
    }

    /// A value that many may read at once, or one write: see [`RwLock`].
    ///
    /// # Errors
    ///
    /// As for [`shared`](Self::shared).
    pub fn rw_lock<T: Element>(&self, value: T) -> Result<RwLock<T>> {
        self.core.refuse_other_processes()?;
        RwLock::make(&self.core.commons, value)
    }

    /// Where to wait for what others do under a lock: see [`Condvar`].
    ///
    /// # Errors
    ///
    /// As for [`shared`](Self::shared).
    pub fn condvar(&self) -> Result<Condvar> {
        self.core.refuse_other_processes()?;
        Condvar::make(&self.core.commons)
    }

    /// What is to be done by one process of many: see [`Once`].
    ///
    /// # Errors
    ///
    /// As for [`shared`](Self::shared).
    pub fn once(&self) -> Result<Once> {
        self.core.refuse_other_processes()?;
        Once::make(&self.core.commons)
    }
}
