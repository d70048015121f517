//! Arrays whose element type is known at run time only, as job files have them.

use super::allocator::Block;
use super::array::{Array, Element};
use super::region::Region;
use ndarray::{Dimension, Ix1};
use serde::{Deserialize, Serialize};

/// An array of any element type: its bytes, and what they are.
#[derive(Debug)]
pub(crate) struct RawArray {
    bytes: Array<u8, Ix1>,
    /// The name of the element type, as `std::any::type_name` has it.
    element: &'static str,
    element_bytes: usize,
    shape: Vec<usize>,
}

/// A raw array as an argument of a launch: what is written is borrowed mutably.
#[derive(Debug)]
pub(crate) enum RawArgument<'a> {
    Read(&'a RawArray),
    Write(&'a mut RawArray),
}

impl RawArray {
    /// Takes over a block that is large enough.
    pub(crate) fn new(
        block: Block,
        element: &'static str,
        element_bytes: usize,
        shape: &[usize],
    ) -> RawArray {
        let len = shape.iter().product::<usize>() * element_bytes;
        assert!(len <= block.len(), "the block is too small for {shape:?} of {element}");
        RawArray { bytes: Array::over(block), element, element_bytes, shape: shape.to_vec() }
    }

    /// Takes over an array whose types are known.
    pub(crate) fn of<T: Element, D: Dimension>(array: Array<T, D>) -> RawArray {
        let shape = array.shape().to_vec();
        RawArray::new(array.into_block(), std::any::type_name::<T>(), size_of::<T>(), &shape)
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub(crate) fn element(&self) -> &'static str {
        self.element
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its bytes, in C order.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes.as_slice()[..self.len() * self.element_bytes]
    }

    /// Its bytes, to write.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let len = self.len() * self.element_bytes;
        &mut self.bytes.as_mut_slice()[..len]
    }

    /// A handle for a task, which reads the array in its worker. Whoever makes one keeps the array
    /// and does not write it until the task is done.
    pub(crate) fn handle(&self, region: &Region) -> RawHandle {
        let bytes = self.bytes();
        let offset = region.offset_of(bytes.as_ptr(), bytes.len());
        RawHandle { offset: offset.expect("arrays lie in the region"), len: bytes.len() }
    }
}

impl RawArgument<'_> {
    pub(crate) fn array(&self) -> &RawArray {
        match self {
            RawArgument::Read(array) => array,
            RawArgument::Write(array) => array,
        }
    }

    pub(crate) fn is_written(&self) -> bool {
        matches!(self, RawArgument::Write(_))
    }
}

/// An array's place, as a task gets it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct RawHandle {
    offset: usize,
    len: usize,
}

impl RawHandle {
    /// The array's bytes, in a worker.
    pub(crate) fn bytes(self, region: &Region) -> &[u8] {
        let start = region.bytes(self.offset, self.len).as_ptr();
        // SAFETY: inside the region (`bytes` checks); whoever made the handle keeps the array and
        // does not write it until the task is done, and no step that runs meanwhile writes it.
        unsafe { std::slice::from_raw_parts(start, self.len) }
    }
}
