//! Counting whole numbers, each of which is the number of its bin.

use crate::arithmetic::Integer;
use crate::grain::{CHEAP_BYTES_MIN, cheap_grain};
use crate::scan::exclusive_sums;
use crate::stateless::stateless_kernel;
use gristmill::{
    Add, Array, Chunk, Engine, In, Kernel, Merge, Out, Result, Shapes, Sum, Whole, stream,
};
use ndarray::{ArrayViewMut2, Dimension, Ix1, Ix2};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::ops::AddAssign;

stateless_kernel! {
    /// `counts[i]` is how many elements are `i`, as numpy's bincount has it; gives how many are the
    /// number of no bin, being negative or too large.
    ///
    /// Arrays: the elements, integers, and the counts, `u64`, one per bin. They are merged exactly,
    /// so they are the same for any number of workers. An array that was counted into before is
    /// begun anew.
    ///
    /// Each worker has counts of its own, which is fast as long as they stay in its caches: up to
    /// some 100,000 bins. For more there is [`bin_count`].
    ///
    /// ```
    /// # use gristmill::Engine;
    /// # use gristmill_kernels::BinCount;
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.array_from(&ndarray::arr1(&[2, 0, 2, 7, -1]))?;
    /// let mut counts = engine.zeros(3)?;
    /// let outside = engine.run(&BinCount::new(), (&x, &mut counts))?;
    /// assert_eq!(counts.as_slice(), [1, 0, 2]);
    /// assert_eq!(outside, 2);
    /// # Ok(()) }
    /// ```
    pub BinCount
}

/// Bins that are counted in several tables in turn: then equal elements in succession need not wait
/// for each other's count to be stored.
const FEW_BINS: usize = 4096;
const TABLES: usize = 4;

impl<T: Integer> Kernel for BinCount<T> {
    type Args = (In<T>, Merge<u64, Add>);
    type Output = Sum<u64>;

    fn run(&self, _: Chunk, (x, counts): (&[T], &mut [u64])) -> u64 {
        let is_few = (1..=FEW_BINS).contains(&counts.len()) && TABLES * counts.len() <= x.len();
        match is_few {
            true => in_tables(x, counts),
            false => x.iter().map(|x| tally(counts, *x)).sum(),
        }
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        table_grain(shapes)
    }
}

/// Elements per chunk: there is more to do for a chunk where counts are added up.
fn table_grain(shapes: &Shapes) -> usize {
    shapes.grain(256, 4 * CHEAP_BYTES_MIN)
}

/// Counts an element in its bin; gives 1 if there is none.
#[inline]
fn tally<T: Integer, C: AddAssign + From<u8>>(counts: &mut [C], x: T) -> u64 {
    match counts.get_mut(index(x)) {
        Some(count) => {
            *count += C::from(1);
            0
        }
        None => 1,
    }
}

/// An index that is in no array if the element is.
#[inline]
fn index<T: Integer>(x: T) -> usize {
    usize::try_from(x.to_bin()).unwrap_or(usize::MAX)
}

/// Adds to the counts, of which there are some, by way of tables of fewer than 2^32 elements each,
/// whose last bin is for what lies outside: no element is a case of its own.
fn in_tables<T: Integer>(x: &[T], counts: &mut [u64]) -> u64 {
    let outside = counts.len();
    let mut all = vec![0u32; TABLES * (outside + 1)];
    // Each by itself, and each slice in registers: a third faster than side by side.
    let (ab, cd) = all.split_at_mut(2 * (outside + 1));
    let ((a, b), (c, d)) = (ab.split_at_mut(outside + 1), cd.split_at_mut(outside + 1));
    let (rows, rest) = x.as_chunks();
    for [w, x, y, z] in rows {
        a[index(*w).min(outside)] += 1;
        b[index(*x).min(outside)] += 1;
        c[index(*y).min(outside)] += 1;
        d[index(*z).min(outside)] += 1;
    }
    for x in rest {
        a[index(*x).min(outside)] += 1;
    }
    for table in [&*a, b, c, d] {
        counts.iter_mut().zip(table).for_each(|(count, own)| *count += u64::from(*own));
    }
    [a, b, c, d].map(|table| u64::from(table[outside])).iter().sum()
}

stateless_kernel!(
    /// The same with half as many bytes per count, for fewer than 2^32 elements.
    NarrowCount
);

impl<T: Integer> Kernel for NarrowCount<T> {
    type Args = (In<T>, Merge<u32, Add>);
    type Output = Sum<u64>;

    fn run(&self, _: Chunk, (x, counts): (&[T], &mut [u32])) -> u64 {
        x.iter().map(|x| tally(counts, *x)).sum()
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        table_grain(shapes)
    }
}

/// Counts as `u64`.
#[derive(Debug, Serialize, Deserialize)]
struct Widen;

impl Kernel for Widen {
    type Args = (In<u32>, Out<u64>);
    type Output = ();

