//! Inner products.

use crate::grain::cheap_grain;
use crate::lanes;
use crate::stateless::stateless_kernel;
use gristmill::{Chunk, Element, In, Kernel, Output, Shapes};
use num_complex::Complex;

/// Elements of which [`Dot`] can form an inner product.
///
/// | elements | product of a pair | result |
/// |---|---|---|
/// | `f64` | rounded | `f64` |
/// | `f32` | exact, in `f64` | `f64` |
/// | `Complex<f64>`, `Complex<f32>` | conj(x) * y, parts in `f64` | `(re, im)`, both `f64` |
pub trait Factor: Element {
    #[doc(hidden)]
    type Partial: Output;
    #[doc(hidden)]
    fn dot(x: &[Self], y: &[Self]) -> <Self::Partial as Output>::Value;
}

impl Factor for f64 {
    type Partial = gristmill::Sum<f64>;

    fn dot(x: &[f64], y: &[f64]) -> f64 {
        lanes::sum_pairs(x, y, |x, y| x * y)
    }
}

impl Factor for f32 {
    type Partial = gristmill::Sum<f64>;

    fn dot(x: &[f32], y: &[f32]) -> f64 {
        lanes::sum_pairs(x, y, |x, y| f64::from(x) * f64::from(y))
    }
}

macro_rules! complex_factor {
    ($($float:ty)*) => {
        $(impl Factor for Complex<$float> {
            type Partial = (gristmill::Sum<f64>, gristmill::Sum<f64>);

            fn dot(x: &[Self], y: &[Self]) -> (f64, f64) {
                let wide = |z: Self| (f64::from(z.re), f64::from(z.im));
                let re = lanes::sum_pairs(x, y, |x, y| {
                    let ((a, b), (c, d)) = (wide(x), wide(y));
                    a * c + b * d
                });
                let im = lanes::sum_pairs(x, y, |x, y| {
                    let ((a, b), (c, d)) = (wide(x), wide(y));
                    a * d - b * c
                });
                (re, im)
            }
        })*
    };
}
complex_factor!(f32 f64);

stateless_kernel!(
    /// The inner product of two arrays of one length: the sum of `x[i] * y[i]`, or of
    /// `conj(x[i]) * y[i]` for complex elements (BLAS calls that dotc). 0 for empty arrays.
    ///
    /// 32 lanes per chunk, chunks along the fixed tree. See [`Factor`] for types.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::Dot;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(101, |i| i as f64)?;
    /// let y = engine.filled(101, 2.0)?;
    /// assert_eq!(engine.run(&Dot::new(), (&x, &y))?, 10100.0);
    /// # Ok(()) }
    /// ```
    pub Dot
);

impl<T: Factor> Kernel for Dot<T> {
    type Args = (In<T>, In<T>);
    type Output = T::Partial;

    fn run(&self, _: Chunk, (x, y): (&[T], &[T])) -> <T::Partial as Output>::Value {
        T::dot(x, y)
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}
