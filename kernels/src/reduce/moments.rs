//! Mean and variance in one pass over memory, without cancellation.
//!
//! A block of 1,024 elements stays in the first cache, so it can be read three times: for its mean
//! (as differences from its first element, so that constant data have variance 0 exactly), and
//! then for the squares about that mean, corrected for the mean's own rounding error. Blocks are
//! merged in pairs, along the same tree as the engine's chunks, by the formula of Chan, Golub and
//! LeVeque, "Algorithms for computing the sample variance", The American Statistician 37 (1983).

use crate::arithmetic::Real;
use crate::grain::cheap_grain;
use crate::lanes;
use crate::stateless::stateless_kernel;
use bytemuck::{Pod, Zeroable};
use gristmill::{Chunk, In, Kernel, Reduce, Shapes};
use serde::{Deserialize, Serialize};

/// Elements per block.
pub(crate) const BLOCK: usize = 1024;

/// Floating-point operations of an element: of its difference from the first one and their sum (2),
/// of that from the mean (2), and of the square (3). Those of a block are left out.
pub(crate) const MOMENTS_FLOPS: usize = 7;

/// Count, mean, and sum of squares about the mean: what [`Variance`] yields.
///
/// NaN anywhere makes mean and variance NaN; infinities make the variance NaN.
///
/// The mean of finite elements is finite. Squares are summed as they are: elements of which some
/// lie farther than 2e154 from the mean have an infinite variance, and those that all lie nearer
/// to it than 1e-162 have a variance of 0, as 1e200 and -1e200 have, or 1e-200 and -1e-200. Scale
/// such data first; [`Norm2`](crate::Norm2) has no such limits.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Serialize, Deserialize)]
#[repr(C)]
pub struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// How many elements there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; NaN of no elements.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { f64::NAN } else { self.mean }
    }

    /// The population variance: the mean square about the mean. NaN of no elements.
    pub fn variance(&self) -> f64 {
        self.squares / self.count as f64
    }

    /// The sample variance, with Bessel's correction: divided by the count less one. NaN of less
    /// than two elements.
    pub fn sample_variance(&self) -> f64 {
        if self.count < 2 { f64::NAN } else { self.squares / (self.count - 1) as f64 }
    }

    /// The square root of [`variance`](Moments::variance).
    pub fn standard_deviation(&self) -> f64 {
        self.variance().sqrt()
    }

    /// The square root of [`sample_variance`](Moments::sample_variance).
    pub fn sample_standard_deviation(&self) -> f64 {
        self.sample_variance().sqrt()
    }

    /// Of a slice of any length.
    pub(crate) fn of<T: Real>(x: &[T]) -> Moments {
        let mut pairs = Pairs::default();
        x.chunks(BLOCK).for_each(|block| pairs.push(Moments::of_block(block)));
        pairs.finish()
    }

    /// Of one block that is not empty.
    pub(crate) fn of_block<T: Real>(x: &[T]) -> Moments {
        let count = x.len() as f64;
        let first = x[0].to_f64();
        let mut mean = first + lanes::sum(x, |x| x.to_f64() - first) / count;
        if !mean.is_finite() {
            // The sum may have overflowed where the mean does not.
            mean = lanes::sum(x, |x| x.to_f64() / count);
        }
        let residue = lanes::sum(x, |x| x.to_f64() - mean);
        let squares = lanes::sum(x, |x| {
            let difference = x.to_f64() - mean;
            difference * difference
        });
        // Squares that overflow swallow the correction, which would be infinite or NaN as well.
        let correction = if squares.is_infinite() { 0.0 } else { residue * (residue / count) };
        // NaN passes through this comparison; rounding below 0 does not.
        let corrected = squares - correction;
        let squares = if corrected < 0.0 { 0.0 } else { corrected };
        let shift = residue / count;
        let mean = if shift.is_finite() { mean + shift } else { mean };
        Moments { count: x.len() as u64, mean, squares }
    }
}

impl Reduce for Moments {
    fn identity() -> Moments {
        Moments { count: 0, mean: 0.0, squares: 0.0 }
    }

    fn combine(self, right: Moments) -> Moments {
        if self.count == 0 {
            return right;
        }
        if right.count == 0 {
            return self;
        }
        let count = self.count + right.count;
        let (weight_left, weight_right) =
            (self.count as f64 / count as f64, right.count as f64 / count as f64);
        let difference = right.mean - self.mean;
        let mean = if difference.is_finite() {
            self.mean + difference * weight_right
        } else {
            self.mean * weight_left + right.mean * weight_right
        };
        let between = difference * difference * (self.count as f64 * weight_right);
        Moments { count, mean, squares: self.squares + right.squares + between }
    }
}

/// Combines neighbours like the digits of a binary counter: the engine's fixed tree.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pending: Vec<Moments>,
    taken: u64,
}

impl Pairs {
    pub(crate) fn push(&mut self, mut carry: Moments) {
        self.taken += 1;
        for _ in 0..self.taken.trailing_zeros() {
            let left = self.pending.pop().expect("one pending value per bit of the counter");
            carry = left.combine(carry);
        }
        self.pending.push(carry);
    }

    pub(crate) fn finish(self) -> Moments {
        let parts = self.pending.into_iter().rev();
        parts.reduce(|right, left| left.combine(right)).unwrap_or_else(Moments::identity)
    }
}

stateless_kernel!(
    /// Count, mean and variance of all elements, in one pass over memory and in `f64`.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::Variance;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.array_from(&ndarray::arr1(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]))?;
    /// let moments = engine.run(&Variance::new(), &x)?;
    /// assert_eq!(moments.mean(), 1e9 + 2.0);
    /// assert_eq!(moments.sample_variance(), 1.0);
    /// assert_eq!(moments.variance(), 2.0 / 3.0);
    /// # Ok(()) }
    /// ```
    pub Variance
);

impl<T: Real> Kernel for Variance<T> {
    type Args = In<T>;
    type Output = Moments;

    fn run(&self, _: Chunk, x: &[T]) -> Moments {
        Moments::of(x)
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}
