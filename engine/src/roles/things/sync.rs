//! Where processes wait for each other.

use crate::error::Result;
use crate::roles::Engine;
use crate::shared::sync::Reset;
use crate::toolbox::{Barrier, Event, Semaphore};

impl Engine {
    /// Something to wait for, which stays set until it is cleared: see [`Event`].
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory);
    /// [`Error::InsideWorker`](crate::Error::InsideWorker) and
    /// [`Error::Forked`](crate::Error::Forked) in other processes.
    pub fn event(&self) -> Result<Event> {
        self.core.refuse_other_processes()?;
        Event::make(&self.core.commons, Reset::Manual)
    }

    /// Something to wait for, which is cleared by the one that it releases: see [`Event`].
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let turn = engine.auto_event()?;
    /// turn.set();
    /// assert_eq!((turn.try_wait(), turn.try_wait()), (true, false));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`event`](Self::event).
    pub fn auto_event(&self) -> Result<Event> {
        self.core.refuse_other_processes()?;
        Event::make(&self.core.commons, Reset::Automatic)
    }

    /// So many permits, and never more than `bound`: see [`Semaphore`].
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let seats = engine.semaphore(1, 1)?;
    /// let seat = seats.acquire();
    /// assert!(seats.try_acquire().is_none());
    /// drop(seat);
    /// assert!(seats.try_acquire().is_some());
    /// assert!(seats.add_permits(1).is_err());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Limit`](crate::Error::Limit) for a bound beyond 65,536, or more permits than the bound;
    /// and as for [`event`](Self::event).
    pub fn semaphore(&self, permits: usize, bound: usize) -> Result<Semaphore> {
        self.core.refuse_other_processes()?;
        Semaphore::make(&self.core.commons, permits, bound)
    }

    /// Where so many threads meet: see [`Barrier`].
    ///
    /// # Errors
    ///
    /// [`Error::TooSmall`](crate::Error::TooSmall) for none,
    /// [`Error::Limit`](crate::Error::Limit) beyond 32,767; and as for [`event`](Self::event).
    pub fn barrier(&self, parties: usize) -> Result<Barrier> {
        self.core.refuse_other_processes()?;
        Barrier::make(&self.core.commons, parties)
    }
}
