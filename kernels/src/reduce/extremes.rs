//! The least and the greatest element.

use crate::grain::cheap_grain;
use crate::stateless::stateless_kernel;
use gristmill::{Chunk, In, Kernel, LANES, Number, Shapes};
use multiversion::multiversion;

stateless_kernel!(
    /// The least element. NaN wins, the first one if there are several, so that it cannot go
    /// unnoticed; of -0 and +0 it is either, the same one each time. The greatest value of the
    /// type (infinity for floats) for an empty array.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::{Max, Min};
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(100, |i| (i as f64 - 49.5).abs())?;
    /// assert_eq!(engine.run(&Min::new(), &x)?, 0.5);
    /// assert_eq!(engine.run(&Max::new(), &x)?, 49.5);
    /// # Ok(()) }
    /// ```
    pub Min
);

stateless_kernel!(
    /// The greatest element; otherwise as [`Min`]. The least value of the type (-infinity for
    /// floats) for an empty array.
    pub Max
);

impl<T: Number> Kernel for Min<T> {
    type Args = In<T>;
    type Output = gristmill::Min<T>;

    fn run(&self, _: Chunk, x: &[T]) -> T {
        least(x)
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}

impl<T: Number> Kernel for Max<T> {
    type Args = In<T>;
    type Output = gristmill::Max<T>;

    fn run(&self, _: Chunk, x: &[T]) -> T {
        greatest(x)
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}

/// The least of a slice, NaN first of all; `T::GREATEST` of none.
pub(crate) fn least<T: Number>(x: &[T]) -> T {
    best(x, T::GREATEST, |a, b| a < b)
}

/// The greatest of a slice, NaN first of all; `T::LEAST` of none.
pub(crate) fn greatest<T: Number>(x: &[T]) -> T {
    best(x, T::LEAST, |a, b| a > b)
}

/// The element that is `better` than all others. A lane that has met a NaN keeps it, as nothing
/// compares to it, so that one loop without branches finds both.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn best<T: Number, F: Fn(T, T) -> bool>(x: &[T], worst: T, better: F) -> T {
    let mut lanes = [worst; LANES];
    let (blocks, rest) = x.as_chunks::<LANES>();
    let mut take = |x: &[T]| {
        for (lane, x) in lanes.iter_mut().zip(x) {
            *lane = if better(*x, *lane) | x.is_nan() { *x } else { *lane };
        }
    };
    blocks.iter().for_each(|block| take(block));
    take(rest);
    if lanes.iter().any(|lane| lane.is_nan())
        && let Some(first) = x.iter().find(|x| x.is_nan())
    {
        return *first;
    }
    lanes.into_iter().fold(worst, |best, lane| if better(lane, best) { lane } else { best })
}
