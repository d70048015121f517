//! The exact sum: correctly rounded, whatever the order.
//!
//! - `accumulator`: a fixed-point number wide enough for every finite `f64` and every sum of them
//!   (the "small superaccumulator" of R. Neal, "Fast exact summation using small and large
//!   superaccumulators", arXiv:1505.05571, 2015);
//! - `rounding`: from there to the nearest `f64` or `f32`;
//! - `extraction`: the fast path for blocks whose magnitudes do not differ too much.

mod accumulator;
mod extraction;
mod rounding;

pub use accumulator::ExactSum;

use crate::grain::cheap_grain;
use crate::stateless::stateless_kernel;
use extraction::add_slice;
use gristmill::{Chunk, Element, In, Kernel, Shapes};

/// Elements of which the sum can be exact: `f64` and `f32`.
pub trait Exact: Element {
    #[doc(hidden)]
    fn widen(self) -> f64;
}

impl Exact for f64 {
    #[inline]
    fn widen(self) -> f64 {
        self
    }
}

impl Exact for f32 {
    #[inline]
    fn widen(self) -> f64 {
        f64::from(self)
    }
}

stateless_kernel!(
    /// The exact sum of all elements, `f64` or `f32`, rounded once when it is read: see
    /// [`ExactSum`] for zeros, infinities and NaN. The order of the elements does not matter.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::SumExact;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.array_from(&ndarray::arr1(&[1e300, 1.0, 1e-300, -1e300, -1.0]))?;
    /// assert_eq!(engine.run(&SumExact::new(), &x)?.to_f64(), 1e-300);
    /// # Ok(()) }
    /// ```
    pub SumExact
);

impl<T: Exact> Kernel for SumExact<T> {
    type Args = In<T>;
    type Output = ExactSum;

    fn run(&self, _: Chunk, x: &[T]) -> ExactSum {
        let mut sum = ExactSum::new();
        add_slice(&mut sum, x);
        sum
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}
