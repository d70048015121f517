//! What stock kernels need of an element: to be added and multiplied, to be read as `f64`, or to
//! number a bin.

use gristmill::{Element, Number, Portable};
use num_complex::Complex;

/// Elements that can be added and multiplied: all integers, floats and complex floats.
///
/// Integers wrap on overflow.
pub trait Arithmetic: Element + Portable {
    /// Floating-point operations of a sum: none of integers.
    const SUM_FLOPS: usize = 0;
    /// Floating-point operations of a product.
    const PRODUCT_FLOPS: usize = 0;

    /// The sum.
    fn plus(self, other: Self) -> Self;
    /// The product.
    fn times(self, other: Self) -> Self;
}

/// Real numbers that can be read as `f64`: all integers and floats.
pub trait Real: Number + Portable {
    /// Its value; exact but for integers beyond 2^53, which are rounded to nearest-even.
    fn to_f64(self) -> f64;
}

/// Whole numbers, which can be the number of a bin.
pub trait Integer: Number + Portable {
    /// Its value; that of a negative one is 2^63 or more.
    fn to_bin(self) -> u64;
}

macro_rules! integer {
    ($($number:ty)*) => {
        $(impl Integer for $number {
            #[inline]
            fn to_bin(self) -> u64 {
                self as u64
            }
        })*
    };
}
integer!(i8 i16 i32 i64 u8 u16 u32 u64);

macro_rules! real {
    ($flops:literal: $($number:ty)*) => {
        $(impl Arithmetic for $number {
            const SUM_FLOPS: usize = $flops;
            const PRODUCT_FLOPS: usize = $flops;

            #[inline]
            fn plus(self, other: Self) -> Self {
                Number::plus(self, other)
            }
            #[inline]
            fn times(self, other: Self) -> Self {
                Number::times(self, other)
            }
        }
        impl Real for $number {
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
        })*
    };
}
real!(0: i8 i16 i32 i64 u8 u16 u32 u64);
real!(1: f32 f64);

macro_rules! complex {
    ($($float:ty)*) => {
        $(impl Arithmetic for Complex<$float> {
            const SUM_FLOPS: usize = 2;
            // Four products, and two sums of them.
            const PRODUCT_FLOPS: usize = 6;

            #[inline]
            fn plus(self, other: Self) -> Self {
                self + other
            }
            #[inline]
            fn times(self, other: Self) -> Self {
                self * other
            }
        })*
    };
}
complex!(f32 f64);
