//! The product of all elements.

use crate::grain::cheap_grain;
use crate::stateless::stateless_kernel;
use gristmill::{Chunk, In, Kernel, Number, Shapes, in_lanes};

stateless_kernel!(
    /// The product of all elements, in their own type; integers wrap. 1 for an empty array.
    ///
    /// Floats over- and underflow as they come: 32 lanes per chunk (lane k takes elements k,
    /// k + 32, …, then the upper half of the lanes is multiplied to the lower), chunks along the
    /// fixed tree. So zero times infinity, of which the plain loop makes NaN, does so here too,
    /// but an overflow on the way can depend on this order.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::Prod;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(20, |i| i as u64 + 1)?;
    /// assert_eq!(engine.run(&Prod::new(), &x)?, 2_432_902_008_176_640_000);
    /// # Ok(()) }
    /// ```
    pub Prod
);

impl<T: Number> Kernel for Prod<T> {
    type Args = In<T>;
    type Output = gristmill::Prod<T>;

    fn run(&self, _: Chunk, x: &[T]) -> T {
        in_lanes(x, T::ONE, T::times, T::times)
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}
