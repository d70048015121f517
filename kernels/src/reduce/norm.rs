//! The Euclidean norm, safe from overflow and underflow.
//!
//! Three sums of squares after J. Blue, "A portable Fortran program to find the Euclidean norm of
//! a vector", ACM TOMS 4 (1978), with the constants and the final combination of E. Anderson,
//! "Algorithm 978: Safe scaling in the Level 1 BLAS", ACM TOMS 44 (2017), as in LAPACK's dnrm2:
//! big elements are scaled down, small ones up, those between are squared as they are.

use crate::arithmetic::Real;
use crate::grain::cheap_grain;
use crate::lanes;
use crate::stateless::stateless_kernel;
use bytemuck::{Pod, Zeroable};
use gristmill::{Chunk, In, Kernel, Reduce, Shapes};
use serde::{Deserialize, Serialize};

/// 2^`exponent`, of a normal number.
const fn power(exponent: i32) -> f64 {
    assert!(-1022 <= exponent && exponent <= 1023);
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// Below this a square loses bits to underflow.
const SMALL: f64 = power(-511);
/// Above this a sum of squares may overflow.
const BIG: f64 = power(486);
/// What small elements are multiplied by before they are squared.
const SCALE_SMALL: f64 = power(537);
/// What big elements are multiplied by before they are squared.
const SCALE_BIG: f64 = power(-538);
/// A plain sum of squares from here on cannot have lost anything to underflow that counts: what
/// is lost is less than 2^-1022 per element.
const PLAIN_MIN: f64 = power(-900);
/// A plain sum of squares up to here leaves room for the sums of 2^25 chunks.
const PLAIN_MAX: f64 = power(972);

/// Three sums of squares: what [`Norm2`] yields.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Serialize, Deserialize)]
#[repr(C)]
pub struct Norm {
    big: f64,
    medium: f64,
    small: f64,
}

impl Norm {
    /// The Euclidean norm: the square root of the sum of squares. 0 of no elements.
    pub fn norm(&self) -> f64 {
        if self.big > 0.0 || self.big.is_nan() {
            // Small elements are lost beside big ones.
            let medium = (self.medium * SCALE_BIG) * SCALE_BIG;
            return (self.big + medium).sqrt() / SCALE_BIG;
        }
        if self.small > 0.0 {
            let small = self.small.sqrt() / SCALE_SMALL;
            if self.medium == 0.0 {
                return small;
            }
            let medium = self.medium.sqrt();
            let (less, more) = if small < medium { (small, medium) } else { (medium, small) };
            // Written so that a NaN among the medium ones comes through.
            return more * (1.0 + (less / more) * (less / more)).sqrt();
        }
        self.medium.sqrt()
    }

    /// Of a slice.
    fn of<T: Real>(x: &[T]) -> Norm {
        let plain = lanes::sum(x, |x| x.to_f64() * x.to_f64());
        if (PLAIN_MIN..=PLAIN_MAX).contains(&plain) {
            return Norm { big: 0.0, medium: plain, small: 0.0 };
        }
        let is_big = |x: f64| x.abs() > BIG;
        let is_small = |x: f64| x.abs() < SMALL;
        Norm {
            big: squares_where(x, is_big, SCALE_BIG),
            medium: squares_where(x, |x| !is_big(x) && !is_small(x), 1.0),
            small: squares_where(x, is_small, SCALE_SMALL),
        }
    }
}

/// The sum of squares of those elements that are wanted, scaled before they are squared.
fn squares_where<T: Real>(x: &[T], wanted: impl Fn(f64) -> bool, scale: f64) -> f64 {
    lanes::sum(x, |x| {
        let scaled = x.to_f64() * scale;
        if wanted(x.to_f64()) { scaled * scaled } else { 0.0 }
    })
}

impl Reduce for Norm {
    fn identity() -> Norm {
        Norm { big: 0.0, medium: 0.0, small: 0.0 }
    }

    fn combine(self, right: Norm) -> Norm {
        Norm {
            big: self.big + right.big,
            medium: self.medium + right.medium,
            small: self.small + right.small,
        }
    }
}

stateless_kernel!(
    /// The Euclidean norm of all elements, as a vector, in `f64`: neither large nor tiny elements
    /// over- or underflow on the way. Infinity if one is infinite, NaN if one is NaN.
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::Norm2;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.array_from(&ndarray::arr1(&[3e200, 4e200]))?;
    /// assert!((engine.run(&Norm2::new(), &x)?.norm() / 5e200 - 1.0).abs() < 1e-15);
    /// # Ok(()) }
    /// ```
    pub Norm2
);

impl<T: Real> Kernel for Norm2<T> {
    type Args = In<T>;
    type Output = Norm;

    fn run(&self, _: Chunk, x: &[T]) -> Norm {
        Norm::of(x)
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}
