//! Making arrays: their pages are made present by the workers, on their home chunks.

use super::engine::Engine;
use super::launch::Terms;
use crate::compute::{Args, Kernel, Present, Value, Zero, single};
use crate::error::{Error, Result};
use crate::memory::{Array, Block, Element};
use ndarray::{ArrayBase, Data, Dimension, IntoDimension, Ix1};
use std::time::Duration;

/// Smaller blocks are filled by the calling thread: a launch would cost more.
pub(super) const LAUNCH_MIN: usize = 256 << 10;

/// The least that a chunk of the engine's own work may take under any deadline: disks are slow.
pub(crate) const OWN_WORK_MIN: Duration = Duration::from_secs(30);

/// Bytes of an array of this shape. Zeros must not hide an overflow of the others: strides are
/// computed from all of them.
pub(super) fn bytes_of(shape: &[usize], element_bytes: usize) -> Result<usize> {
    let axes = shape.iter().filter(|&&len| len > 0);
    let full = axes.copied().try_fold(element_bytes, usize::checked_mul);
    let full =
        full.filter(|&bytes| bytes <= isize::MAX as usize).ok_or_else(|| Error::Refused {
            kernel: "an array".into(),
            reason: format!("shape {shape:?} of elements of {element_bytes} bytes fits no memory"),
        })?;
    Ok(if shape.contains(&0) { 0 } else { full })
}

impl Engine {
    /// An array of zeros.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], before anything is touched; [`Error::Refused`] for a shape that fits no
    /// memory; [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn zeros<T: Element, S: IntoDimension>(&self, shape: S) -> Result<Array<T, S::Dim>> {
        let dim = shape.into_dimension();
        let array = self.array(dim, "an array of zeros")?;
        Ok(array)
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
        let mut array = self.array(shape.into_dimension(), "a filled array")?;
        array.as_mut_slice().fill(value);
        Ok(array)
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
        let mut array = self.array(shape.into_dimension(), "an array made by a function")?;
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
        let mut copy = self.array(array.raw_dim(), "a copy of an array")?;
        copy.view_mut().assign(array);
        Ok(copy)
    }

    /// An array of zeros whose pages the workers have made present on their home chunks.
    fn array<T: Element, D: Dimension>(
        &self,
        dim: D,
        purpose: &'static str,
    ) -> Result<Array<T, D>> {
        self.core.refuse_other_processes()?;
        let bytes = bytes_of(dim.slice(), size_of::<T>())?;
        let block = self.core.memory.allocate(purpose, bytes)?;
        Ok(Array::new(self.zeroed(block)?, dim))
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
        let fresh = block.is_fresh();
        let mut bytes = Array::<u8, Ix1>::over(block);
        if bytes.len() < LAUNCH_MIN {
            // Fresh pages are zero already.
            if !fresh {
                bytes.as_mut_slice().fill(0);
            }
        } else if fresh {
            self.run_own(&Present, &mut bytes)?;
        } else {
            self.run_own(&Zero, &mut bytes)?;
        }
        Ok(bytes.into_block())
    }
}
