//! Elementary functions that vectorise, and give the same bits on every CPU.
//!
//! Each is a polynomial without branches, made of `+ - * /`, fused multiply-adds and operations on
//! bits: a loop over one becomes vectors where it is compiled for a CPU that has them (see the
//! `multiversion` crate), and its results do not depend on a C library, as those of
//! [`f64::exp`] do. CPUs without a fused multiply-add are slow at them.
//!
//! The polynomials interpolate at Chebyshev nodes, computed with 60 digits. Accuracies were
//! measured against numbers of 60 digits, in units in the last place (ulp).
//!
//! ```
//! use gristmill_kernels::elementary::{exp, ln, normal_cdf, rsqrt};
//!
//! assert!((exp(1.0) - std::f64::consts::E).abs() < 1e-15);
//! assert!((ln(10.0) - std::f64::consts::LN_10).abs() < 1e-15);
//! assert!((normal_cdf(1.96) - 0.975002104851780).abs() < 1e-15);
//! assert!((rsqrt(4.0) - 0.5).abs() < 1e-15);
//! ```

use crate::flops::of_polynomial;

/// The logarithm of 2, as a double and what that lacks.
const LN_2: [f64; 2] = [std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17];

/// Adding it to a number of small size leaves the nearest integer in the lowest bits.
const TO_INTEGER: f64 = 6_755_399_441_055_744.0;

/// A polynomial, the lowest coefficient first.
#[inline(always)]
fn polynomial<const N: usize>(x: f64, coefficients: &[f64; N]) -> f64 {
    let mut value = coefficients[N - 1];
    let mut at = N - 1;
    while at > 0 {
        at -= 1;
        value = value.mul_add(x, coefficients[at]);
    }
    value
}

/// (e^r - 1 - r - r^2 / 2) / r^3 for |r| up to half the logarithm of 2.
const EXP: [f64; 9] = [
    0.166_666_666_666_666_69,
    0.041_666_666_666_651_364,
    0.008_333_333_333_330_065,
    0.001_388_888_890_587_265_4,
    0.000_198_412_698_630_417_92,
    2.480_153_640_688_647e-5,
    2.755_726_847_865_101_7e-6,
    2.761_379_659_052_022e-7,
    2.510_037_652_317_223e-8,
];

/// e^x, within 1.2 ulp where the result is normal. 0 below -745.2, infinity above 709.8, NaN of NaN.
///
/// x is a multiple k of ln 2 and a rest r of at most half of that: e^x = 2^k e^r, and e^r is a
/// polynomial of degree 11.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let shifted = x.mul_add(std::f64::consts::LOG2_E, TO_INTEGER);
    let k = shifted - TO_INTEGER;
    let r = k.mul_add(-LN_2[1], k.mul_add(-LN_2[0], x));
    let power = (r * r).mul_add(polynomial(r, &EXP).mul_add(r, 0.5), r) + 1.0;
    // 2^k in two factors, as it may lie beyond what is normal; the exponents' bias is 1023.
    const BIAS: u64 = 1023;
    let twice = shifted.to_bits().wrapping_sub(TO_INTEGER.to_bits()).wrapping_add(2 * BIAS);
    let half = twice >> 1;
    power * f64::from_bits(half << 52) * f64::from_bits(twice.wrapping_sub(half) << 52)
}

/// Floating-point operations of [`exp`].
pub(crate) const EXP_FLOPS: usize = of_polynomial(EXP.len()) + 15;

/// (ln(1 + f) - f + f^2 / 2) / f^3 for 1 + f from the square root of 1/2 to that of 2.
const LN: [f64; 19] = [
    0.333_333_333_333_333_3,
    -0.249_999_999_999_985_68,
    0.199_999_999_999_977_53,
    -0.166_666_666_673_730_84,
    0.142_857_142_868_996_62,
    -0.124_999_998_985_977_59,
    0.111_111_109_019_088_47,
    -0.100_000_064_857_774_81,
    0.090_909_255_121_131_0,
    -0.083_331_179_587_684_36,
    0.076_916_422_008_338_98,
    -0.071_466_984_975_666_73,
    0.066_815_249_796_294_86,
    -0.062_168_211_439_302_29,
    0.057_002_789_895_785_34,
    -0.056_086_686_684_884_65,
    0.063_643_648_041_896_64,
    -0.060_429_354_416_988_82,
    0.027_800_320_775_509_455,
];

/// The natural logarithm, within 1.2 ulp. Minus infinity of 0, NaN of what is less.
///
/// x = 2^k (1 + f), with 1 + f between the square roots of 1/2 and 2, and the logarithm of that is
/// a polynomial of degree 21: longer than one in f / (2 + f), but without a division.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    /// The least of 1 + f.
    const ROOT: u64 = 0x3fe6_a09e_667f_3bcd;
    const ONE: u64 = 1.0f64.to_bits();
    const MANTISSA: u64 = (1 << 52) - 1;
    /// Its lowest bits hold an integer, biased as exponents are.
    const INTEGER: f64 = (1u64 << 52) as f64;
    let subnormal = x < f64::MIN_POSITIVE;
    let normal = if subnormal { x * INTEGER } else { x };
    let bits = normal.to_bits().wrapping_add(ONE - ROOT);
    let bias = if subnormal { INTEGER + 1023.0 + 52.0 } else { INTEGER + 1023.0 };
    let k = f64::from_bits((bits >> 52) | INTEGER.to_bits()) - bias;
    let f = f64::from_bits((bits & MANTISSA) + ROOT) - 1.0;
    let square = f * f;
    let small = (f * square).mul_add(polynomial(f, &LN), -0.5 * square);
    let value = k.mul_add(LN_2[0], f + k.mul_add(LN_2[1], small));
    let value = if x < f64::INFINITY { value } else { x };
    let value = if x > 0.0 { value } else { f64::NAN };
    if x == 0.0 { f64::NEG_INFINITY } else { value }
}

