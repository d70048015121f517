//! Sums in the engine's lanes, in `f64`: what most reductions are made of.

/// The sum of `of(x)` over a slice.
#[inline]
pub(crate) fn sum<T: Copy>(x: &[T], of: impl Fn(T) -> f64) -> f64 {
    gristmill::in_lanes(x, 0.0, |sum, x| sum + of(x), |a, b| a + b)
}

/// The sum of `of(x, y)` over two slices of equal length.
#[inline]
pub(crate) fn sum_pairs<T: Copy>(x: &[T], y: &[T], of: impl Fn(T, T) -> f64) -> f64 {
    gristmill::pairs_in_lanes(x, y, 0.0, |sum, x, y| sum + of(x, y), |a, b| a + b)
}
