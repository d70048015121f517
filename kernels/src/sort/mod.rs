//! Sorting, as a plan of three steps: a sample sort whose pieces lie where they were made until the
//! output gathers them, as no kernel may write but to its own chunk.
//!
//! First [splitters](buckets) are chosen from a sample. Then every block of the array is copied to a
//! scratch array in the order of its buckets, and its elements per bucket are counted; of elements
//! that equal a splitter nothing but the count is kept. Then each chunk of the result finds, from the
//! counts of all blocks, which buckets it overlaps, collects their pieces from all blocks, and sorts
//! them [in the caches](in_cache). A bucket that reaches over the end of a chunk is sorted by both.

mod buckets;
mod in_cache;
mod order;

use crate::grain::cheap_grain;
use crate::stateless::stateless_kernel;
use buckets::{BUCKETS_MAX, Buckets};
use gristmill::{
    Add, Array, Chunk, Engine, In, InOut, Kernel, Merge, Out, Prod, Result, Shapes, Whole,
};
use in_cache::Sorter;
use multiversion::multiversion;
use ndarray::{ArrayViewMut2, Dimension, Ix2};
pub use order::{Key, Sortable};

/// Elements per block, which with its copy stays in a core's cache while it is put in order.
pub(crate) const BLOCK: usize = 64 << 10;
/// Elements that one chunk sorts alone.
const FEW: usize = 16 << 10;
/// Elements per bucket on average, as far as there are splitters enough.
const PER_BUCKET: usize = 8 << 10;
/// The least buckets per chunk of the result: of each chunk, about one bucket is sorted in vain.
const BUCKETS_PER_CHUNK: usize = 8;

/// Sorts all elements in C order, in place; any integers, and floats in their total order
/// ([`Sortable`]): -0 before +0, NaN at the ends by their signs.
///
/// Elements that are equal have the same bits, so the result is the only one there is. What is
/// sorted already is found so in one pass; few different elements are counted rather than moved.
/// Beside the array it takes as much memory again.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::sort;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let mut x = engine.array_from(&ndarray::arr1(&[2.5, f64::INFINITY, -1.0, 0.0, -0.0]))?;
/// sort(&engine, &mut x)?;
/// assert_eq!(x.as_slice(), [-1.0, -0.0, 0.0, 2.5, f64::INFINITY]);
/// assert!(x[1].is_sign_negative());
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// As [`Engine::run`]; [`Error::OutOfMemory`](gristmill::Error::OutOfMemory) for the copy. After an
/// error the array's elements are unspecified.
pub fn sort<T: Sortable, D: Dimension>(engine: &Engine, x: &mut Array<T, D>) -> Result<()> {
    if engine.run(&IsSorted::new(), (&*x, &*x))? == 1 {
        return Ok(());
    }
    if x.len() <= FEW {
        return engine.run(&SortFew::new(), x);
    }
    let buckets = x.len().div_ceil(PER_BUCKET).next_power_of_two().min(BUCKETS_MAX);
    let blocks = x.len().div_ceil(BLOCK);
    let mut splitters = engine.zeros(buckets - 1)?;
    let mut pieces = engine.scratch((blocks, BLOCK))?;
    let mut ends = engine.scratch((blocks, buckets))?;
    let mut counts = engine.zeros(2 * buckets - 1)?;
    engine.plan(|p| {
        let (mut x, mut splitters) = (p.write(x), p.write(&mut splitters));
        let (mut pieces, mut ends) = (p.write(&mut pieces), p.write(&mut ends));
        let mut counts = p.write(&mut counts);
        p.step(&Choose::new(), (&x, &mut splitters));
        p.step(&Divide::new(), (&x, &splitters, &mut pieces, &mut ends, &mut counts));
        p.step(&Collect::new(), (&splitters, &pieces, &ends, &counts, &mut x));
    })
}

stateless_kernel!(
    /// Whether no element is less than the one before it.
    pub(crate) IsSorted
);

impl<T: Sortable> Kernel for IsSorted<T> {
    type Args = (In<T>, Whole<T>);
    type Output = Prod<u8>;

    fn run(&self, chunk: Chunk, (_, x): (&[T], &[T])) -> u8 {
        // With the last element before it.
        u8::from(is_sorted(&x[chunk.start().saturating_sub(1)..chunk.range().end]))
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}

/// Whether a slice is sorted, in pieces without branches; the first that is not ends it.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
fn is_sorted<T: Sortable>(x: &[T]) -> bool {
    const PIECE: usize = 512;
    let pairs = x.len().saturating_sub(1);
    (0..pairs).step_by(PIECE).all(|start| {
        let end = (start + PIECE).min(pairs);
        let pairs = x[start..end].iter().zip(&x[start + 1..=end]);
        pairs.fold(true, |sorted, (a, b)| sorted & (a.key() <= b.key()))
    })
}

stateless_kernel!(
    /// Sorts an array as one chunk.
    SortFew
);

impl<T: Sortable> Kernel for SortFew<T> {
    type Args = InOut<T>;
    type Output = ();

    fn run(&self, _: Chunk, x: &mut [T]) {
        let keys: Vec<T::Key> = x.iter().map(|x| x.key()).collect();
        Sorter::default().sort(&keys, bytemuck::cast_slice_mut(x));
        keys_to_elements(x);
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        shapes.extent()
    }
}

/// Makes keys elements, in place.
fn keys_to_elements<T: Sortable>(x: &mut [T]) {
    x.iter_mut().for_each(|x| *x = T::of_key(bytemuck::must_cast(*x)));
}

stateless_kernel!(
    /// Chooses the splitters, as one chunk.
    Choose
);

impl<T: Sortable> Kernel for Choose<T> {
    type Args = (Whole<T>, Out<T::Key>);
    type Output = ();

