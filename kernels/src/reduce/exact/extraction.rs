//! The fast path: blocks are split into a few sums of floats that are exact.
//!
//! Adding a power of two `sigma` to x and taking it away again leaves q, x rounded to a multiple
//! of `2^-53 sigma`; `r = x - q` is exact. If the absolute values of a block add up to no more
//! than `sigma / 2`, every partial sum of its q fits 53 bits, so all of these sums are exact in
//! any order, in lanes too. What remains is split again with a smaller sigma; if after that
//! nothing remains, two exact floats stand for the whole block. (The error-free vector
//! transformation of S. Rump, T. Ogita and S. Oishi, "Accurate floating-point summation part I",
//! SIAM J. Sci. Comput. 31 (2008).) Other blocks are added one number at a time.

use super::Exact;
use super::accumulator::ExactSum;
use crate::lanes;
use multiversion::multiversion;

/// Numbers per block.
const BLOCK: usize = 1024;
/// Independent sums.
const LANES: usize = 16;
/// How much less the remainders of a block add up to: each is at most `2^-53 sigma`, there are
/// 2^10 of them, and the next sigma must be twice their sum.
const STEP: f64 = 1.0 / (1u64 << 42) as f64;
/// Blocks of a lesser sum may have remainders that underflow, of a greater one a sigma that
/// overflows.
const ABSOLUTE_MIN: f64 = 1e-250;
const ABSOLUTE_MAX: f64 = 1e300;

/// Adds all numbers of a slice.
pub(super) fn add_slice<T: Exact>(sum: &mut ExactSum, x: &[T]) {
    let mut wide = [0.0; BLOCK];
    for block in x.chunks(BLOCK) {
        let wide = &mut wide[..block.len()];
        wide.iter_mut().zip(block).for_each(|(wide, x)| *wide = x.widen());
        match split(wide) {
            Some(parts) => parts.into_iter().for_each(|part| sum.add(part)),
            None => wide.iter().for_each(|x| sum.add(*x)),
        }
    }
}

/// Numbers that add up to the same as the block, exactly; none if there are no such few.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn split(x: &[f64]) -> Option<[f64; 2]> {
    // NaN and infinities fail the test below too.
    let absolute = lanes::sum(x, f64::abs);
    if !(ABSOLUTE_MIN..ABSOLUTE_MAX).contains(&absolute) {
        return None;
    }
    // Twice the next power of two: at least twice the sum, its rounding error included.
    let sigma = f64::from_bits(((absolute.to_bits() >> 52) + 2) << 52);
    let sigmas = [sigma, sigma * STEP];
    let mut parts = [[0.0; LANES]; 3];
    let (blocks, rest) = x.as_chunks::<LANES>();
    for block in blocks {
        split_lanes(block, sigmas, &mut parts);
    }
    let mut last = [0.0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    split_lanes(&last, sigmas, &mut parts);
    let [high, low, left] = parts;
    // A sum of absolute values is 0 only if all of them are.
    (left == [0.0; LANES]).then(|| [lanes::fold(high), lanes::fold(low)])
}

/// Adds the parts of one number per lane: high, low, and the absolute value of what is left.
#[inline(always)]
fn split_lanes(x: &[f64; LANES], sigmas: [f64; 2], lanes: &mut [[f64; LANES]; 3]) {
    let [highs, lows, left] = lanes;
    for lane in 0..LANES {
        let high = (x[lane] + sigmas[0]) - sigmas[0];
        let remainder = x[lane] - high;
        let low = (remainder + sigmas[1]) - sigmas[1];
        highs[lane] += high;
        lows[lane] += low;
        left[lane] += (remainder - low).abs();
    }
}
