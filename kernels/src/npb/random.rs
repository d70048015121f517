//! The generator that all NAS Parallel Benchmarks draw from: `x' = 5^13 x mod 2^46`.

/// 5^13, by which each number is made of the one before.
pub(crate) const MULTIPLIER: u64 = 1_220_703_125;
/// Bits of a number.
pub(crate) const BITS: u32 = 46;
const MASK: u64 = (1 << BITS) - 1;

/// The pseudorandom numbers of the NAS Parallel Benchmarks: `x' = 5^13 x mod 2^46`, of which
/// `x / 2^46` is uniform over (0, 1).
///
/// Source: D. Bailey and others, NAS Technical Report 95-020, section 2.3. The products are those
/// of 64-bit integers, of which the lower 46 bits are exact.
///
/// ```
/// use gristmill_kernels::npb::Lcg;
///
/// let mut numbers = Lcg::new(271_828_183);
/// let mut later = numbers.clone();
/// later.skip(2);
/// let [_, _, third] = [(); 3].map(|()| numbers.uniform());
/// assert_eq!(later.uniform(), third);
/// assert!(0.0 < third && third < 1.0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lcg {
    last: u64,
}

impl Lcg {
    /// The numbers after `seed`, which is no number of the sequence itself.
    pub const fn new(seed: u64) -> Lcg {
        Lcg { last: seed & MASK }
    }

    /// The next number, of 46 bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.last = self.last.wrapping_mul(MULTIPLIER) & MASK;
        self.last
    }

    /// The next number by 2^46: exact.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        const UNIT: f64 = 1.0 / (1u64 << BITS) as f64;
        self.bits() as f64 * UNIT
    }

    /// Leaves out `count` numbers.
    pub fn skip(&mut self, count: u64) {
        self.last = self.last.wrapping_mul(power(count)) & MASK;
    }
}

/// `5^13` to the power of `exponent`, modulo 2^64, and so modulo 2^46 too.
pub(crate) const fn power(mut exponent: u64) -> u64 {
    let (mut square, mut product) = (MULTIPLIER, 1u64);
    while exponent > 0 {
        if exponent % 2 == 1 {
            product = product.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        exponent /= 2;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipping_is_drawing() {
        for count in [0, 1, 2, 7, 1000] {
            let (mut drawn, mut skipped) = (Lcg::new(314_159_265), Lcg::new(314_159_265));
            (0..count).for_each(|_| {
                drawn.bits();
            });
            skipped.skip(count);
            assert_eq!(drawn, skipped);
        }
    }

    /// As said, in numbers wide enough.
    #[test]
    fn products_are_exact() {
        let mut numbers = Lcg::new(271_828_183);
        let mut wide = 271_828_183u128;
        for _ in 0..1000 {
            wide = wide * 5u128.pow(13) % (1 << 46);
            assert_eq!(u128::from(numbers.bits()), wide);
        }
    }
}