    fn run(&self, _: Chunk, (narrow, wide): (&[u32], &mut [u64])) {
        wide.iter_mut().zip(narrow).for_each(|(wide, narrow)| *wide = u64::from(*narrow));
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}

/// Bins up to which every worker has counts of its own: half a MiB of narrow ones.
const BINS_MERGED: usize = 128 << 10;
/// Bins per part of the others, whose counts stay in a core's cache: as many as a `u16` can tell.
const PART: usize = 1 << 16;
/// Elements per block, which with its parts stays in a core's cache.
const BLOCK: usize = 128 << 10;

/// Counts elements as [`BinCount`] does, for any number of bins; gives how many are the number of
/// none.
///
/// Many bins are counted in two steps: blocks of elements are sorted by part, of 65,536 bins each,
/// in the caches; then each part is counted, in the caches again, from its pieces of all blocks. It
/// takes memory for that: 2 bytes per element, and 4 per 131,072 elements and 65,536 bins. A part is
/// counted by one worker, so it helps if not all elements fall into the same.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::bin_count;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let x = engine.from_fn(100_000, |i| 11 * i as u32)?;
/// let mut counts = engine.zeros(1_000_000)?;
/// let outside = bin_count(&engine, &x, &mut counts)?;
/// assert_eq!((counts[11], counts[12]), (1, 0));
/// assert_eq!(outside, 9_090);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// As [`Engine::run`]; [`Error::OutOfMemory`](gristmill::Error::OutOfMemory) for the parts.
pub fn bin_count<T: Integer, D: Dimension>(
    engine: &Engine,
    x: &Array<T, D>,
    counts: &mut Array<u64, Ix1>,
) -> Result<u64> {
    let are_merged = counts.len() <= BINS_MERGED;
    let are_narrow =
        counts.len() > FEW_BINS && (counts.len()..=u32::MAX as usize).contains(&x.len());
    if x.is_empty() || are_merged && !are_narrow {
        return engine.run(&BinCount::new(), (x, counts));
    }
    if are_merged {
        let mut narrow = engine.scratch(counts.len())?;
        return engine.plan(|p| {
            let (x, mut narrow, mut counts) = (p.read(x), p.write(&mut narrow), p.write(counts));
            let outside = p.step(&NarrowCount::new(), (&x, &mut narrow));
            p.step(&Widen, (&narrow, &mut counts));
            outside
        });
    }
    let blocks = x.len().div_ceil(BLOCK);
    let divide = Divide { bins: counts.len(), element: PhantomData };
    let mut pieces = engine.scratch((blocks, BLOCK))?;
    let mut ends = engine.scratch((blocks, counts.len().div_ceil(PART)))?;
    engine.plan(|p| {
        let (x, mut counts) = (p.read(x), p.write(counts));
        let (mut pieces, mut ends) = (p.write(&mut pieces), p.write(&mut ends));
        let outside = p.step(&divide, (&x, &mut pieces, &mut ends));
        p.step(&CountParts, (&pieces, &ends, &mut counts));
        outside
    })
}

/// Sorts each block by part. Of an element it writes its bin within the part, and of each block and
/// part where the piece ends; the pieces of a block lie behind each other. Gives how many elements
/// are the number of no bin; those are left out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct Divide<T> {
    bins: usize,
    #[serde(skip)]
    element: PhantomData<fn() -> T>,
}

impl<T: Integer> Kernel for Divide<T> {
    type Args = (Whole<T>, Out<u16, Ix2>, Out<u32, Ix2>);
    type Output = Sum<u64>;

    fn run(
        &self,
        chunk: Chunk,
        (x, mut pieces, mut ends): (&[T], ArrayViewMut2<u16>, ArrayViewMut2<u32>),
    ) -> u64 {
        let mut next = vec![0; ends.ncols() + 1];
        let mut divided = vec![0; BLOCK];
        let mut outside = 0;
        let blocks = x[chunk.start() * BLOCK..].chunks(BLOCK);
        for ((x, mut pieces), mut ends) in blocks.zip(pieces.rows_mut()).zip(ends.rows_mut()) {
            let pieces = pieces.as_slice_mut().expect("a row is contiguous");
            // Stores here and there are fast in the cache alone; the copy is in order.
            outside += self.divide(x, &mut divided, &mut next);
            stream(&chunk, &mut pieces[..x.len()], |pieces, first| {
                pieces.copy_from_slice(&divided[first..first + pieces.len()]);
            });
            let (_, within) = next.split_last().expect("one more than parts");
            ends.as_slice_mut().expect("a row is contiguous").copy_from_slice(within);
        }
        outside
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

impl<T: Integer> Divide<T> {
    /// Sorts a block by part, what lies outside behind all parts; leaves in `ends` where the pieces
    /// end.
    fn divide(&self, x: &[T], pieces: &mut [u16], ends: &mut [u32]) -> u64 {
        let last = ends.len() - 1;
        let part = |bin: usize| if bin < self.bins { bin / PART } else { last };
        ends.fill(0);
        x.iter().for_each(|x| ends[part(index(*x)).min(last)] += 1);
        let outside = ends[last];
        exclusive_sums(ends);
        for x in x {
            let bin = index(*x);
            let next = &mut ends[part(bin).min(last)];
            pieces[*next as usize] = (bin % PART) as u16;
            *next += 1;
        }
        u64::from(outside)
    }
}

/// Counts each part, from its pieces of all blocks.
#[derive(Debug, Serialize, Deserialize)]
struct CountParts;

impl Kernel for CountParts {
    type Args = (Whole<u16>, Whole<u32>, Out<u64>);
    type Output = ();

    fn run(&self, chunk: Chunk, (pieces, ends, counts): (&[u16], &[u32], &mut [u64])) {
        let parts = chunk.extent().div_ceil(PART);
        for (counts, part) in counts.chunks_mut(PART).zip(chunk.start() / PART..) {
            counts.fill(0);
            for (pieces, ends) in pieces.chunks(BLOCK).zip(ends.chunks(parts)) {
                let start = part.checked_sub(1).map_or(0, |before| ends[before]);
                for bin in &pieces[start as usize..ends[part] as usize] {
                    counts[usize::from(*bin)] += 1;
                }
            }
        }
    }

    fn grain(&self, _: &Shapes) -> usize {
        PART
    }
}