/// Floating-point operations of [`ln`], but for what subnormal numbers take.
pub(crate) const LN_FLOPS: usize = of_polynomial(LN.len()) + 12;

/// P(t) = (a + 5) e^(a^2 / 2) Q(a) for t = (a - 5) / (a + 5), where Q(a) is the upper tail of the
/// normal distribution; a from 0 to infinity becomes t from -1 to 1.
const TAIL: [f64; 24] = [
    0.769_193_049_750_063,
    -0.665_382_502_890_057,
    0.495_305_615_969_980_5,
    -0.313_533_156_671_281_4,
    0.165_020_366_170_195_17,
    -0.069_118_638_707_071_62,
    0.020_795_066_803_234_04,
    -0.002_993_376_758_978_478,
    -0.000_797_869_427_747_529_7,
    0.000_544_898_968_373_562_9,
    -5.937_558_833_377_767e-5,
    -4.976_232_792_457_951_5e-5,
    1.668_085_271_992_539_4e-5,
    3.979_361_513_829_216e-6,
    -2.768_878_783_672_091e-6,
    -3.335_427_141_231_054e-7,
    4.334_766_428_513_756_7e-7,
    3.857_144_856_725_758_7e-8,
    -6.741_689_051_823_604e-8,
    -6.940_847_374_044_867e-9,
    9.275_082_241_537_343e-9,
    1.271_375_926_027_823_1e-9,
    -7.854_458_583_247_658e-10,
    -1.331_210_743_010_702e-10,
];

/// The part of the normal distribution beyond |x|.
///
/// The approach is that of M. Shepherd and J. Laframboise, "Chebyshev approximation of
/// (1 + 2x) exp(x^2) erfc x in 0 <= x < infinity", Mathematics of Computation 36, 1981: one
/// polynomial for all x. W. Cody's three rational functions ("Rational Chebyshev approximations
/// for the error function", Mathematics of Computation 23, 1969) would all have to be computed
/// where there are no branches.
#[inline(always)]
fn normal_tail(x: f64) -> f64 {
    const K: f64 = 5.0;
    // Beyond 39 it is 0.
    let a = x.abs();
    let a = if a > 39.0 { 39.0 } else { a };
    let near = 1.0 / (a + K);
    let mills = polynomial((a - K) * near, &TAIL) * near;
    // What the rounding of the square takes away matters far out.
    let square = a * a;
    let rest = a.mul_add(a, -square);
    let density = exp(-0.5 * square);
    density.mul_add(-0.5 * rest, density) * mills
}

/// The cumulative distribution function of the standard normal distribution at x and at -x, both
/// within 8 ulp where normal, and within 5 where |x| is above 1.5. They add up to 1.
#[inline(always)]
pub fn normal_cdf_pair(x: f64) -> [f64; 2] {
    let tail = normal_tail(x);
    if x > 0.0 { [1.0 - tail, tail] } else { [tail, 1.0 - tail] }
}

/// Floating-point operations of [`normal_cdf_pair`].
pub(crate) const NORMAL_CDF_PAIR_FLOPS: usize = of_polynomial(TAIL.len()) + EXP_FLOPS + 14;

/// The cumulative distribution function of the standard normal distribution,
/// `erfc(-x / sqrt 2) / 2`, within 8 ulp where the result is normal; far out in the lower tail too,
/// where it is within 5.
#[inline(always)]
pub fn normal_cdf(x: f64) -> f64 {
    normal_cdf_pair(x)[0]
}

/// 1 / sqrt(x) within 1.2 ulp, for normal positive x; of others the result means nothing.
///
/// A first guess, from half the exponent (within 3.5 %), is corrected twice by
/// `y (1 + e/2 + 3/8 e^2 + 5/16 e^3)` with `e = 1 - x y^2`: Newton's method, as it were, but of
/// fourth order. A vector takes less time for that than for the root and the division, which CPUs
/// cannot overlap.
///
/// Source of the guess: C. Lomont, "Fast inverse square root", 2003, its constant for doubles.
#[inline(always)]
pub fn rsqrt(x: f64) -> f64 {
    let mut y = f64::from_bits(0x5fe6_ec85_e7de_30dau64.wrapping_sub(x.to_bits() >> 1));
    for _ in 0..2 {
        let e = (x * y).mul_add(-y, 1.0);
        let correction = e.mul_add(e.mul_add(0.3125, 0.375), 0.5);
        y = (e * correction).mul_add(y, y);
    }
    y
}

/// Floating-point operations of [`rsqrt`].
pub(crate) const RSQRT_FLOPS: usize = 2 * 10;
