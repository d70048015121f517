//! Tiles: rectangles of two-dimensional arrays.

use super::sealed::Sealed;
use super::{
    Access, AccessSpec, InPlan, Kind, Located, Place, Tile, TileOut, Window, place_of, shaped,
};
use crate::compute::array_slot::Slot;
use crate::memory::{Array, Element};
use ndarray::{ArrayView2, ArrayViewMut2, Ix2, ShapeBuilder};

/// The shape and strides of the window's tile, and its first element.
fn tile_of<T>(at: &Located, window: &Window) -> (ndarray::StrideShape<Ix2>, *mut T) {
    let (rows, columns) = (&window.chunk.range, &window.chunk.columns);
    let first = rows.start * at.stride + columns.start;
    debug_assert!((rows.end - 1) * at.stride + columns.end <= at.len, "the tile lies outside");
    let shape = (rows.len(), columns.len()).strides((at.stride, 1));
    (shape, at.base.cast::<T>().wrapping_add(first))
}

macro_rules! tile_access {
    ($marker:ident, $kind:expr, [$($borrow:tt)*], $view:ident) => {
        impl<T> Sealed for $marker<T> {}
        impl<T: Element> Access for $marker<T> {
            type View<'a> = $view<'a, T>;
            type Array<'a> = &'a $($borrow)* Array<T, Ix2>;
            type Slot<'a> = &'a $($borrow)* Slot<T, Ix2>;
            const SPEC: AccessSpec = shaped::<T, Ix2>($kind);

            fn place(array: &Self::Array<'_>) -> Place {
                place_of(array.as_slice(), array.shape())
            }

            fn slot(slot: &Self::Slot<'_>) -> InPlan {
                slot.at()
            }

            #[inline]
            unsafe fn view<'a>(at: &'a Located, window: &Window) -> Self::View<'a> {
                let (shape, first) = tile_of::<T>(at, window);
                // SAFETY: the caller's promise; the tile lies inside the array, in C order.
                unsafe { $view::from_shape_ptr(shape, first) }
            }
        }
    };
}
tile_access!(Tile, Kind::Tile, [], ArrayView2);
tile_access!(TileOut, Kind::TileOut, [mut], ArrayViewMut2);
