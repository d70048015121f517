//! The arithmetic mean.

use crate::arithmetic::Real;
use crate::grain::cheap_grain;
use crate::lanes;
use crate::stateless::stateless_kernel;
use bytemuck::{Pod, Zeroable};
use gristmill::{Chunk, In, Kernel, Reduce, Shapes};
use serde::{Deserialize, Serialize};

/// A sum and a count: what [`Mean`] yields.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Serialize, Deserialize)]
#[repr(C)]
pub struct Average {
    /// The sum of all elements.
    pub sum: f64,
    /// How many there are.
    pub count: u64,
}

impl Average {
    /// The mean; NaN of no elements.
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }
}

impl Reduce for Average {
    fn identity() -> Average {
        Average { sum: 0.0, count: 0 }
    }

    fn combine(self, right: Average) -> Average {
        Average { sum: self.sum + right.sum, count: self.count + right.count }
    }
}

stateless_kernel!(
    /// The arithmetic mean of all elements, summed in `f64` as [`Sum`](crate::Sum) is: NaN and
    /// infinities come through, and so does an overflow of the sum. [`Variance`](crate::Variance)
    /// gives a mean without overflow, at a higher price.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::Mean;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(100, |i| i as u8)?;
    /// assert_eq!(engine.run(&Mean::new(), &x)?.mean(), 49.5);
    /// # Ok(()) }
    /// ```
    pub Mean
);

impl<T: Real> Kernel for Mean<T> {
    type Args = In<T>;
    type Output = Average;

    fn run(&self, _: Chunk, x: &[T]) -> Average {
        Average { sum: lanes::sum(x, T::to_f64), count: x.len() as u64 }
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}