    fn run(&self, _: Chunk, (x, splitters): (&[T], &mut [T::Key])) {
        buckets::choose(x, splitters);
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        shapes.extent()
    }
}

stateless_kernel!(
    /// Copies each block in the order of its buckets, without elements that equal a splitter.
    ///
    /// Of each block and bucket it writes where its piece ends; the pieces of a block lie behind each
    /// other. The counts of all buckets, of both kinds, are merged.
    Divide
);

impl<T: Sortable> Kernel for Divide<T> {
    type Args = (Whole<T>, Whole<T::Key>, Out<T::Key, Ix2>, Out<u32, Ix2>, Merge<u64, Add>);
    type Output = ();

    fn run(
        &self,
        chunk: Chunk,
        (x, splitters, mut pieces, mut ends, counts): (
            &[T],
            &[T::Key],
            ArrayViewMut2<T::Key>,
            ArrayViewMut2<u32>,
            &mut [u64],
        ),
    ) {
        let buckets = Buckets::new(splitters);
        let mut of = vec![0; BLOCK];
        let mut divided = vec![T::Key::default(); BLOCK];
        let blocks = x[chunk.start() * BLOCK..].chunks(BLOCK);
        for ((x, mut pieces), mut ends) in blocks.zip(pieces.rows_mut()).zip(ends.rows_mut()) {
            let pieces = pieces.as_slice_mut().expect("a row is contiguous");
            let ends = ends.as_slice_mut().expect("a row is contiguous");
            let of = &mut of[..x.len()];
            buckets.find(x, of);
            // Stores here and there are fast in the cache alone; the copy is in order.
            let len = divide(x, of, &mut divided, ends, counts);
            pieces[..len].copy_from_slice(&divided[..len]);
        }
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

/// Copies a block, of whose elements the buckets are known; gives how many elements were copied.
fn divide<T: Sortable>(
    x: &[T],
    buckets: &[u16],
    pieces: &mut [T::Key],
    ends: &mut [u32],
    counts: &mut [u64],
) -> usize {
    const ALL: usize = 2 * BUCKETS_MAX;
    let mut own = [0u32; ALL];
    buckets.iter().for_each(|bucket| own[usize::from(*bucket) % ALL] += 1);
    counts.iter_mut().zip(&own).for_each(|(count, own)| *count += u64::from(*own));
    let mut next = 0;
    for (bucket, start) in ends.iter_mut().enumerate() {
        *start = next;
        next += own[2 * bucket];
    }
    if next == 0 {
        return 0;
    }
    for (x, bucket) in x.iter().zip(buckets) {
        if bucket % 2 == 0 {
            let next = &mut ends[usize::from(bucket / 2)];
            pieces[*next as usize] = x.key();
            *next += 1;
        }
    }
    next as usize
}

stateless_kernel!(
    /// Collects each chunk of the result from the pieces, and sorts it.
    Collect
);

impl<T: Sortable> Kernel for Collect<T> {
    type Args = (Whole<T::Key>, Whole<T::Key>, Whole<u32>, Whole<u64>, Out<T>);
    type Output = ();

    fn run(
        &self,
        chunk: Chunk,
        (splitters, pieces, ends, counts, x): (&[T::Key], &[T::Key], &[u32], &[u64], &mut [T]),
    ) {
        let buckets = Buckets::new(splitters);
        let pieces = Pieces { pieces, ends, per_block: splitters.len() + 1 };
        let (mut sorter, mut collected, mut whole) = (Sorter::default(), vec![], vec![]);
        let keys: &mut [T::Key] = bytemuck::cast_slice_mut(x);
        let (first, last) = (chunk.start(), chunk.range().end);
        let mut end = 0;
        for (bucket, count) in counts[..buckets.count()].iter().enumerate() {
            let start = end;
            end += *count as usize;
            // The part of the bucket that lies in this chunk.
            let (from, to) = (start.max(first), end.min(last));
            if from >= to {
                continue;
            }
            let own = &mut keys[from - first..to - first];
            if let Some(splitter) = buckets.splitter(bucket) {
                own.fill(splitter);
                continue;
            }
            pieces.collect(bucket / 2, &mut collected);
            if own.len() == collected.len() {
                sorter.sort(&collected, own);
            } else {
                whole.resize(collected.len(), T::Key::default());
                sorter.sort(&collected, &mut whole);
                own.copy_from_slice(&whole[from - start..to - start]);
            }
        }
        keys_to_elements(x);
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        let per_bucket = shapes.extent() / BUCKETS_MAX;
        BUCKETS_PER_CHUNK * per_bucket.max(PER_BUCKET)
    }
}

/// The pieces of all blocks.
struct Pieces<'a, K> {
    pieces: &'a [K],
    ends: &'a [u32],
    per_block: usize,
}

impl<K: Key> Pieces<'_, K> {
    /// Copies those of a bucket behind each other.
    fn collect(&self, bucket: usize, to: &mut Vec<K>) {
        to.clear();
        for (pieces, ends) in self.pieces.chunks(BLOCK).zip(self.ends.chunks(self.per_block)) {
            let start = bucket.checked_sub(1).map_or(0, |before| ends[before]);
            to.extend_from_slice(&pieces[start as usize..ends[bucket] as usize]);
        }
    }
}
