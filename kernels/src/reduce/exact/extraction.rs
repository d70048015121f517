//! The fast path: blocks are split into a few sums of floats that are exact.
//!
//! Adding a power of two `sigma` to x and taking it away again leaves q, x rounded to a multiple
//! of `2^-53 sigma`; `r = x - q` is exact. If the absolute values of a block add up to no more
//! than `sigma / 2`, every partial sum of its q fits 53 bits, so all of these sums are exact in
//! any order, in lanes too. What remains is split again with a smaller sigma; if after that
//! nothing remains, a few exact floats stand for the whole block. (The error-free vector
//! transformation of S. Rump, T. Ogita and S. Oishi, "Accurate floating-point summation part I",
//! SIAM J. Sci. Comput. 31 (2008).) Two floats do for magnitudes that differ by up to 2^30 or so,
//! four for 2^110. Other blocks are added one number at a time.

use super::Exact;
use super::accumulator::ExactSum;
use crate::lanes;
use gristmill::fold_lanes;
use multiversion::multiversion;

/// Numbers per block.
const BLOCK: usize = 1024;
/// Independent sums: fewer than the engine's lanes, as there are up to five per number. They are
/// exact, so no bits depend on it.
const WIDTH: usize = 16;
/// How much less the remainders of a block add up to: each is at most `2^-53 sigma`, there are
/// 2^10 of them, and the next sigma must be twice their sum.
const STEP: f64 = 1.0 / (1u64 << 42) as f64;
/// Of a lesser sum sigmas may underflow, of a greater one overflow.
const ABSOLUTE_MIN: f64 = 1e-200;
const ABSOLUTE_MAX: f64 = 1e300;

/// Adds all numbers of a slice.
pub(super) fn add_slice<T: Exact>(sum: &mut ExactSum, x: &[T]) {
    // What one block needs, the next one probably needs too; the sum is the same either way.
    let mut wide_range = false;
    for block in x.chunks(BLOCK) {
        if !wide_range && let Some(parts) = split::<T, 2>(block) {
            parts.into_iter().for_each(|part| sum.add(part));
        } else if let Some(parts) = split::<T, 4>(block) {
            wide_range = true;
            parts.into_iter().for_each(|part| sum.add(part));
        } else {
            block.iter().for_each(|x| sum.add(x.widen()));
        }
    }
}

/// Numbers that add up to the same as the block, exactly; none if there are no such few.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn split<T: Exact, const PARTS: usize>(x: &[T]) -> Option<[f64; PARTS]> {
    // NaN and infinities fail the test below too.
    let absolute = lanes::sum(x, |x| x.widen().abs());
    if absolute == 0.0 {
        return Some([zero_like(x); PARTS]);
    }
    if !(ABSOLUTE_MIN..ABSOLUTE_MAX).contains(&absolute) {
        return None;
    }
    // Twice the next power of two: at least twice the sum, its rounding error included.
    let mut sigmas = [f64::from_bits(((absolute.to_bits() >> 52) + 2) << 52); PARTS];
    for part in 1..PARTS {
        sigmas[part] = sigmas[part - 1] * STEP;
    }
    let mut parts = [[0.0; WIDTH]; PARTS];
    let mut left = [0.0; WIDTH];
    let (blocks, rest) = x.as_chunks::<WIDTH>();
    for block in blocks {
        split_lanes(&block.map(T::widen), &sigmas, &mut parts, &mut left);
    }
    let mut last = [0.0; WIDTH];
    last.iter_mut().zip(rest).for_each(|(last, x)| *last = x.widen());
    split_lanes(&last, &sigmas, &mut parts, &mut left);
    // A sum of absolute values is 0 only if all of them are.
    (left == [0.0; WIDTH]).then(|| parts.map(|part| fold_lanes(part, |a, b| a + b)))
}

/// The sum of zeros: -0 if all of them are, as IEEE 754 has it.
fn zero_like<T: Exact>(zeros: &[T]) -> f64 {
    if zeros.iter().all(|x| x.widen().is_sign_negative()) { -0.0 } else { 0.0 }
}

/// Adds the parts of one number per lane, and the absolute value of what is left.
#[inline(always)]
fn split_lanes<const PARTS: usize>(
    x: &[f64; WIDTH],
    sigmas: &[f64; PARTS],
    parts: &mut [[f64; WIDTH]; PARTS],
    left: &mut [f64; WIDTH],
) {
    for lane in 0..WIDTH {
        let mut remainder = x[lane];
        for (part, sigma) in parts.iter_mut().zip(sigmas) {
            let rounded = (remainder + sigma) - sigma;
            remainder -= rounded;
            part[lane] += rounded;
        }
        left[lane] += remainder.abs();
    }
}
