//! Stores that go past the caches, for results that the caches would not keep anyway.
//!
//! An ordinary store first reads its line from memory: a third of what a triad moves, half of what a
//! fill does. A streaming store does not, but whoever reads the result soon finds it in no cache. So
//! they are for steps whose arrays exceed the caches.

use super::chunk::Chunk;
use crate::memory::Element;

/// What is computed at once before it is stored: few enough bytes to stay in the nearest cache
/// beside what is read, a multiple of a line.
const BLOCK_BYTES: usize = 1024;
const LINE: usize = 64;

/// A block, at the begin of a line.
#[repr(align(64))]
struct Block([u8; BLOCK_BYTES]);

/// Writes all of `to` by calls of `fill`, each with a piece of it and the place of that piece's first
/// element: in one call, or in blocks that are stored past the caches if the arrays of the chunk's
/// step exceed these ([`Chunk::exceeds_caches`]).
///
/// What is written is the same in either case, as long as `fill` writes each element and depends on
/// its place alone. (Blocks show old bytes, as `Out` does.)
///
/// ```
/// use gristmill::{Chunk, In, Kernel, Out, stream};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Double;
///
/// impl Kernel for Double {
///     type Args = (In<f64>, Out<f64>);
///     type Output = ();
///
///     fn run(&self, chunk: Chunk, (x, y): (&[f64], &mut [f64])) {
///         stream(&chunk, y, |y, first| {
///             y.iter_mut().zip(&x[first..]).for_each(|(y, x)| *y = 2.0 * x);
///         });
///     }
/// }
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = gristmill::Engine::builder().workers(2).build()?;
/// let x = engine.from_fn(1000, |i| i as f64)?;
/// let mut y = engine.zeros(1000)?;
/// engine.run(&Double, (&x, &mut y))?;
/// assert_eq!(y[999], 1998.0);
/// # Ok(()) }
/// ```
#[inline]
pub fn stream<T: Element>(chunk: &Chunk, to: &mut [T], mut fill: impl FnMut(&mut [T], usize)) {
    let fits = BLOCK_BYTES.is_multiple_of(size_of::<T>()) && align_of::<T>() <= LINE;
    if chunk.exceeds_caches() && fits && cfg!(target_arch = "x86_64") {
        past_caches(to, fill);
    } else {
        fill(to, 0);
    }
}

/// Begins to read what a [`stream`] of the same length will want of `x` some blocks after the one that
/// begins at `first` and has `len` elements: past-cache stores keep a core from running ahead of
/// itself. Changes nothing but the time; where there is no such block, it does nothing at all.
///
/// ```
/// # let (x, mut y) = (vec![1.0; 4096], vec![0.0; 4096]);
/// # let first = 0;
/// # let y = &mut y[..128];
/// // In the closure of `stream`:
/// gristmill::fetch_ahead(&x, first, y.len());
/// y.copy_from_slice(&x[first..first + y.len()]);
/// ```
#[inline]
pub fn fetch_ahead<T: Element>(x: &[T], first: usize, len: usize) {
    /// Blocks; measured: one ahead gains half as much.
    const AHEAD: usize = 4;
    let Some(block) = x.get(first + AHEAD * len..first + (AHEAD + 1) * len) else { return };
    for line in bytemuck::cast_slice::<T, u8>(block).chunks(LINE) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: part of every x86-64 CPU; it reads nothing that the program could see.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = line;
    }
}

#[inline]
fn past_caches<T: Element>(to: &mut [T], mut fill: impl FnMut(&mut [T], usize)) {
    let len = BLOCK_BYTES / size_of::<T>();
    // Lines are stored whole; those that others share, at both ends, as usual.
    let head = to.as_ptr().align_offset(LINE).min(to.len());
    let (begin, rest) = to.split_at_mut(head);
    let (middle, end) = rest.split_at_mut(rest.len() / len * len);
    let last = head + middle.len();
    if !begin.is_empty() {
        fill(begin, 0);
    }
    let _ordered = Ordered;
    let store = widest();
    let mut block = Block([0; BLOCK_BYTES]);
    for (number, target) in middle.chunks_exact_mut(len).enumerate() {
        fill(bytemuck::cast_slice_mut(&mut block.0), head + number * len);
        store(&block, bytemuck::cast_slice_mut(target));
    }
    if !end.is_empty() {
        fill(end, last);
    }
}

