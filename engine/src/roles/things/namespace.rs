//! Namespaces.

use crate::error::Result;
use crate::roles::Engine;
use crate::toolbox::Namespace;

impl Engine {
    /// A namespace with so many bytes for its values: see [`Namespace`].
    ///
    /// What is changed lies in it twice until the change is whole, so it should have more than twice the
    /// bytes of its largest value.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory); [`Error::InsideWorker`](crate::Error::InsideWorker)
    /// and [`Error::Forked`](crate::Error::Forked) in other processes.
    pub fn namespace(&self, bytes: usize) -> Result<Namespace> {
        self.core.refuse_other_processes()?;
        Namespace::make(&self.core.commons, bytes)
    }
}
