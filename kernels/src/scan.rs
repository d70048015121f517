//! Prefix sums, as a plan of three steps.
//!
//! The array is cut into blocks. First every block is summed; then one chunk turns the sums into the
//! offset of each block; then the prefix sums of every block are formed, its offset added to each. A
//! block's sum is formed just as its last prefix sum is, so the end of a block is the offset of the
//! next, to the bit. Within a block eight elements at a time are summed, so that but one addition in
//! eight must wait for the one before it; every prefix of the eight is added up so that sums of
//! numbers that are not negative never fall.
//!
//! Source of the order within the eight: J. Sklansky, Conditional-Sum Addition Logic, IRE
//! Transactions on Electronic Computers, 1960.

use crate::stateless::stateless_kernel;
use gristmill::{
    Array, CHUNKS_MAX, Chunk, Engine, FlatSlot, In, InOut, Kernel, Number, Out, Plan, Result,
    Shapes, Whole, fetch_ahead, stream,
};
use multiversion::multiversion;
use ndarray::Dimension;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// Elements per block, and per chunk of all but gigantic arrays.
pub(crate) const BLOCK: usize = 16 << 10;
/// Elements that are summed at a time.
const GROUP: usize = 8;

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
/// Floats are added in a fixed order, so the bits are the same for any number of workers. Blocks of
/// 16,384 elements are cut into groups of eight, the last one filled up with 0. A prefix of a group
/// is the sum of its first power of two elements and the rest, both added up alike: three elements
/// are (a + b) + c, six are ((a + b) + (c + d)) + (e + f). To that the sums of all earlier groups of
/// the block are added, from the left, beginning with 0, and to that those of all earlier blocks,
/// from the left too. From the first NaN on, all sums are NaN.
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
    let mut offsets = engine.scratch(blocks(x.len()))?;
    engine.plan(|p| {
        let (x, mut y, mut offsets) = (p.read(x), p.write(y), p.write(&mut offsets));
        scan_steps(p, &x, &mut offsets, &mut y, scan);
    })
}

/// The blocks of an array of `len` elements: what the offsets of [`scan_steps`] have room for.
pub(crate) fn blocks(len: usize) -> usize {
    len.div_ceil(BLOCK)
}

/// The steps of a [`scan`], in a plan of one's own.
pub(crate) fn scan_steps<T: Number>(
    plan: &mut Plan<'_>,
    x: &FlatSlot<T>,
    offsets: &mut FlatSlot<T>,
    y: &mut FlatSlot<T>,
    scan: Scan,
) {
    plan.step(&BlockSums::new(), (x, &mut *offsets));
    plan.step(&Offsets::new(), &mut *offsets);
    plan.step(&PrefixSums { scan, element: PhantomData }, (x, &*offsets, y));
}

stateless_kernel!(
    /// The sum of each block.
    BlockSums
);

impl<T: Number> Kernel for BlockSums<T> {
    type Args = (Whole<T>, Out<T>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, sums): (&[T], &mut [T])) {
        for (sum, block) in sums.iter_mut().zip(x[chunk.start() * BLOCK..].chunks(BLOCK)) {
            *sum = block_sum(block);
        }
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

/// Replaces each of a few numbers by the sum of all before it.
pub(crate) fn exclusive_sums<T: Number>(sums: &mut [T]) {
    let mut before = T::ZERO;
    for sum in sums {
        (*sum, before) = (before, before.plus(*sum));
    }
}

stateless_kernel!(
    /// Replaces each sum by the sum of all before it; one chunk, whatever the size.
    Offsets
);

impl<T: Number> Kernel for Offsets<T> {
    type Args = InOut<T>;
    type Output = ();

    fn run(&self, _: Chunk, sums: &mut [T]) {
        exclusive_sums(sums);
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
        for ((x, y), offset) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)).zip(offsets) {
            let mut sum = T::ZERO;
            stream(&chunk, y, |y, first| {
                // An array begins at a line, and is written by whole lines.
                assert!(first.is_multiple_of(GROUP), "groups are written whole");
                fetch_ahead(x, first, y.len());
                let x = &x[first..first + y.len()];
                match self.scan {
                    Scan::Inclusive => block_sums::<T, true>(x, &mut sum, *offset, y),
                    Scan::Exclusive => block_sums::<T, false>(x, &mut sum, *offset, y),
                }
            });
        }
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        whole_blocks(shapes.extent())
    }
}

