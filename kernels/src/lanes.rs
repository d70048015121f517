//! Sums in the engine's lanes, in `f64`: what most reductions are made of. Compiled for wider vectors
//! too, and chosen at run time; the bits are the same.

use multiversion::multiversion;

/// The sum of `of(x)` over a slice.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(crate) fn sum<T: Copy, F: Fn(T) -> f64>(x: &[T], of: F) -> f64 {
    gristmill::in_lanes(x, 0.0, |sum, x| sum + of(x), |a, b| a + b)
}

/// The sum of `of(x, y)` over two slices of equal length.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(crate) fn sum_pairs<T: Copy, F: Fn(T, T) -> f64>(x: &[T], y: &[T], of: F) -> f64 {
    gristmill::pairs_in_lanes(x, y, 0.0, |sum, x, y| sum + of(x, y), |a, b| a + b)
}
