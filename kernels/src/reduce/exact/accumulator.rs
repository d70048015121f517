//! A fixed-point number as wide as the range of `f64`: Neal's small superaccumulator.

use super::rounding::{DOUBLE, SINGLE, round};
use bytemuck::{Pod, Zeroable};
use gristmill::Reduce;

/// Bits between the weights of neighbouring limbs.
pub(super) const LIMB_BITS: u32 = 32;
/// From 2^-1074, the least subnormal, to 2^1024 times 2^64 terms: 2162 bits.
pub(super) const LIMBS: usize = 68;
/// How many additions a limb takes before its carries must move on: each adds less than 2^53 to
/// what is less than 2^32, and a limb has 63 bits.
pub(super) const ADDITIONS_MAX: u64 = 1000;

/// What has been added besides finite numbers.
mod seen {
    pub(super) const PLUS_INFINITY: u64 = 1;
    pub(super) const MINUS_INFINITY: u64 = 2;
    pub(super) const NAN: u64 = 4;
    /// Any number but -0.
    pub(super) const NOT_MINUS_ZERO: u64 = 8;
    pub(super) const MINUS_ZERO: u64 = 16;
}

/// A sum of floats that has lost nothing: rounded to nearest, ties to even, when it is read.
///
/// - Intermediate sums cannot overflow: only the final value can, to infinity.
/// - NaN if a NaN was added, or infinities of both signs; else infinity if one was added.
/// - A sum of exactly 0 is +0, unless nothing but -0 was added; then it is -0, as in IEEE 754.
///
/// ```
/// use gristmill_kernels::ExactSum;
///
/// let sum: ExactSum = [1e100, 0.1, 0.2, -1e100].into_iter().collect();
/// assert_eq!(sum.to_f64(), 0.30000000000000004); // of the doubles 0.1 and 0.2
/// assert_eq!(sum.to_f32(), 0.3);
/// ```
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct ExactSum {
    /// Limb i weighs 2^(32 i - 1074). With carries moved on, all but the last one, which has the
    /// sign, are in 0..2^32.
    limbs: [i64; LIMBS],
    /// Additions since carries moved on.
    additions: u64,
    seen: u64,
}

impl ExactSum {
    /// The sum of nothing: +0.
    pub fn new() -> ExactSum {
        ExactSum { limbs: [0; LIMBS], additions: 0, seen: 0 }
    }

    /// Adds one number.
    #[inline]
    pub fn add(&mut self, x: f64) {
        let bits = x.to_bits();
        let exponent = (bits >> 52) & 0x7ff;
        let fraction = bits & ((1 << 52) - 1);
        // Subnormals have the weight of the least normal exponent, and no hidden bit.
        let normal = u64::from(exponent != 0);
        let mantissa = fraction | (normal << 52);
        if exponent == 0x7ff || mantissa == 0 {
            self.note(x);
            return;
        }
        self.seen |= seen::NOT_MINUS_ZERO;
        let place = (exponent - normal) as u32;
        let (limb, shift) = ((place / LIMB_BITS) as usize, place % LIMB_BITS);
        let low = ((mantissa << shift) & 0xffff_ffff) as i64;
        let high = (mantissa >> (LIMB_BITS - shift)) as i64;
        // All ones if negative: (v ^ sign) - sign changes the sign without a branch.
        let sign = (bits as i64) >> 63;
        self.limbs[limb] += (low ^ sign) - sign;
        self.limbs[limb + 1] += (high ^ sign) - sign;
        self.additions += 1;
        if self.additions >= ADDITIONS_MAX {
            self.carry();
        }
    }

    /// Takes note of what has no place in the limbs: zeros, infinities, NaN.
    #[cold]
    fn note(&mut self, x: f64) {
        self.seen |= match x {
            _ if x.is_nan() => seen::NAN,
            f64::INFINITY => seen::PLUS_INFINITY,
            f64::NEG_INFINITY => seen::MINUS_INFINITY,
            _ if x.is_sign_negative() => seen::MINUS_ZERO,
            _ => seen::NOT_MINUS_ZERO,
        };
    }

    /// The sum, rounded to the nearest `f64`, ties to even.
    pub fn to_f64(&self) -> f64 {
        self.special().unwrap_or_else(|| {
            let (negative, limbs) = self.magnitude();
            let bits = round(&limbs, &DOUBLE);
            f64::from_bits(bits | (u64::from(negative) << 63))
        })
    }

    /// The sum, rounded once to the nearest `f32`, ties to even.
    pub fn to_f32(&self) -> f32 {
        self.special().map_or_else(
            || {
                let (negative, limbs) = self.magnitude();
                let bits = round(&limbs, &SINGLE) as u32;
                f32::from_bits(bits | (u32::from(negative) << 31))
            },
            |special| special as f32,
        )
    }

    /// The value where the limbs do not give it: NaN, infinities, and the zero of zeros.
    fn special(&self) -> Option<f64> {
        const BOTH: u64 = seen::PLUS_INFINITY | seen::MINUS_INFINITY;
        let has = |what: u64| self.seen & what != 0;
        if has(seen::NAN) || self.seen & BOTH == BOTH {
            Some(f64::NAN)
        } else if has(seen::PLUS_INFINITY) {
            Some(f64::INFINITY)
        } else if has(seen::MINUS_INFINITY) {
            Some(f64::NEG_INFINITY)
        } else if has(seen::MINUS_ZERO) && !has(seen::NOT_MINUS_ZERO) {
            Some(-0.0)
        } else {
            None
        }
    }

    /// Whether it is negative, and its absolute value with all limbs in 0..2^32.
    fn magnitude(&self) -> (bool, [i64; LIMBS]) {
        let mut value = *self;
        value.carry();
        let negative = value.limbs[LIMBS - 1] < 0;
        if negative {
            value.limbs.iter_mut().for_each(|limb| *limb = -*limb);
            value.carry();
        }
        (negative, value.limbs)
    }

    /// Moves what exceeds a limb on to the next one.
    fn carry(&mut self) {
        let mut carry = 0;
        let (last, limbs) = self.limbs.split_last_mut().expect("there are limbs");
        for limb in limbs {
            let whole = *limb + carry;
            *limb = whole & 0xffff_ffff;
            carry = whole >> LIMB_BITS;
        }
        *last += carry;
        self.additions = 0;
    }
}

impl Default for ExactSum {
    fn default() -> ExactSum {
        ExactSum::new()
    }
}

impl std::fmt::Debug for ExactSum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ExactSum").field(&self.to_f64()).finish()
    }
}

impl Extend<f64> for ExactSum {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, numbers: I) {
        numbers.into_iter().for_each(|x| self.add(x));
    }
}

impl FromIterator<f64> for ExactSum {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> ExactSum {
        let mut sum = ExactSum::new();
        sum.extend(numbers);
        sum
    }
}

impl Reduce for ExactSum {
    fn identity() -> ExactSum {
        ExactSum::new()
    }

    fn combine(mut self, mut right: ExactSum) -> ExactSum {
        self.carry();
        right.carry();
        self.limbs.iter_mut().zip(right.limbs).for_each(|(left, right)| *left += right);
        self.seen |= right.seen;
        self.carry();
        self
    }
}