/// Elements per chunk of an array of `extent`: whole blocks, also where a step has no room for as
/// many chunks as usual (from 5.5e11 elements on), as the engine would cut those anywhere.
fn whole_blocks(extent: usize) -> usize {
    extent.div_ceil(CHUNKS_MAX).next_multiple_of(BLOCK).max(BLOCK)
}

// The inner loops, compiled for wider vectors too and chosen at run time; the bits are the same.

/// The last prefix sum of a block.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn block_sum<T: Number>(x: &[T]) -> T {
    let (groups, rest) = x.as_chunks();
    let sum = groups.iter().fold(T::ZERO, |sum, group| sum.plus(total(group)));
    if rest.is_empty() { sum } else { sum.plus(total(&filled_up(rest))) }
}

/// Prefix sums of a piece of a block, of which the groups before it add up to `sum`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn block_sums<T: Number, const INCLUSIVE: bool>(x: &[T], sum: &mut T, offset: T, y: &mut [T]) {
    let ((groups, rest), (y, y_rest)) = (x.as_chunks(), y.as_chunks_mut());
    let mut before = *sum;
    for (group, y) in groups.iter().zip(y) {
        before = group_sums::<T, INCLUSIVE>(group, before, offset, y);
    }
    if !rest.is_empty() {
        let mut last = [T::ZERO; GROUP];
        before = group_sums::<T, INCLUSIVE>(&filled_up(rest), before, offset, &mut last);
        y_rest.copy_from_slice(&last[..rest.len()]);
    }
    *sum = before;
}

fn filled_up<T: Number>(rest: &[T]) -> [T; GROUP] {
    let mut group = [T::ZERO; GROUP];
    group[..rest.len()].copy_from_slice(rest);
    group
}

/// The sum of a group: its last prefix sum.
#[inline(always)]
fn total<T: Number>([a, b, c, d, e, f, g, h]: &[T; GROUP]) -> T {
    let (left, right) = (a.plus(*b).plus(c.plus(*d)), e.plus(*f).plus(g.plus(*h)));
    left.plus(right)
}

/// Writes the prefix sums of a group; gives the sum of all groups with it.
#[inline(always)]
fn group_sums<T: Number, const INCLUSIVE: bool>(
    group: &[T; GROUP],
    before: T,
    offset: T,
    y: &mut [T; GROUP],
) -> T {
    let mut sums = *group;
    // At each level, the last sum of each left half is added to all of its right half.
    for half in [1, 2, 4] {
        let left = sums;
        for i in 0..GROUP {
            if i & half != 0 {
                sums[i] = left[(i & !(half - 1)) - 1].plus(left[i]);
            }
        }
    }
    for sum in &mut sums {
        *sum = before.plus(*sum);
    }
    for i in 0..GROUP {
        y[i] = offset.plus(match i {
            _ if INCLUSIVE => sums[i],
            0 => before,
            _ => sums[i - 1],
        });
    }
    sums[GROUP - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use gristmill::Partition;

    #[test]
    fn chunks_of_any_array_begin_with_a_block() {
        let most = BLOCK * CHUNKS_MAX;
        for extent in [0, 1, BLOCK, most, most + 1, most + BLOCK + 1, 3 * most + 5, 1 << 60] {
            let partition = Partition::new(extent, whole_blocks(extent));
            assert_eq!(partition.grain() % BLOCK, 0, "{extent}");
            assert_eq!(partition.grain() == BLOCK, extent <= most, "{extent}");
            let Some(last) = partition.chunks().checked_sub(1) else { continue };
            assert_eq!(partition.range(last).start % BLOCK, 0, "{extent}");
        }
    }
}
