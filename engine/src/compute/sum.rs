//! Which elements can be summed, in what type, and how exactly.

use super::lanes::in_lanes;
use super::reduce::{Output, Sum};
use crate::error::{Error, Result};
use crate::memory::Element;
use multiversion::multiversion;
use num_complex::Complex;

/// An element type that [`Engine::sum`](crate::Engine::sum) can add up.
///
/// | elements | total | how |
/// |---|---|---|
/// | `f64`, complex of it | the same | 32 lanes per chunk, chunks along the fixed tree |
/// | `f32`, complex of it | the same | as above in `f64`, rounded once at the end |
/// | `i8` to `i64` | `i64` | exactly; an error if it does not fit |
/// | `u8` to `u64` | `u64` | exactly; an error if it does not fit |
pub trait Summand: Element {
    /// The type of the total.
    type Total;
    #[doc(hidden)]
    type Partial: Output;
    #[doc(hidden)]
    fn sum(elements: &[Self]) -> <Self::Partial as Output>::Value;
    #[doc(hidden)]
    fn total(partial: <Self::Partial as Output>::Value) -> Result<Self::Total>;
}

/// The sum of a slice of floats, each widened first. Compiled for wider vectors too, and chosen at run
/// time; the bits are the same.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn float_sum<T: Copy, F: Fn(T) -> f64>(elements: &[T], widen: F) -> f64 {
    in_lanes(elements, 0.0, |sum, x| sum + widen(x), |a, b| a + b)
}

impl Summand for f64 {
    type Total = f64;
    type Partial = Sum<f64>;

    fn sum(elements: &[f64]) -> f64 {
        float_sum(elements, |x| x)
    }

    fn total(partial: f64) -> Result<f64> {
        Ok(partial)
    }
}

impl Summand for f32 {
    type Total = f32;
    type Partial = Sum<f64>;

    fn sum(elements: &[f32]) -> f64 {
        float_sum(elements, f64::from)
    }

    fn total(partial: f64) -> Result<f32> {
        Ok(partial as f32)
    }
}

macro_rules! complex_summand {
    ($($float:ty)*) => {
        $(impl Summand for Complex<$float> {
            type Total = Complex<$float>;
            type Partial = (Sum<f64>, Sum<f64>);

            fn sum(elements: &[Self]) -> (f64, f64) {
                (float_sum(elements, |z| z.re.into()), float_sum(elements, |z| z.im.into()))
            }

            #[allow(clippy::unnecessary_cast, reason = "one of the two types needs it")]
            fn total((re, im): (f64, f64)) -> Result<Self> {
                Ok(Complex::new(re as $float, im as $float))
            }
        })*
    };
}
complex_summand!(f32 f64);

macro_rules! integer_summand {
    ($wide:ty, $total:ty: $($integer:ty)*) => {
        $(impl Summand for $integer {
            type Total = $total;
            type Partial = Sum<$wide>;

            fn sum(elements: &[$integer]) -> $wide {
                // Blocks whose sum fits 64 bits whatever they hold, so that the loop vectorises.
                const BLOCK: usize = if size_of::<$integer>() < 8 { 1 << 20 } else { 1 };
                let block = |block: &[$integer]| {
                    block.iter().map(|&x| x as $total).fold(0, <$total>::wrapping_add)
                };
                elements.chunks(BLOCK).map(|b| block(b) as $wide).sum()
            }

            fn total(partial: $wide) -> Result<$total> {
                <$total>::try_from(partial).map_err(|_| Error::Refused {
                    kernel: concat!("the sum of ", stringify!($integer)).into(),
                    reason: format!(
                        "the total {partial} does not fit {}; sum floats, or parts", stringify!($total)
                    ),
                })
            }
        })*
    };
}
integer_summand!(i128, i64: i8 i16 i32 i64);
integer_summand!(u128, u64: u8 u16 u32 u64);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_are_exact(elements in prop::collection::vec(any::<i64>(), 0..100)) {
            let exact: i128 = elements.iter().map(|&x| i128::from(x)).sum();
            prop_assert_eq!(i64::sum(&elements), exact);
        }
    }

    #[test]
    fn a_total_that_does_not_fit_is_an_error() {
        let error = i64::total(i64::sum(&[i64::MAX, 1])).unwrap_err();
        assert!(error.to_string().contains("9223372036854775808"), "{error}");
    }
}
