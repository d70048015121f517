//! What one wants to know of a map at a glance.

use super::extremes::{greatest, least};
use super::moments::{BLOCK, Moments, Pairs};
use crate::arithmetic::Real;
use crate::grain::cheap_grain;
use crate::stateless::stateless_kernel;
use bytemuck::{Pod, Zeroable};
use gristmill::{Chunk, In, Kernel, Reduce, Shapes};
use serde::{Deserialize, Serialize};

/// Count, least, greatest, mean and spread of what is not NaN: what [`Summary`] yields.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Serialize, Deserialize)]
#[repr(C)]
pub struct Statistics {
    nan: u64,
    min: f64,
    max: f64,
    moments: Moments,
}

impl Statistics {
    /// How many elements are not NaN.
    pub fn count(&self) -> u64 {
        self.moments.count()
    }

    /// How many elements are NaN.
    pub fn nan_count(&self) -> u64 {
        self.nan
    }

    /// The least one; NaN of none.
    pub fn min(&self) -> f64 {
        if self.count() == 0 { f64::NAN } else { self.min }
    }

    /// The greatest one; NaN of none.
    pub fn max(&self) -> f64 {
        if self.count() == 0 { f64::NAN } else { self.max }
    }

    /// The mean; NaN of none.
    pub fn mean(&self) -> f64 {
        self.moments.mean()
    }

    /// The standard deviation of the population: divided by the count. NaN of none.
    pub fn standard_deviation(&self) -> f64 {
        self.moments.standard_deviation()
    }

    /// Count, mean and variance.
    pub fn moments(&self) -> Moments {
        self.moments
    }
}

impl Reduce for Statistics {
    fn identity() -> Statistics {
        let moments = Moments::identity();
        Statistics { nan: 0, min: f64::INFINITY, max: f64::NEG_INFINITY, moments }
    }

    fn combine(self, right: Statistics) -> Statistics {
        Statistics {
            nan: self.nan + right.nan,
            min: gristmill::smaller(self.min, right.min),
            max: gristmill::greater(self.max, right.max),
            moments: self.moments.combine(right.moments),
        }
    }
}

stateless_kernel!(
    /// Count, NaN count, least, greatest, mean and standard deviation. NaN is counted and
    /// otherwise left out; infinities are values like others, and make the deviation NaN.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::Summary;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.array_from(&ndarray::arr1(&[2.0, f64::NAN, 4.0]))?;
    /// let seen = engine.run(&Summary::new(), &x)?;
    /// assert_eq!((seen.count(), seen.nan_count()), (2, 1));
    /// assert_eq!((seen.min(), seen.max()), (2.0, 4.0));
    /// assert_eq!((seen.mean(), seen.standard_deviation()), (3.0, 1.0));
    /// # Ok(()) }
    /// ```
    pub Summary
);

impl<T: Real> Kernel for Summary<T> {
    type Args = In<T>;
    type Output = Statistics;

    fn run(&self, _: Chunk, x: &[T]) -> Statistics {
        let mut statistics = Statistics::identity();
        let mut pairs = Pairs::default();
        let mut numbers = Vec::new();
        for block in x.chunks(BLOCK) {
            let nan = block.iter().filter(|x| x.is_nan()).count();
            statistics.nan += nan as u64;
            let numbers = if nan == 0 {
                block
            } else {
                numbers.clear();
                numbers.extend(block.iter().copied().filter(|x| !x.is_nan()));
                &numbers
            };
            if !numbers.is_empty() {
                let (min, max) = (least(numbers).to_f64(), greatest(numbers).to_f64());
                statistics.min = gristmill::smaller(statistics.min, min);
                statistics.max = gristmill::greater(statistics.max, max);
                pairs.push(Moments::of_block(numbers));
            }
        }
        statistics.moments = pairs.finish();
        statistics
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}
