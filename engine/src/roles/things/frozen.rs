//! Arrays that are only read from now on.

use crate::error::Result;
use crate::memory::{Array, Element};
use crate::roles::Engine;
use crate::toolbox::Frozen;
use ndarray::Dimension;

impl Engine {
    /// Lets all processes of this engine read an array, without a copy, and nobody write it: see
    /// [`Frozen`].
    ///
    /// # Errors
    ///
    /// [`Error::ForeignArray`](crate::Error::ForeignArray) for an array of another engine;
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory);
    /// [`Error::InsideWorker`](crate::Error::InsideWorker) and
    /// [`Error::Forked`](crate::Error::Forked) in other processes.
    pub fn freeze<T: Element, D: Dimension>(&self, array: Array<T, D>) -> Result<Frozen<T, D>> {
        self.core.refuse_other_processes()?;
        Frozen::make(&self.core.commons, array)
    }
}
