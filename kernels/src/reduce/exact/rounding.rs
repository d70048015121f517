//! From a fixed-point number to the nearest float, ties to even.

use super::accumulator::{LIMB_BITS, LIMBS};

/// A binary float format, seen from fixed point with a unit of 2^-1074.
pub(super) struct Format {
    /// Bits of the mantissa, the hidden one included.
    precision: u32,
    /// The place of its least subnormal.
    least: u32,
    /// The bits of its infinity.
    infinity: u64,
}

pub(super) const DOUBLE: Format = Format { precision: 53, least: 0, infinity: 0x7ff << 52 };
pub(super) const SINGLE: Format = Format { precision: 24, least: 1074 - 149, infinity: 0xff << 23 };

/// The bits of the float nearest to a number, given by limbs in 0..2^32, least first.
pub(super) fn round(limbs: &[i64; LIMBS], format: &Format) -> u64 {
    let Some(top) = limbs.iter().rposition(|limb| *limb != 0) else {
        return 0;
    };
    let highest = top as u32 * LIMB_BITS + limbs[top].ilog2();
    // The place of the last bit that is kept: for subnormals it cannot sink any further.
    let last = (highest + 1).saturating_sub(format.precision).max(format.least);
    let kept = bits_from(limbs, last);
    let tie_or_more = last > 0 && bit(limbs, last - 1);
    let more = last > 1 && any_below(limbs, last - 1);
    let up = tie_or_more && (more || kept & 1 == 1);
    // The hidden bit raises the exponent field by 1, as does a carry out of the mantissa.
    let field = u64::from(last - format.least) << (format.precision - 1);
    (field + kept + u64::from(up)).min(format.infinity)
}

/// The bits from `place` upwards; the caller knows that they are less than 64.
fn bits_from(limbs: &[i64; LIMBS], place: u32) -> u64 {
    let (limb, shift) = ((place / LIMB_BITS) as usize, place % LIMB_BITS);
    let window = limbs[limb..].iter().take(3).rev();
    let window = window.fold(0u128, |bits, limb| (bits << LIMB_BITS) | *limb as u128);
    (window >> shift) as u64
}

fn bit(limbs: &[i64; LIMBS], place: u32) -> bool {
    limbs[(place / LIMB_BITS) as usize] >> (place % LIMB_BITS) & 1 == 1
}

/// Whether any bit below `place` is set.
fn any_below(limbs: &[i64; LIMBS], place: u32) -> bool {
    let (limb, shift) = ((place / LIMB_BITS) as usize, place % LIMB_BITS);
    limbs[..limb].iter().any(|limb| *limb != 0) || limbs[limb] & ((1 << shift) - 1) != 0
}
