//! Into which bucket an element belongs: splitters from a sample, and a search among them without
//! branches. The search begins where a table says, by the element's leading digits; the more evenly
//! elements are spread, the less is left of it.
//!
//! With splitters s[0] < s[1] < … there are two kinds of buckets in turn: 2 i holds what lies
//! strictly between s[i - 1] and s[i], and 2 i + 1 what equals s[i], which is never sorted. An
//! element that is frequent becomes a splitter, so many equal elements are no burden but a help.
//!
//! Source: P. Sanders and S. Winkel, Super Scalar Sample Sort, ESA 2004; the buckets of equal
//! elements are those of M. Axtmann and others, In-Place Parallel Super Scalar Samplesort, ESA 2017.

use super::order::{Key, Sortable};
use crate::scan::exclusive_sums;
use multiversion::multiversion;

/// The most splitters, and one more.
pub(crate) const BUCKETS_MAX: usize = 2048;
/// Elements that are sought at once, so that none waits for another's comparison: several of the
/// widest vectors.
const ABREAST: usize = 64;
/// Digits by which the search begins.
const DIGITS: usize = 2048;
/// Elements of the sample per splitter.
const SAMPLES: usize = 16;

/// Chooses splitters, in increasing order, from elements at places that depend on the array's length
/// alone and have no pattern that the array could share. If there are fewer than are asked for, the
/// last one is repeated.
pub(crate) fn choose<T: Sortable>(x: &[T], splitters: &mut [T::Key]) {
    let samples = (splitters.len() + 1) * SAMPLES;
    let mut sample: Vec<T::Key> = (0..samples as u64).map(|i| x[place(i, x.len())].key()).collect();
    sample.sort_unstable();
    let mut chosen: Vec<T::Key> =
        sample.chunks(SAMPLES).take(splitters.len()).map(|of| of[SAMPLES - 1]).collect();
    chosen.dedup();
    let last = *chosen.last().expect("at least one is asked for");
    chosen.resize(splitters.len(), last);
    splitters.copy_from_slice(&chosen);
}

/// Where the sample number `i` is taken: the mixing of G. Steele and others, Fast Splittable
/// Pseudorandom Number Generators, OOPSLA 2014, scaled to the array's length.
fn place(i: u64, len: usize) -> usize {
    let mut bits = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    ((u128::from(bits) * len as u128) >> 64) as usize
}

/// Splitters as they are searched.
pub(crate) struct Buckets<K> {
    /// In increasing order, the last one repeated.
    sorted: Box<[K; BUCKETS_MAX]>,
    /// How many splitters there are, the repeated one counted once.
    different: u32,
    /// How many splitters have a lower digit than this one.
    lower: Box<[u32; DIGITS]>,
    /// An element's digit is how far it lies above the first splitter, without so many low bits.
    shift: u32,
    /// The search goes on among as many splitters as so many comparisons can tell apart.
    comparisons: u32,
}

impl<K: Key> Buckets<K> {
    /// Of chosen splitters, at least one.
    pub(crate) fn new(splitters: &[K]) -> Buckets<K> {
        let (first, last) = (splitters[0], splitters[splitters.len() - 1]);
        let different = splitters.partition_point(|splitter| *splitter < last) + 1;
        let mut sorted = Box::new([last; BUCKETS_MAX]);
        sorted[..different].copy_from_slice(&splitters[..different]);
        let width = u64::BITS - (last.to_u64() - first.to_u64()).leading_zeros();
        let mut buckets = Buckets {
            sorted,
            different: different as u32,
            lower: Box::new([0; DIGITS]),
            shift: width.saturating_sub(DIGITS.ilog2()),
            comparisons: 0,
        };
        for splitter in &splitters[..different] {
            buckets.lower[buckets.digit(first, *splitter)] += 1;
        }
        let most = buckets.lower.iter().copied().max().unwrap_or(0);
        exclusive_sums(&mut buckets.lower[..]);
        buckets.comparisons = (most + 1).next_power_of_two().ilog2();
        buckets
    }

    #[inline(always)]
    fn digit(&self, first: K, key: K) -> usize {
        let above = key.max(first).to_u64() - first.to_u64();
        (above >> self.shift).min(DIGITS as u64 - 1) as usize
    }

