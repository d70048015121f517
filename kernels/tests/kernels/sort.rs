//! Sorting against the standard library.

use crate::data::{array, engine, mixed, numbers, wild};
use gristmill_kernels::{Sortable, sort};
use proptest::prelude::*;

/// Elements per block, and the most that one chunk sorts alone.
const BLOCK: usize = 64 << 10;
const FEW: usize = 16 << 10;

fn sorted<T: Sortable>(x: &[T]) -> Vec<T> {
    let mut x = array(x);
    sort(engine(), &mut x).unwrap();
    x.as_slice().to_vec()
}

/// Integers are sorted as by the standard library.
fn check<T: Sortable + Ord + std::fmt::Debug>(x: &[T]) {
    let mut naive = x.to_vec();
    naive.sort();
    assert!(sorted(x) == naive, "{} elements", x.len());
}

fn bits(x: &[f64]) -> Vec<u64> {
    x.iter().map(|x| x.to_bits()).collect()
}

fn check_floats(x: &[f64]) {
    let mut naive = x.to_vec();
    naive.sort_by(f64::total_cmp);
    assert!(bits(&sorted(x)) == bits(&naive), "{} elements", x.len());
}

fn hashed(i: usize) -> u64 {
    mixed(i).to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[test]
fn integers_of_every_length_around_blocks_and_chunks() {
    let lengths = [0, 1, 2, 3]
        .into_iter()
        .chain([FEW, BLOCK, 2 * BLOCK, 5 * BLOCK].into_iter().flat_map(|at| [at - 1, at, at + 1]));
    for length in lengths {
        check(&(0..length).map(hashed).collect::<Vec<u64>>());
    }
}

#[test]
fn every_type() {
    const N: usize = 3 * BLOCK + 77;
    macro_rules! check_all {
        ($($integer:ty)*) => {
            $(check(&(0..N).map(|i| (hashed(i) >> 7) as $integer).collect::<Vec<$integer>>());)*
        };
    }
    check_all!(i8 i16 i32 i64 u8 u16 u32 u64);
    check_floats(&(0..N).map(mixed).collect::<Vec<f64>>());
    let x: Vec<f32> = (0..N).map(|i| mixed(i) as f32).collect();
    let mut naive = x.clone();
    naive.sort_by(f32::total_cmp);
    assert_eq!(sorted(&x), naive);
}

#[test]
fn patterns() {
    const N: usize = 4 * BLOCK + 5;
    let patterns: [fn(usize) -> u64; 10] = [
        |_| 7,
        |i| i as u64,
        |i| (N - i) as u64,
        |i| hashed(i) % 2,
        |i| hashed(i) % 16,
        |i| (i % 1000) as u64,
        // Sorted but for the last, and the first.
        |i| if i == N - 1 { 0 } else { i as u64 },
        |i| if i == 0 { u64::MAX } else { i as u64 },
        // One element fills most of it; the rest is far apart.
        |i| if hashed(i).is_multiple_of(10) { hashed(i + N) } else { 1 << 40 },
        // Of all magnitudes.
        |i| hashed(i) >> (hashed(i + N) % 64),
    ];
    for pattern in patterns {
        check(&(0..N).map(pattern).collect::<Vec<u64>>());
    }
}

#[test]
fn a_bucket_of_which_the_sample_saw_little_is_sorted_too() {
    // One element in a thousand is not 0, and those are all different.
    let x = |i: usize| if hashed(i).is_multiple_of(1000) { hashed(i + 1) } else { 0 };
    check(&(0..5 * BLOCK).map(x).collect::<Vec<u64>>());
}

#[test]
fn grids_are_sorted_in_c_order() {
    let mut x = engine().array_from(&ndarray::arr2(&[[4, -2], [3, 1]])).unwrap();
    sort(engine(), &mut x).unwrap();
    assert_eq!(x.as_slice(), [-2, 1, 3, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn floats_of_all_kinds(x in numbers(wild()), times in 1usize..20) {
        let signed = |(i, x): (usize, &f64)| if i % 3 == 0 { -x } else { *x };
        let x: Vec<f64> = x.iter().enumerate().map(signed).collect();
        check_floats(&x.repeat(times));
    }
}
