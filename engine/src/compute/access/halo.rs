//! Rows of a chunk with their neighbours.

use super::sealed::Sealed;
use super::{Access, AccessSpec, Halo, InPlan, Kind, Located, Place, Window, place_of, shaped};
use crate::compute::array_slot::Slot;
use crate::memory::{Array, Element};
use ndarray::{ArrayView, Dimension, RemoveAxis};
use std::ops::Range;

/// The rows of a chunk, with their neighbours.
///
/// Rows are numbered from the chunk's first one: `-halo ..= len - 1 + halo` can be read. Beyond
/// the array's edge the border row is given again.
#[derive(Debug)]
pub struct HaloView<'a, T, D: Dimension> {
    all: ArrayView<'a, T, D>,
    range: Range<usize>,
    halo: usize,
}

impl<'a, T: Element, D: RemoveAxis> HaloView<'a, T, D> {
    /// Number of rows of the chunk itself.
    pub fn rows(&self) -> usize {
        self.range.len()
    }

    /// Number of rows of the whole array.
    pub fn rows_of_array(&self) -> usize {
        self.all.len_of(ndarray::Axis(0))
    }

    /// Row `row`, counted from the chunk's first, as a slice of all its elements.
    ///
    /// # Panics
    ///
    /// If it is farther from the chunk than the kernel's halo.
    #[inline]
    pub fn row(&self, row: isize) -> &'a [T] {
        let halo = self.halo as isize;
        assert!(
            -halo <= row && row < self.range.len() as isize + halo,
            "row {row} is farther than the halo of {halo} from a chunk of {} rows",
            self.range.len()
        );
        let last = self.rows_of_array() as isize - 1;
        let row = (self.range.start as isize + row).clamp(0, last) as usize;
        let len = self.all.len() / self.rows_of_array();
        let all = self.all.to_slice().expect("arrays are in C order");
        &all[row * len..(row + 1) * len]
    }

    /// Whether row `row`, counted from the chunk's first, lies inside the array.
    pub fn has_row(&self, row: isize) -> bool {
        let row = self.range.start as isize + row;
        0 <= row && row < self.rows_of_array() as isize
    }

    /// The rows of the chunk itself.
    pub fn core(&self) -> ArrayView<'a, T, D> {
        let mut core = self.all.clone();
        core.slice_axis_inplace(ndarray::Axis(0), self.range.clone().into());
        core
    }
}

impl<T, D: Dimension> Sealed for Halo<T, D> {}
impl<T: Element, D: RemoveAxis + 'static> Access for Halo<T, D> {
    type View<'a> = HaloView<'a, T, D>;
    type Array<'a> = &'a Array<T, D>;
    type Slot<'a> = &'a Slot<T, D>;
    const SPEC: AccessSpec = shaped::<T, D>(Kind::Halo);

    fn place(array: &Self::Array<'_>) -> Place {
        place_of(array.as_slice(), array.shape())
    }

    fn slot(slot: &Self::Slot<'_>) -> InPlan {
        slot.at()
    }

    #[inline]
    unsafe fn view<'a>(at: &'a Located, window: &Window) -> Self::View<'a> {
        let dim = at.dim::<D>(at.shape[0]);
        // SAFETY: the caller's promise; the whole array, in C order, to read.
        let all = unsafe { ArrayView::from_shape_ptr(dim, at.base.cast::<T>().cast_const()) };
        HaloView { all, range: window.chunk.range.clone(), halo: window.halo }
    }
}
