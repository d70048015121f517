//! From the order and the encoding of a `.npy` file to those of memory: C order, this machine's
//! bytes.
//!
//! Everything is moved as bits, so NaN keep their payloads, signalling ones too. Nothing is
//! allocated beyond one block.

use super::npy::NpyHeader;
use serde::{Deserialize, Serialize};

/// Bytes of memory in which a file passes through on its way.
const BLOCK: usize = 1 << 20;

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

/// Which elements of the file lie side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Those of the last axis, as in memory.
    C,
    /// Those of the first axis.
    Fortran,
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

impl NpyHeader {
    /// Reads the whole array in the file's order, a block at a time. `read` fills bytes with those
    /// from an offset of the file on. `take` gets elements as they are in memory, the place of the
    /// first among all in C order, and how many places each lies behind the one before.
    pub(crate) fn read_runs<E>(
        &self,
        mut read: impl FnMut(&mut [u8], u64) -> Result<(), E>,
        mut take: impl FnMut(&[u8], usize, usize),
    ) -> Result<(), E> {
        let (size, elements) = (self.element.size_bytes(), self.elements());
        let at_a_time = (BLOCK / size).min(elements);
        let mut block = vec![0; at_a_time * size];
        let mut places = Places::of(self);
        let mut done = 0;
        while done < elements {
            let bytes = &mut block[..at_a_time.min(elements - done) * size];
            let at = self.encoding.stored_bytes((done * size) as u64);
            self.encoding.fill(bytes, |bytes| read(bytes, self.data_offset_bytes + at))?;
            done += bytes.len() / size;
            let mut rest = &*bytes;
            while !rest.is_empty() {
                let (run, first, stride) = places.run(rest.len() / size);
                let (elements, others) = rest.split_at(run * size);
                take(elements, first, stride);
                rest = others;
            }
        }
        Ok(())
    }

    /// Reads the whole array into memory of its size.
    pub(crate) fn read_into<E>(
        &self,
        bytes: &mut [u8],
        read: impl FnMut(&mut [u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read_runs(read, |run, first, stride| match self.element.size_bytes() {
            1 => scatter::<1>(run, bytes, first, stride),
            2 => scatter::<2>(run, bytes, first, stride),
            4 => scatter::<4>(run, bytes, first, stride),
            8 => scatter::<8>(run, bytes, first, stride),
            _ => scatter::<16>(run, bytes, first, stride),
        })
    }
}

fn scatter<const SIZE: usize>(run: &[u8], bytes: &mut [u8], first: usize, stride: usize) {
    if stride == 1 {
        bytes[first * SIZE..][..run.len()].copy_from_slice(run);
        return;
    }
    let places = bytes.as_chunks_mut::<SIZE>().0[first..].iter_mut().step_by(stride);
    places.zip(run.as_chunks::<SIZE>().0).for_each(|(place, element)| *place = *element);
}

/// The places in C order of a file's elements, one run after the other.
struct Places {
    /// Length of each axis, and how far apart its elements are in C order; the first axis is the one
    /// that runs fastest in the file.
    axes: Vec<(usize, usize)>,
    index: Vec<usize>,
    place: usize,
}

impl Places {
    fn of(header: &NpyHeader) -> Places {
        let axes = match header.order {
            Order::C => vec![(header.elements(), 1)],
            Order::Fortran => {
                let mut stride = header.elements();
                let strides = header.shape.iter().map(|&len| {
                    stride /= len.max(1);
                    (len, stride)
                });
                strides.collect()
            }
        };
        Places { index: vec![0; axes.len()], axes, place: 0 }
    }

    /// The next run of at most so many elements: its length, first place and stride. There must be
    /// elements left.
    fn run(&mut self, most: usize) -> (usize, usize, usize) {
        let ((len, stride), first) = (self.axes[0], self.place);
        let run = most.min(len - self.index[0]);
        self.index[0] += run;
        self.place += run * stride;
        for axis in 0..self.axes.len() - 1 {
            let (len, stride) = self.axes[axis];
            if self.index[axis] < len {
                break;
            }
            self.index[axis] = 0;
            self.place = self.place - len * stride + self.axes[axis + 1].1;
            self.index[axis + 1] += 1;
        }
        (run, first, stride)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::element_type::ElementType;

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

    /// Fortran order by its definition, element by element.
    fn expected(shape: &[usize]) -> Vec<u16> {
        let elements = shape.iter().product();
        let place_in_file = |place: usize| {
            let (mut place, mut index) = (place, vec![]);
            for &len in shape.iter().rev() {
                index.insert(0, place % len);
                place /= len;
            }
            index.iter().zip(shape).rev().fold(0, |file, (index, len)| file * len + index)
        };
        (0..elements).map(|place| place_in_file(place) as u16).collect()
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        for shape in [&[3, 4][..], &[2, 3, 4], &[5, 1, 2, 3], &[1, 7], &[60_000, 9], &[3, 0, 2]] {
            let elements: usize = shape.iter().product();
            let file: Vec<u8> = (0..elements).flat_map(|at| (at as u16).to_ne_bytes()).collect();
            let header = NpyHeader {
                element: ElementType::U16,
                encoding: Encoding::Native,
                order: Order::Fortran,
                shape: shape.to_vec(),
                data_offset_bytes: 0,
                data_bytes: file.len() as u64,
            };
            let mut bytes = vec![0xFF; file.len()];
            let read = |bytes: &mut [u8], at: u64| -> Result<(), ()> {
                bytes.copy_from_slice(&file[at as usize..][..bytes.len()]);
                Ok(())
            };
            header.read_into(&mut bytes, read).unwrap();
            let read = bytes.as_chunks().0.iter().map(|bytes| u16::from_ne_bytes(*bytes));
            assert!(read.eq(expected(shape)), "{shape:?}");
        }
    }
}
