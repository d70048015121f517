//! Making arrays: their pages are made present by the workers, on their home chunks.

use super::engine::Engine;
use super::launch::Terms;
use crate::compute::{Args, Filled, Kernel, Value, single};
use crate::error::{Error, Result};
use crate::memory::{Array, Block, Element, bytes_of_shape};
use ndarray::{ArrayBase, Data, Dimension, IntoDimension, Ix1};
use std::time::Duration;

/// Smaller blocks are filled by the calling thread: a launch would cost more.
pub(super) const LAUNCH_MIN: usize = 256 << 10;

/// The least that a chunk of the engine's own work may take under any deadline: disks are slow.
pub(crate) const OWN_WORK_MIN: Duration = Duration::from_secs(30);

/// Bytes of an array of this shape.
pub(super) fn bytes_of(shape: &[usize], element_bytes: usize) -> Result<usize> {
    bytes_of_shape(shape, element_bytes).ok_or_else(|| Error::Refused {
        kernel: "an array".into(),
        reason: format!("shape {shape:?} of elements of {element_bytes} bytes fits no memory"),
    })
}

impl Engine {
    /// An array of zeros.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], before anything is touched; [`Error::Refused`] for a shape that fits no
    /// memory; [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn zeros<T: Element, S: IntoDimension>(&self, shape: S) -> Result<Array<T, S::Dim>> {
        self.array_of(shape.into_dimension(), "an array of zeros", &[0])
    }

    /// An array whose contents are unspecified: zeros, or what an array that is gone has left. For
    /// what is written before it is read; it costs next to nothing where the engine has a block of
    /// that size which was used before.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.filled(1000, 3.0)?;
    /// let mut squares = engine.scratch(1000)?;
    /// engine.map(&x, &mut squares, |x: f64| x * x)?;
    /// assert_eq!(squares[999], 9.0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], before anything is touched; [`Error::Refused`] for a shape that fits no
    /// memory; [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn scratch<T: Element, S: IntoDimension>(&self, shape: S) -> Result<Array<T, S::Dim>> {
        self.unspecified(shape.into_dimension(), "an array of unspecified contents")
    }

    /// An array of copies of `value`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], before anything is touched; [`Error::Refused`] for a shape that fits no
    /// memory; [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn filled<T: Element, S: IntoDimension>(
        &self,
        shape: S,
        value: T,
    ) -> Result<Array<T, S::Dim>> {
        self.array_of(shape.into_dimension(), "a filled array", bytemuck::bytes_of(&value))
    }

    /// An array whose elements are a function of their indices, computed by the calling thread.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], before anything is touched; [`Error::Refused`] for a shape that fits no
    /// memory; [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn from_fn<T, S, F>(&self, shape: S, mut f: F) -> Result<Array<T, S::Dim>>
    where
        T: Element,
        S: IntoDimension,
        F: FnMut(<S::Dim as Dimension>::Pattern) -> T,
    {
        let mut array = self.unspecified(shape.into_dimension(), "an array made by a function")?;
        for (index, element) in array.view_mut().indexed_iter_mut() {
            *element = f(index);
        }
        Ok(array)
    }

    /// A copy of any `ndarray` array or view, whatever its memory order.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], before anything is touched; [`Error::Refused`] for a shape that fits no
    /// memory; [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn array_from<T, S, D>(&self, array: &ArrayBase<S, D>) -> Result<Array<T, D>>
    where
        T: Element,
        S: Data<Elem = T>,
        D: Dimension,
    {
        let mut copy = self.unspecified(array.raw_dim(), "a copy of an array")?;
        copy.view_mut().assign(array);
        Ok(copy)
    }

    /// An array of whatever a used block holds; pages of a fresh one, which holds zeros, are made
    /// present by the workers on their home chunks.
    fn unspecified<T: Element, D: Dimension>(
        &self,
        dim: D,
        purpose: &'static str,
    ) -> Result<Array<T, D>> {
        let block = self.block_of::<T>(dim.slice(), purpose)?;
        let block = if block.is_fresh() { self.zeroed(block)? } else { block };
        Ok(Array::new(block, dim))
    }

    /// An array of copies of an element, given by its bytes.
    fn array_of<T: Element, D: Dimension>(
        &self,
        dim: D,
        purpose: &'static str,
        element: &[u8],
    ) -> Result<Array<T, D>> {
        let block = self.block_of::<T>(dim.slice(), purpose)?;
        Ok(Array::new(self.filled_with(block, element)?, dim))
    }

    fn block_of<T: Element>(&self, shape: &[usize], purpose: &'static str) -> Result<Block> {
        self.core.refuse_other_processes()?;
        self.core.memory.allocate(purpose, bytes_of(shape, size_of::<T>())?)
    }

    /// Runs a kernel of the engine's own, of which no deadline was thought that is meant for a user's.
    pub(super) fn run_own<K: Kernel>(
        &self,
        kernel: &K,
        arrays: <K::Args as Args>::Arrays<'_>,
    ) -> Result<Value<K>> {
        let deadline = self.core.deadline().map(|deadline| deadline.max(OWN_WORK_MIN));
        let (mut plan, output) = single(self.core.region(), kernel, &arrays)?;
        self.launch_within(Terms { deadline, is_own: true }, &mut plan, output)
    }

    pub(super) fn zeroed(&self, block: Block) -> Result<Block> {
        self.filled_with(block, &[0])
    }

    /// The block, filled with copies of an element.
    fn filled_with(&self, block: Block, element: &[u8]) -> Result<Block> {
        /// The largest element that is sent to the workers: a plan's image has no room for any.
        const SENT_MAX: usize = 4096;
        let is_fresh = block.is_fresh();
        let mut bytes = Array::<u8, Ix1>::over(block);
        let is_done = if bytes.len() >= LAUNCH_MIN && self.workers() > 0 {
            let is_sent = element.len() <= SENT_MAX;
            let sent = if is_sent { element } else { &[0] };
            self.run_own(&Filled::with(sent, is_fresh), &mut bytes)?;
            is_sent
        } else {
            // Fresh pages are zero already.
            is_fresh && element.iter().all(|byte| *byte == 0)
        };
        if !is_done {
            for copy in bytes.as_mut_slice().chunks_mut(element.len()) {
                copy.copy_from_slice(&element[..copy.len()]);
            }
        }
        Ok(bytes.into_block())
    }
}
