//! Prefix sums against running sums.

use crate::data::{array, engine, near, numbers, same, wild};
use gristmill_kernels::{Scan, scan};
use proptest::prelude::*;

/// Elements per block, and per chunk of a scan.
const BLOCK: usize = 16 << 10;
/// Elements that are summed at a time.
const GROUP: usize = 8;

/// Integers are the same however they are added up.
fn check_integers(x: &[u64]) {
    let x_array = array(x);
    let mut y = engine().zeros(x.len()).unwrap();
    for kind in [Scan::Inclusive, Scan::Exclusive] {
        scan(engine(), &x_array, &mut y, kind).unwrap();
        let mut sum = 0u64;
        for i in 0..x.len() {
            let with = sum.wrapping_add(x[i]);
            assert_eq!(y[i], if kind == Scan::Inclusive { with } else { sum }, "at {i}");
            sum = with;
        }
    }
}

#[test]
fn integers_of_every_length_around_blocks_and_chunks() {
    let lengths = [0, 1, 2].into_iter().chain(
        [GROUP, 3 * GROUP, BLOCK, BLOCK + GROUP, 3 * BLOCK]
            .into_iter()
            .flat_map(|boundary| [boundary - 1, boundary, boundary + 1]),
    );
    for length in lengths {
        let x: Vec<u64> =
            (0..length as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        check_integers(&x);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn floats(some in prop::collection::vec(-1e3f64..1e6, 1..50), length in 0..3 * BLOCK) {
        let x: Vec<f64> = some.iter().copied().cycle().take(length).collect();
        let mut y = engine().zeros(length).unwrap();
        for kind in [Scan::Inclusive, Scan::Exclusive] {
            scan(engine(), &array(&x), &mut y, kind).unwrap();
            let (mut sum, mut absolute) = (0.0, 0.0);
            for i in 0..length {
                let with = sum + x[i];
                absolute += x[i].abs();
                let naive = if kind == Scan::Inclusive { with } else { sum };
                prop_assert!(near(y[i], naive, 1e-12 * absolute), "at {i}: {} {naive}", y[i]);
                sum = with;
            }
        }
    }

    #[test]
    fn what_is_not_finite_comes_through(x in numbers(wild())) {
        let mut y = engine().zeros(x.len()).unwrap();
        for kind in [Scan::Inclusive, Scan::Exclusive] {
            scan(engine(), &array(&x), &mut y, kind).unwrap();
            for (i, documented) in as_documented(&x, kind).into_iter().enumerate() {
                prop_assert!(same(y[i], documented), "{kind:?}, {i}: {} {documented}", y[i]);
            }
        }
    }

    #[test]
    fn sums_of_what_is_not_negative_never_fall(seed: u64, length in 0..2 * BLOCK + 5) {
        let number = |i: usize| (crate::data::mixed(i ^ seed as usize)).abs();
        let x: Vec<f64> = (0..length).map(number).collect();
        let mut y = engine().zeros(length).unwrap();
        scan(engine(), &array(&x), &mut y, Scan::Inclusive).unwrap();
        prop_assert!(y.as_slice().is_sorted());
    }
}

/// Floats in the documented order: each prefix of a group, to what the block's groups before it add
/// up to, to the offset of the block.
fn as_documented(x: &[f64], kind: Scan) -> Vec<f64> {
    let mut offset = 0f64;
    let mut sums = Vec::with_capacity(x.len());
    for x in x.chunks(BLOCK) {
        let mut before = 0.0;
        for x in x.chunks(GROUP) {
            for i in 0..x.len() {
                let within = match (kind, i) {
                    (Scan::Exclusive, 0) => before,
                    (Scan::Exclusive, _) => before + prefix(&x[..i]),
                    (Scan::Inclusive, _) => before + prefix(&x[..i + 1]),
                };
                sums.push(offset + within);
            }
            let mut whole = [0.0; GROUP];
            whole[..x.len()].copy_from_slice(x);
            before += prefix(&whole);
        }
        offset += before;
    }
    sums
}

/// The first power of two elements and the rest, each added up alike.
fn prefix(x: &[f64]) -> f64 {
    let [only] = x else {
        let half = x.len().next_power_of_two() / 2;
        return prefix(&x[..half]) + prefix(&x[half..]);
    };
    *only
}

#[test]
fn float_sums_are_added_as_documented() {
    let x: Vec<f64> = (0..2 * BLOCK + 77).map(crate::data::mixed).collect();
    let mut y = engine().zeros(x.len()).unwrap();
    for kind in [Scan::Inclusive, Scan::Exclusive] {
        scan(engine(), &array(&x), &mut y, kind).unwrap();
        for (i, documented) in as_documented(&x, kind).into_iter().enumerate() {
            assert_eq!(y[i].to_bits(), documented.to_bits(), "{kind:?}, {i}");
        }
    }
}

#[test]
fn nan_lasts() {
    let mut x = vec![1.0; BLOCK];
    x[3000] = f64::NAN;
    let mut y = engine().zeros(x.len()).unwrap();
    scan(engine(), &array(&x), &mut y, Scan::Inclusive).unwrap();
    let expected = |i: usize| if i < 3000 { (i + 1) as f64 } else { f64::NAN };
    assert!((0..x.len()).all(|i| same(y[i], expected(i))));
}

#[test]
fn grids_are_scanned_in_c_order() {
    let x = engine().array_from(&ndarray::arr2(&[[1, 2], [3, 4]])).unwrap();
    let mut y = engine().zeros((2, 2)).unwrap();
    scan(engine(), &x, &mut y, Scan::Inclusive).unwrap();
    assert_eq!(y.as_slice(), [1, 3, 6, 10]);
}
