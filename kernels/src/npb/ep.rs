//! EP of the NAS Parallel Benchmarks: pairs of Gaussian deviates by the polar method.
//!
//! A lane draws every 32nd pair, so its two numbers advance by a product each, and 32 lanes are
//! worked on side by side: also those pairs that are rejected, as sorting them out would take longer
//! than what they cost. Numbers are kept 18 bits further up than they are, where a product drops by
//! itself what is beyond 2^46, and where they are but a shift away from a float's fraction.

use super::random::{self, BITS, power};
use bytemuck::{Pod, Zeroable};
use gristmill::{Chunk, Engine, Kernel, Out, Reduce, Result, Shapes, fold_lanes};
use multiversion::multiversion;
use serde::{Deserialize, Serialize};

/// Pairs of a batch.
pub(crate) const BATCH: usize = 1 << 16;
/// Pairs that are worked on side by side.
const LANES: usize = 32;
/// Annuli that are counted.
const ANNULI: usize = 10;
const SEED: u64 = 271_828_183;
/// How much further up numbers are kept.
const UP: u32 = 64 - BITS;

/// Gaussian deviates: their sums, and how many there are by size.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Deviates {
    /// The sum of the first of each pair.
    pub x: f64,
    /// The sum of the second of each pair.
    pub y: f64,
    /// How many pairs have a greater absolute value from k to below k + 1; the last annulus has
    /// what lies further out, too.
    pub annuli: [u64; ANNULI],
}

impl Deviates {
    /// The number of pairs.
    pub fn pairs(&self) -> u64 {
        self.annuli.iter().sum()
    }
}

impl Reduce for Deviates {
    fn identity() -> Deviates {
        Deviates::zeroed()
    }

    fn combine(mut self, right: Deviates) -> Deviates {
        self.x += right.x;
        self.y += right.y;
        self.annuli.iter_mut().zip(right.annuli).for_each(|(own, right)| *own += right);
        self
    }
}

/// Draws pairs of uniform deviates and makes Gaussian ones of those that lie in the unit circle, as
/// benchmark EP of the NAS Parallel Benchmarks does.
///
/// Array: a batch of 65,536 pairs per element, which becomes the number of its pairs that lie
/// in the circle. It yields the sums of the Gaussian deviates and their counts by square annulus.
///
/// Numbers are those of [`Lcg`](super::Lcg) from seed 271828183 on, two for each pair, mapped to
/// (-1, 1): of x and y with t = x² + y² ≤ 1, the deviates are x and y times √(-2 ln t / t). The
/// logarithm is our own, correct to some 3 units in the last place, and of + - * / alone; so the bits
/// are the same on every CPU. Source: D. Bailey and others, NAS Technical Report 95-020, section
/// 2.2.1.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::npb::Gaussian;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let mut accepted = engine.zeros(4)?;
/// let deviates = engine.run(&Gaussian, &mut accepted)?;
/// let accepted: u64 = accepted.as_slice().iter().map(|n| u64::from(*n)).sum();
/// assert_eq!(deviates.pairs(), accepted);
/// assert!((deviates.pairs() as f64 / 262_144.0 - 0.785).abs() < 0.01);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Gaussian;

impl Kernel for Gaussian {
    type Args = Out<u32>;
    type Output = Deviates;

    fn run(&self, chunk: Chunk, accepted: &mut [u32]) -> Deviates {
        let mut all = Deviates::identity();
        for (number, accepted) in chunk.range().zip(accepted) {
            let own = batch(number as u64);
            *accepted = own.pairs() as u32;
            all = all.combine(own);
        }
        all
    }

    /// A batch, which takes some 100 microseconds, or more where there would be too many.
    fn grain(&self, shapes: &Shapes) -> usize {
        shapes.extent().div_ceil(1 << 14)
    }
}

/// The deviates of 2^m pairs, m at least 16.
pub(crate) fn deviates(engine: &Engine, m: u32) -> Result<Deviates> {
    let mut accepted = engine.zeros((1 << m) / BATCH)?;
    engine.run(&Gaussian, &mut accepted)
}

/// What the lanes hold between pairs.
struct Lanes {
    /// The next numbers.
    x: [u64; LANES],
    y: [u64; LANES],
    sum_x: [f64; LANES],
    sum_y: [f64; LANES],
    accepted: [u64; LANES],
    /// How many are at least 1, 2 and 3 out.
    beyond: [[u64; LANES]; 3],
}

