//! Prefix sums, as a plan of three steps.
//!
//! The array is cut into blocks of 2,048 elements. First every block is summed; then one chunk
//! turns the sums into the offset of each block; then every block is summed again from the left,
//! its offset added to each partial sum. A block's sum is formed just as its last partial sum is,
//! so the end of a block is the offset of the next, to the bit, and sums of numbers that are not
//! negative never fall. A chunk is eight blocks, summed side by side, as each addition within a
//! block must wait for the one before it.

use crate::stateless::stateless_kernel;
use gristmill::{
    Array, CHUNKS_MAX, Chunk, Engine, In, InOut, Kernel, Number, Out, Result, Shapes, Whole,
};
use ndarray::Dimension;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// Elements per block.
const BLOCK: usize = 2048;
/// Blocks per chunk of all but gigantic arrays: enough to hide the latency of an addition.
const SIDE_BY_SIDE: usize = 8;
/// Elements per chunk of all but gigantic arrays.
pub(crate) const CHUNK: usize = SIDE_BY_SIDE * BLOCK;

/// Whether a prefix sum contains its own element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scan {
    /// `y[i] = x[0] + … + x[i]`.
    Inclusive,
    /// `y[i] = x[0] + … + x[i - 1]`, and `y[0] = 0`.
    Exclusive,
}

/// Prefix sums of all elements in C order; integers wrap.
///
/// Floats are added in a fixed order: within each block of 2,048 elements from the left,
/// beginning with 0, and to that the sums of all earlier blocks, added from the left too. So the
/// bits are the same for any number of workers. From the first NaN on, all sums are NaN.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::{Scan, scan};
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let x = engine.array_from(&ndarray::arr1(&[3, 1, 4, 1, 5]))?;
/// let mut y = engine.zeros(5)?;
/// scan(&engine, &x, &mut y, Scan::Inclusive)?;
/// assert_eq!(y.as_slice(), [3, 4, 8, 9, 14]);
/// scan(&engine, &x, &mut y, Scan::Exclusive)?;
/// assert_eq!(y.as_slice(), [0, 3, 4, 8, 9]);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// As [`Engine::run`]; [`Error::Shape`](gristmill::Error::Shape) where `x` and `y` differ in their
/// number of elements, [`Error::OutOfMemory`](gristmill::Error::OutOfMemory) for the sums of the
/// blocks.
pub fn scan<T: Number, D: Dimension>(
    engine: &Engine,
    x: &Array<T, D>,
    y: &mut Array<T, D>,
    scan: Scan,
) -> Result<()> {
    let mut offsets = engine.zeros(x.len().div_ceil(BLOCK))?;
    engine.plan(|p| {
        let (x, mut y, mut offsets) = (p.read(x), p.write(y), p.write(&mut offsets));
        p.step(&BlockSums::new(), (&x, &mut offsets));
        p.step(&Offsets::new(), &mut offsets);
        p.step(&PrefixSums { scan, element: PhantomData }, (&x, &offsets, &mut y));
    })
}

stateless_kernel!(
    /// The sum of each block.
    BlockSums
);

impl<T: Number> Kernel for BlockSums<T> {
    type Args = (Whole<T>, Out<T>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, sums): (&[T], &mut [T])) {
        let x = &x[chunk.start() * BLOCK..];
        let x = &x[..x.len().min(sums.len() * BLOCK)];
        if let (whole, []) = x.as_chunks::<BLOCK>()
            && let (Ok(blocks), Some(sums)) = (whole.try_into(), sums.first_chunk_mut())
        {
            *sums = side_by_side(blocks);
            return;
        }
        for (sum, block) in sums.iter_mut().zip(x.chunks(BLOCK)) {
            *sum = block.iter().fold(T::ZERO, |sum, x| sum.plus(*x));
        }
    }

    fn grain(&self, _: &Shapes) -> usize {
        SIDE_BY_SIDE
    }
}

