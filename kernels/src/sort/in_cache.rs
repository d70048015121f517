//! Sorting what fits the caches: one pass by digit, then tiny sorts.

use super::order::Key;
use crate::scan::exclusive_sums;
use multiversion::multiversion;

/// Elements per digit, on average: half as many are sorted the slower for it, as the standard
/// library's sorting networks begin at 21 elements.
const PER_DIGIT: usize = 32;
/// The most digits.
const DIGITS_MAX: usize = 1 << 12;

/// What a worker needs to sort, kept from bucket to bucket.
#[derive(Debug, Default)]
pub(crate) struct Sorter {
    counts: Vec<u32>,
}

impl Sorter {
    /// Writes `from` to `to` in increasing order.
    ///
    /// Digits are equal parts of the range from the least to the greatest element. However badly
    /// they divide them, the rest is a sort by comparison.
    pub(crate) fn sort<K: Key>(&mut self, from: &[K], to: &mut [K]) {
        let Some((least, greatest)) = ends(from) else { return };
        let digits = (from.len() / PER_DIGIT).next_power_of_two().clamp(1, DIGITS_MAX);
        let least = least.to_u64();
        let width = u64::BITS - (greatest.to_u64() - least).leading_zeros();
        let shift = width.saturating_sub(digits.ilog2());
        let digit = |key: &K| ((key.to_u64() - least) >> shift) as usize & (digits - 1);
        if digits == 1 || from.len() > u32::MAX as usize || from.is_sorted() {
            to.copy_from_slice(from);
            to.sort_unstable();
            return;
        }
        self.counts.clear();
        self.counts.resize(digits, 0);
        let counts = &mut self.counts[..digits];
        from.iter().for_each(|key| counts[digit(key)] += 1);
        exclusive_sums(counts);
        for key in from {
            let next = &mut counts[digit(key)];
            to[*next as usize] = *key;
            *next += 1;
        }
        let mut start = 0;
        for end in counts {
            to[start..*end as usize].sort_unstable();
            start = *end as usize;
        }
    }
}

/// The least and the greatest.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn ends<K: Key>(keys: &[K]) -> Option<(K, K)> {
    let first = *keys.first()?;
    Some(
        keys.iter()
            .fold((first, first), |(least, greatest), key| (least.min(*key), greatest.max(*key))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_the_standard_library(
            x in prop::collection::vec(any::<u32>(), 0..3000),
            shift in 0..32,
        ) {
            let x: Vec<u32> = x.into_iter().map(|x| x >> shift).collect();
            let mut sorted = vec![0; x.len()];
            Sorter::default().sort(&x, &mut sorted);
            let mut naive = x;
            naive.sort_unstable();
            prop_assert_eq!(sorted, naive);
        }
    }
}
