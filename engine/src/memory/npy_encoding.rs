//! How the elements of a `.npy` file are encoded, and decoding them in place.
//!
//! Everything is moved as bits, so NaN keep their payloads, signalling ones too.

use serde::{Deserialize, Serialize};

/// How the elements are encoded in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Encoding {
    /// As in memory.
    Native,
    /// Numbers of so many bytes, in the other byte order. A complex element is two numbers.
    Swapped(u8),
    /// Booleans, a byte each: 0, or anything else for true. In memory they are 0 and 1.
    Bool,
    /// Half floats, in memory f32, which has a value for each of theirs.
    Half {
        /// In the other byte order.
        swapped: bool,
    },
}

impl Encoding {
    /// Bytes that as many in memory take in the file.
    pub(crate) fn stored_bytes(self, bytes: u64) -> u64 {
        match self {
            Encoding::Half { .. } => bytes / 2,
            _ => bytes,
        }
    }

    /// Fills `bytes`, which are whole elements: `read` puts the file's bytes into a part of them, and
    /// they are decoded in place.
    pub(crate) fn fill<E>(
        self,
        bytes: &mut [u8],
        read: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Encoding::Native => read(bytes)?,
            Encoding::Swapped(width) => {
                read(bytes)?;
                match width {
                    2 => swap::<2>(bytes),
                    4 => swap::<4>(bytes),
                    _ => swap::<8>(bytes),
                }
            }
            Encoding::Bool => {
                read(bytes)?;
                bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
            }
            Encoding::Half { swapped } => {
                // Into the upper half: a float then never covers a half that is still to be read.
                let start = bytes.len() / 2;
                read(&mut bytes[start..])?;
                for float in 0..bytes.len() / 4 {
                    let half = [bytes[start + 2 * float], bytes[start + 2 * float + 1]];
                    let half = u16::from_ne_bytes(half);
                    let half = if swapped { half.swap_bytes() } else { half };
                    let single = single_of_half(half).to_ne_bytes();
                    bytes[4 * float..4 * float + 4].copy_from_slice(&single);
                }
            }
        }
        Ok(())
    }
}

fn swap<const WIDTH: usize>(bytes: &mut [u8]) {
    bytes.as_chunks_mut::<WIDTH>().0.iter_mut().for_each(|number| number.reverse());
}

/// The bits of the f32 that is equal to a half float, or the NaN with the same payload.
fn single_of_half(half: u16) -> u32 {
    let sign = u32::from(half >> 15) << 31;
    let (exponent, fraction) = (u32::from(half >> 10 & 0x1F), u32::from(half & 0x3FF));
    sign | match (exponent, fraction) {
        (0, 0) => 0,
        // Subnormal: its highest bit becomes the one that is not stored.
        (0, _) => {
            let shift = fraction.leading_zeros() - 21;
            (113 - shift) << 23 | (fraction << shift & 0x3FF) << 13
        }
        (0x1F, _) => 0xFF << 23 | fraction << 13,
        _ => (exponent + 112) << 23 | fraction << 13,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_float_is_the_single_of_the_same_value() {
        for half in 0..=u16::MAX {
            let single = f32::from_bits(single_of_half(half));
            let (exponent, fraction) = (i32::from(half >> 10 & 0x1F), f64::from(half & 0x3FF));
            let value = match exponent {
                0 => fraction * 2f64.powi(-24),
                31 if fraction == 0.0 => f64::INFINITY,
                31 => {
                    let payload = u32::from(half & 0x3FF) << 13;
                    assert_eq!(single.to_bits() & 0x7FFFFF, payload, "{half:#06x}");
                    continue;
                }
                _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
            };
            assert_eq!(f64::from(single.abs()), value, "{half:#06x}");
            assert_eq!(single.is_sign_negative(), half >> 15 == 1, "{half:#06x}");
        }
    }
}