fn side_by_side<T: Number>(blocks: &[[T; BLOCK]; SIDE_BY_SIDE]) -> [T; SIDE_BY_SIDE] {
    let mut sums = [T::ZERO; SIDE_BY_SIDE];
    for i in 0..BLOCK {
        for (sum, block) in sums.iter_mut().zip(blocks) {
            *sum = sum.plus(block[i]);
        }
    }
    sums
}

stateless_kernel!(
    /// Replaces each sum by the sum of all before it; one chunk, whatever the size.
    Offsets
);

impl<T: Number> Kernel for Offsets<T> {
    type Args = InOut<T>;
    type Output = ();

    fn run(&self, _: Chunk, sums: &mut [T]) {
        let mut before = T::ZERO;
        for sum in sums {
            (*sum, before) = (before, before.plus(*sum));
        }
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        shapes.extent()
    }
}

/// The prefix sums of each block, raised by its offset.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(bound = "")]
struct PrefixSums<T> {
    scan: Scan,
    #[serde(skip)]
    element: PhantomData<fn() -> T>,
}

impl<T: Number> Kernel for PrefixSums<T> {
    type Args = (In<T>, Whole<T>, Out<T>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, offsets, y): (&[T], &[T], &mut [T])) {
        let offsets = &offsets[chunk.start() / BLOCK..];
        let inclusive = self.scan == Scan::Inclusive;
        if let ((x, []), (y, [])) = (x.as_chunks::<BLOCK>(), y.as_chunks_mut::<BLOCK>())
            && let (Ok(x), Ok(y)) = (x.try_into(), y.try_into())
            && let Some(offsets) = offsets.first_chunk()
        {
            if inclusive {
                sums_side_by_side::<T, true>(x, offsets, y);
            } else {
                sums_side_by_side::<T, false>(x, offsets, y);
            }
            return;
        }
        for ((x, y), offset) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)).zip(offsets) {
            let mut sum = T::ZERO;
            for (x, y) in x.iter().zip(y) {
                let with = sum.plus(*x);
                *y = offset.plus(if inclusive { with } else { sum });
                sum = with;
            }
        }
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        whole_blocks(shapes.extent())
    }
}

/// Elements per chunk of an array of `extent`: whole blocks, also where a step has no room for as
/// many chunks as usual (from 5.5e11 elements on), as the engine would cut those anywhere.
fn whole_blocks(extent: usize) -> usize {
    extent.div_ceil(CHUNKS_MAX).next_multiple_of(BLOCK).max(CHUNK)
}

fn sums_side_by_side<T: Number, const INCLUSIVE: bool>(
    x: &[[T; BLOCK]; SIDE_BY_SIDE],
    offsets: &[T; SIDE_BY_SIDE],
    y: &mut [[T; BLOCK]; SIDE_BY_SIDE],
) {
    let mut sums = [T::ZERO; SIDE_BY_SIDE];
    for i in 0..BLOCK {
        for block in 0..SIDE_BY_SIDE {
            let with = sums[block].plus(x[block][i]);
            y[block][i] = offsets[block].plus(if INCLUSIVE { with } else { sums[block] });
            sums[block] = with;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gristmill::Partition;

    #[test]
    fn chunks_of_any_array_begin_with_a_block() {
        const USUAL: usize = SIDE_BY_SIDE * BLOCK;
        let most = USUAL * CHUNKS_MAX;
        for extent in [0, 1, USUAL, most, most + 1, most + BLOCK + 1, 3 * most + 5, 1 << 60] {
            let partition = Partition::new(extent, whole_blocks(extent));
            assert_eq!(partition.grain() % BLOCK, 0, "{extent}");
            assert_eq!(partition.grain() == USUAL, extent <= most, "{extent}");
            let Some(last) = partition.chunks().checked_sub(1) else { continue };
            assert_eq!(partition.range(last).start % BLOCK, 0, "{extent}");
        }
    }
}