/// Orders the streaming stores before all that comes after: the mark that says that the chunk is done
/// is an ordinary store, which would not wait for them. Also after a panic.
struct Ordered;

impl Drop for Ordered {
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: part of every x86-64 CPU.
        unsafe {
            std::arch::x86_64::_mm_sfence();
        }
    }
}

/// Stores a block past the caches.
type Store = fn(&Block, &mut [u8]);

/// With the widest stores that this CPU has: by sixteen bytes at a time a core stores two thirds of
/// what it does by 32.
#[cfg(target_arch = "x86_64")]
fn widest() -> Store {
    match is_x86_feature_detected!("avx") {
        // SAFETY: the CPU has AVX.
        true => |block, to| unsafe { store_by_32(block, to) },
        false => store_by_16,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn widest() -> Store {
    |block, to| to.copy_from_slice(&block.0)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
fn store_by_32(block: &Block, to: &mut [u8]) {
    use std::arch::x86_64::{__m256i, _mm256_load_si256, _mm256_stream_si256};
    let (from, to) = places::<__m256i>(block, to);
    for at in 0..BLOCK_BYTES / size_of::<__m256i>() {
        // SAFETY: both are of that many bytes and begin at a line (`places`). `Ordered` orders these
        // stores before others can look.
        unsafe { _mm256_stream_si256(to.add(at), _mm256_load_si256(from.add(at))) };
    }
}

#[cfg(target_arch = "x86_64")]
fn store_by_16(block: &Block, to: &mut [u8]) {
    use std::arch::x86_64::{__m128i, _mm_load_si128, _mm_stream_si128};
    let (from, to) = places::<__m128i>(block, to);
    for at in 0..BLOCK_BYTES / size_of::<__m128i>() {
        // SAFETY: as above, and SSE2 is part of every x86-64 CPU.
        unsafe { _mm_stream_si128(to.add(at), _mm_load_si128(from.add(at))) };
    }
}

/// Where a block begins, and its target: at a line, both, and of a block's length.
#[cfg(target_arch = "x86_64")]
fn places<V>(block: &Block, to: &mut [u8]) -> (*const V, *mut V) {
    assert!(to.len() == BLOCK_BYTES && to.as_ptr().addr().is_multiple_of(LINE));
    (block.0.as_ptr().cast(), to.as_mut_ptr().cast())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunk(exceeds_caches: bool) -> Chunk {
        Chunk { index: 0, count: 1, range: 0..1, columns: 0..0, extent: 1, exceeds_caches }
    }

    /// Of any length, from any element of a line on.
    fn is_the_same<T: Element + PartialEq + std::fmt::Debug>(
        start: usize,
        len: usize,
        value: impl Fn(usize) -> T,
    ) {
        let written = |exceeds: bool| {
            let mut all = vec![value(usize::MAX); start + len + 3];
            stream(&chunk(exceeds), &mut all[start..start + len], |to, first| {
                to.iter_mut().enumerate().for_each(|(i, to)| *to = value(first + i));
            });
            all
        };
        assert_eq!(written(true), written(false));
        assert!((0..len).all(|i| written(true)[start + i] == value(i)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_is_written_is_the_same_either_way(start in 0usize..70, len in 0usize..1500) {
            is_the_same(start, len, |i| i as f64);
            is_the_same(start, len, |i| i as u8);
            is_the_same(start, len, |i| i as u128);
            is_the_same(start, len, |i| [i as f32; 2]);
            // No whole number of these fits a block.
            is_the_same(start, len, |i| [i as f64; 3]);
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn narrow_stores_store_the_same() {
        let block = Block(std::array::from_fn(|i| i as u8));
        let mut to = Block([0; BLOCK_BYTES]);
        store_by_16(&block, &mut to.0);
        assert_eq!(to.0, block.0);
        widest()(&Block([7; BLOCK_BYTES]), &mut to.0);
        assert_eq!(to.0, [7; BLOCK_BYTES]);
    }

    #[test]
    fn a_panic_passes() {
        let mut to = vec![0u64; 1000];
        let fill = |_: &mut [u64], first: usize| assert!(first < 500, "as it should");
        let fill = std::panic::AssertUnwindSafe(|| stream(&chunk(true), &mut to, fill));
        assert!(std::panic::catch_unwind(fill).is_err());
    }
}