impl Lanes {
    fn new(batch: u64) -> Lanes {
        let mut first = random::Lcg::new(SEED);
        first.skip(2 * BATCH as u64 * batch);
        let [mut x, mut y] = [[0; LANES]; 2];
        for (x, y) in x.iter_mut().zip(&mut y) {
            (*x, *y) = (first.bits() << UP, first.bits() << UP);
        }
        let zeros = [0.0; LANES];
        let counts = [0; LANES];
        Lanes { x, y, sum_x: zeros, sum_y: zeros, accepted: counts, beyond: [counts; 3] }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2"))]
fn batch(number: u64) -> Deviates {
    const JUMP: u64 = power(2 * LANES as u64);
    let mut lanes = Lanes::new(number);
    let mut annuli = [0; ANNULI];
    let mut far_out = 0;
    for _ in 0..BATCH / LANES {
        let mut size = [0.0; LANES];
        let mut far = false;
        for lane in 0..LANES {
            let (x, y) = (signed_unit(lanes.x[lane]), signed_unit(lanes.y[lane]));
            lanes.x[lane] = lanes.x[lane].wrapping_mul(JUMP);
            lanes.y[lane] = lanes.y[lane].wrapping_mul(JUMP);
            let t = x * x + y * y;
            let inside = t <= 1.0;
            let factor = if inside { polar_factor(t) } else { 0.0 };
            let (x, y) = (x * factor, y * factor);
            let greater = if x.abs() > y.abs() { x.abs() } else { y.abs() };
            lanes.sum_x[lane] += x;
            lanes.sum_y[lane] += y;
            lanes.accepted[lane] += u64::from(inside);
            for (k, beyond) in lanes.beyond.iter_mut().enumerate() {
                beyond[lane] += u64::from(greater >= (k + 1) as f64);
            }
            size[lane] = greater;
            far |= greater >= 4.0;
        }
        if far {
            for size in size.into_iter().filter(|size| *size >= 4.0) {
                annuli[(size as usize).min(ANNULI - 1)] += 1;
                far_out += 1;
            }
        }
    }
    let total = |lanes| fold_lanes(lanes, |a: u64, b: u64| a + b);
    let [one, two, three] = lanes.beyond.map(total);
    let near = [total(lanes.accepted) - one, one - two, two - three, three - far_out];
    annuli[..near.len()].copy_from_slice(&near);
    let sum = |lanes| fold_lanes(lanes, |a: f64, b: f64| a + b);
    Deviates { x: sum(lanes.sum_x), y: sum(lanes.sum_y), annuli }
}

/// `2 r - 1` of the number r that is kept further up: exact, as a float in [2, 4) has room for all of
/// its 46 bits.
#[inline(always)]
fn signed_unit(number: u64) -> f64 {
    const TWO: u64 = 2f64.to_bits();
    f64::from_bits(TWO | (number >> (64 - (f64::MANTISSA_DIGITS - 1)))) - 3.0
}

/// `sqrt(-2 ln t / t)` for normal t up to 1.
///
/// t is m 2^e, where m lies around 1, between the roots of 1/2 and 2. Then ln m = 2 artanh s,
/// where s = (m - 1) / (m + 1); its series in s² is cut off where terms fall below rounding. One division
/// serves for s and for 1 / t.
#[inline(always)]
fn polar_factor(t: f64) -> f64 {
    const FRACTION: u32 = f64::MANTISSA_DIGITS - 1;
    /// What moves the boundary between exponents to the root of 1/2.
    const TO_ROOT: u64 = 1f64.to_bits() - std::f64::consts::FRAC_1_SQRT_2.to_bits();
    /// A float of which each unit is one of its last fraction's bit.
    const UNITS: f64 = (1u64 << FRACTION) as f64;
    const BIAS: f64 = 1023.0;
    /// 1/3, 1/5, …
    const SERIES: [f64; 10] = {
        let mut series = [0.0; 10];
        let mut k = 0;
        while k < series.len() {
            series[k] = 1.0 / (2 * k + 3) as f64;
            k += 1;
        }
        series
    };
    let moved = t.to_bits() + TO_ROOT;
    let exponent = f64::from_bits(UNITS.to_bits() | (moved >> FRACTION)) - (UNITS + BIAS);
    let m = f64::from_bits((moved & ((1 << FRACTION) - 1)) + (1f64.to_bits() - TO_ROOT));
    let reciprocal = 1.0 / (t * (m + 1.0));
    let s = (m - 1.0) * (t * reciprocal);
    let square = s * s;
    let series = SERIES.iter().rev().fold(0.0, |sum, term| sum * square + term);
    let twice = s + s;
    let ln = exponent * std::f64::consts::LN_2 + (twice + twice * (square * series));
    (-2.0 * ln * ((m + 1.0) * reciprocal)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_right_to_a_few_units_in_the_last_place() {
        let mut numbers = random::Lcg::new(1);
        let mut worst = 0.0f64;
        for n in 0..200_000 {
            let t = match n % 4 {
                0 => numbers.uniform(),
                1 => numbers.uniform() * 2f64.powi(-(n % 90)),
                2 => 1.0 - numbers.uniform() * 2f64.powi(-(n % 50)),
                _ => std::f64::consts::FRAC_1_SQRT_2 + (numbers.uniform() - 0.5) * 1e-9,
            };
            let expected = (-2.0 * t.ln() / t).sqrt();
            let error = ((polar_factor(t) - expected) / expected).abs();
            worst = worst.max(if expected == 0.0 { polar_factor(t) } else { error });
        }
        assert!(worst < 4.0 * f64::EPSILON, "{worst}");
        assert_eq!(polar_factor(1.0), 0.0);
    }

    #[test]
    fn numbers_are_mapped_exactly() {
        for number in [1, 3, (1 << 45) - 1, (1 << 45) + 1, (1 << 46) - 1] {
            let expected = 2.0 * (number as f64 / 2f64.powi(46)) - 1.0;
            assert_eq!(signed_unit(number << UP), expected);
        }
    }
}
