//! The sum of all elements, as `Engine::sum` has it, for use in plans and registries.

use crate::stateless::stateless_kernel;
use gristmill::{Chunk, In, Kernel, Shapes, Summand, Total, Value};

stateless_kernel!(
    /// The sum of all elements, as [`Engine::sum`](gristmill::Engine::sum) adds them up.
    ///
    /// It yields the total before its last rounding or check: `f64` for `f32` and `f64`, a pair of
    /// `f64` for complex elements, `i128` or `u128` for integers. For the total in its final type
    /// call `engine.sum`; this kernel is for plans, where a later step reads the scalar. It is
    /// [`Total`], with a name for job files.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::Sum;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(100, |i| i as f64)?;
    /// assert_eq!(engine.run(&Sum::new(), &x)?, 4950.0);
    /// let (total, count) = engine.plan(|p| {
    ///     let x = p.read(&x);
    ///     (p.step(&Sum::new(), &x), p.step(&gristmill_kernels::Mean::new(), &x))
    /// })?;
    /// assert_eq!(total, count.mean() * 100.0);
    /// # Ok(()) }
    /// ```
    pub Sum
);

impl<T: Summand> Kernel for Sum<T> {
    type Args = In<T>;
    type Output = T::Partial;

    fn run(&self, chunk: Chunk, x: &[T]) -> Value<Self> {
        Total::new().run(chunk, x)
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        Total::<T>::new().grain(shapes)
    }
}
