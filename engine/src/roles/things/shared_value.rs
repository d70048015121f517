//! Making shared values.

use crate::error::Result;
use crate::memory::Element;
use crate::roles::Engine;
use crate::toolbox::Shared;

impl Engine {
    /// A value that the engine's processes share, with its lock: see [`Shared`].
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
}