    /// How many buckets there are, of both kinds.
    pub(crate) fn count(&self) -> usize {
        2 * self.different as usize + 1
    }

    /// The splitter that all elements of a bucket equal, if it is of that kind.
    pub(crate) fn splitter(&self, bucket: usize) -> Option<K> {
        (bucket % 2 == 1).then(|| self.sorted[bucket / 2])
    }

    /// The bucket of each element.
    pub(crate) fn find<T: Sortable<Key = K>>(&self, x: &[T], buckets: &mut [u16]) {
        find_all(self, x, buckets);
    }

    #[inline(always)]
    fn find_some<T: Sortable<Key = K>, const N: usize>(&self, x: &[T; N]) -> [u16; N] {
        let keys = x.map(T::key);
        let first = self.sorted[0];
        let mut below = keys.map(|key| self.lower[self.digit(first, key)]);
        for comparison in (0..self.comparisons).rev() {
            let half = 1 << comparison;
            for (below, key) in below.iter_mut().zip(&keys) {
                // Beyond the last splitter there are repetitions of it.
                let middle = (*below + half - 1).min(BUCKETS_MAX as u32 - 1);
                let middle = self.sorted[middle as usize];
                *below += if middle < *key { half } else { 0 };
            }
        }
        let mut found = [0; N];
        for ((found, below), key) in found.iter_mut().zip(below).zip(keys) {
            // Repetitions of the last splitter do not count.
            let below = below.min(self.different);
            let equal = self.sorted[below as usize % BUCKETS_MAX] == key;
            *found = 2 * below as u16 + u16::from(equal && below < self.different);
        }
        found
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn find_all<T: Sortable>(of: &Buckets<T::Key>, x: &[T], buckets: &mut [u16]) {
    let (x, rest) = x.as_chunks::<ABREAST>();
    let (whole, buckets_rest) = buckets.as_chunks_mut::<ABREAST>();
    for (x, buckets) in x.iter().zip(whole) {
        *buckets = of.find_some(x);
    }
    for (x, bucket) in rest.iter().zip(buckets_rest) {
        [*bucket] = of.find_some(&[*x]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_is_found() {
        let spreads: [fn(u64) -> u64; 4] = [
            |i| 10 * i + 5,
            |i| i * i * i + 1,
            // Almost all of them far below, or far above, the others.
            |i| if i < 2000 { i } else { (i - 1990) << 58 },
            |i| if i < 10 { i << 32 } else { (9 << 32) + 2 * i },
        ];
        for (different, spread) in
            [1, 2, 3, 7, 8, 100, 2013].into_iter().zip(spreads.iter().cycle())
        {
            let mut splitters: Vec<u64> = (0..different).map(spread).collect();
            splitters.extend([splitters[splitters.len() - 1]; 5]);
            check(&splitters);
        }
        for spread in spreads {
            check(&(0..2013).map(spread).collect::<Vec<u64>>());
        }
    }

    /// The elements beside each splitter, and the ends.
    fn check(splitters: &[u64]) {
        let buckets = Buckets::new(splitters);
        let beside = |x: &u64| [x.saturating_sub(1), *x, x.saturating_add(1)];
        let x: Vec<u64> = splitters.iter().flat_map(beside).chain([0, u64::MAX]).collect();
        let mut found = vec![0; x.len()];
        buckets.find(&x, &mut found);
        for (x, found) in x.iter().zip(found) {
            let mut lower: Vec<u64> = splitters.iter().copied().filter(|s| s < x).collect();
            lower.dedup();
            let naive = 2 * lower.len() + usize::from(splitters.contains(x));
            assert_eq!(usize::from(found), naive, "{x} among {}", splitters.len());
        }
    }

    #[test]
    fn frequent_elements_become_splitters() {
        let x: Vec<i32> = (0..10_000).map(|i| if i % 3 == 0 { i } else { -7 }).collect();
        let mut splitters = [0; 63];
        choose(&x, &mut splitters);
        assert!(splitters.is_sorted() && splitters.contains(&(-7).key()));
    }
}
