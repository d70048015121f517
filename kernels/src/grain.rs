//! How kernels that do next to nothing per element are cut.

/// The least bytes per chunk of kernels that do next to nothing per element: below it the claim
/// of a chunk would cost more than its work.
pub(crate) const CHEAP_BYTES_MIN: usize = 32 << 10;

/// The grain of a kernel that does next to nothing per element.
pub(crate) fn cheap_grain(shapes: &gristmill::Shapes) -> usize {
    shapes.grain(256, CHEAP_BYTES_MIN)
}

/// The grain of such a kernel where it updates arrays in place: of each chunk the engine keeps a
/// copy, which is all but free where it stays in the nearest caches.
pub(crate) fn cheap_grain_in_place(shapes: &gristmill::Shapes) -> usize {
    shapes.grain(4096, CHEAP_BYTES_MIN / 2)
}
