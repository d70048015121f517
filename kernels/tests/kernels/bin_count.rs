//! Counts of whole numbers against a loop.

use crate::data::{array, engine, mixed};
use gristmill_kernels::{BinCount, Integer, bin_count};
use proptest::prelude::*;

/// Bins up to which counts are merged; bins per part beyond; elements per block.
const MERGED: usize = 128 << 10;
const PART: usize = 1 << 16;
const BLOCK: usize = 128 << 10;

fn naive<T: Integer>(x: &[T], bins: usize) -> (Vec<u64>, u64) {
    let (mut counts, mut outside) = (vec![0; bins], 0);
    for x in x {
        match usize::try_from(x.to_bin()).ok().and_then(|bin| counts.get_mut(bin)) {
            Some(count) => *count += 1,
            None => outside += 1,
        }
    }
    (counts, outside)
}

fn check<T: Integer>(x: &[T], bins: usize) {
    let mut counts = engine().filled(bins, 77).unwrap();
    let outside = bin_count(engine(), &array(x), &mut counts).unwrap();
    let (own, expected) = ((counts.as_slice().to_vec(), outside), naive(x, bins));
    assert!(own == expected, "{} elements, {bins} bins", x.len());
}

fn hashed(i: usize) -> u64 {
    mixed(i).to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[test]
fn few_bins_and_many() {
    for bins in [0, 1, 2, 256, 4096, 4097, MERGED, MERGED + 1, 3 * PART, 4 * PART + 9] {
        for length in [0, 1, 3, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5] {
            // Some lie outside.
            let x = |i: usize| (hashed(i) >> 32) as u32 % (bins as u32 + bins as u32 / 8 + 1);
            check(&(0..length).map(x).collect::<Vec<u32>>(), bins);
        }
    }
}

#[test]
fn every_type_and_both_signs() {
    macro_rules! check_all {
        ($($integer:ty)*) => {
            $(for bins in [300, MERGED + 300] {
                let x = (0..70_000).map(|i| (hashed(i) >> 9) as $integer);
                check(&x.collect::<Vec<$integer>>(), bins);
            })*
        };
    }
    check_all!(i8 i16 i32 i64 u8 u16 u32 u64);
    check(&[i64::MIN, -1, 0, i64::MAX], 1);
    check(&[u64::MAX, 0, 1 << 32], MERGED + 1);
}

#[test]
fn all_the_same() {
    for bins in [8, 200_000] {
        check(&vec![7u16; 200_000], bins);
    }
}

#[test]
fn the_kernel_counts_many_bins_too() {
    let x: Vec<i32> = (0..1000).map(|i| i * 400).collect();
    let mut counts = engine().zeros(MERGED + 5).unwrap();
    let outside = engine().run(&BinCount::new(), (&array(&x), &mut counts)).unwrap();
    assert!((counts.as_slice().to_vec(), outside) == naive(&x, MERGED + 5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_elements(x in prop::collection::vec(-5i16..300, 0..3000), bins in 0usize..320) {
        check(&x, bins);
    }
}
