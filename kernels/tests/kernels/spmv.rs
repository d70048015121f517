//! Sparse matrices times vectors, against the same as a dense matrix.

use crate::data::{array, engine};
use gristmill_kernels::{Arithmetic, Csr, Spmv};
use num_complex::Complex;
use proptest::prelude::*;

/// Rows of so many elements each; small whole numbers, so that every sum is exact in any order.
fn check<T: Arithmetic + Default + PartialEq + std::fmt::Debug>(
    lengths: &[usize],
    width: usize,
    of: impl Fn(usize) -> T,
) {
    let mut offsets = vec![0];
    lengths.iter().for_each(|len| offsets.push(offsets[offsets.len() - 1] + *len as u64));
    let elements = lengths.iter().sum::<usize>();
    let columns: Vec<u32> = (0..elements).map(|e| (e * 7919 % width) as u32).collect();
    let values: Vec<T> = (0..elements).map(&of).collect();
    let x: Vec<T> = (0..width).map(|i| of(i + 5)).collect();
    let mut expected = vec![];
    let mut element = 0;
    for len in lengths {
        let mut sum = T::default();
        for e in element..element + len {
            sum = sum.plus(values[e].times(x[columns[e] as usize]));
        }
        element += len;
        expected.push(sum);
    }
    let a = Csr::new(engine(), [lengths.len(), width], &offsets, &columns, &values).unwrap();
    assert_eq!((a.shape(), a.values().len()), ([lengths.len(), width], elements));
    let (x, mut y) = (array(&x), engine().zeros(lengths.len()).unwrap());
    a.multiply(engine(), &x, &mut y).unwrap();
    assert_eq!(y.as_slice(), expected);
    y.as_mut_slice().fill(T::default());
    let product = Spmv::new();
    engine().run(&product, (a.row_offsets(), a.columns(), a.values(), &x, &mut y)).unwrap();
    assert_eq!(y.as_slice(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn rows_of_any_length(
        lengths in
            prop::collection::vec(prop_oneof![0usize..12, Just(0), 100usize..900], 0..60),
        width in 1usize..200,
    ) {
        check(&lengths, width, |i| (i % 19) as f64 - 9.0);
        check(&lengths, width, |i| (i % 19) as f32);
        check(&lengths, width, |i| i as u8);
        check(&lengths, width, |i| Complex::new((i % 5) as f64, 1.0));
    }
}

#[test]
fn many_short_rows() {
    check(&vec![3; 40_000], 1000, |i| (i % 10) as f64);
    check(&[], 3, |i| i as f64);
    check(&[0, 0], 1, |i| i as f64);
}

#[test]
fn nan_stays_in_its_row() {
    let a = Csr::new(engine(), [2, 2], &[0, 1, 2], &[0, 1], &[f64::NAN, 2.0]).unwrap();
    let mut y = engine().zeros(2).unwrap();
    a.multiply(engine(), &array(&[1.0, f64::INFINITY]), &mut y).unwrap();
    assert!(y[0].is_nan() && y[1] == f64::INFINITY);
}
