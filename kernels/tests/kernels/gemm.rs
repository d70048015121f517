//! Products of matrices against three loops.

use crate::data::{engine, mixed};
use gristmill::Element;
use gristmill_kernels::{Field, Gemm, MatMul};
use ndarray::Array2;
use num_complex::Complex;
use proptest::prelude::*;

/// `alpha a b + beta c`, in `f64` or its complex numbers.
fn naive<T: Field>(
    [alpha, beta]: [T; 2],
    a: &Array2<T>,
    b: &Array2<T>,
    c: &Array2<T>,
) -> Array2<T> {
    Array2::from_shape_fn(c.dim(), |(i, j)| {
        let products = a.row(i).into_iter().zip(b.column(j)).map(|(a, b)| a.times(*b));
        let sum = products.fold(T::ZERO, T::plus);
        alpha.times(sum).plus(beta.times(c[[i, j]]))
    })
}

/// Small whole numbers, so that every sum is exact in any order.
fn check<T: Field + PartialEq>([m, k, n]: [usize; 3], of: impl Fn(i8) -> T) {
    let matrix = |rows: usize, columns: usize, modulus: usize| {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            of(((i * columns + j) % modulus) as i8 - modulus as i8 / 2)
        })
    };
    let (a, b, c) = (matrix(m, k, 11), matrix(k, n, 13), matrix(m, n, 7));
    let [own_a, own_b, mut own_c] =
        [&a, &b, &c].map(|x| engine().array_from(&x.view()).expect("room"));
    let [zero, one] = [of(0), of(1)];
    for [alpha, beta] in [[of(2), of(-3)], [one, one], [of(3), zero], [zero, of(2)]] {
        own_c.view_mut().assign(&c);
        engine().run(&Gemm { alpha, beta }, (&own_a, &own_b, &mut own_c)).unwrap();
        assert!(own_c.view() == naive([alpha, beta], &a, &b, &c), "{m} x {k} x {n}");
    }
    engine().run(&MatMul::new(), (&own_a, &own_b, &mut own_c)).unwrap();
    assert!(own_c.view() == naive([T::ONE, T::ZERO], &a, &b, &c), "{m} x {k} x {n}");
}

fn check_all(size: [usize; 3]) {
    check(size, f32::from);
    check(size, f64::from);
    check(size, |number| Complex::new(f32::from(number), 1.0));
    check(size, |number| Complex::new(f64::from(number), -2.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn of_any_shape(m in 0usize..90, k in 0usize..90, n in 0usize..90) {
        check_all([m, k, n]);
    }
}

#[test]
fn of_several_tiles_and_thin_ones() {
    for size in
        [[300, 40, 70], [300, 8, 600], [1, 700, 1], [700, 1, 3], [3, 1, 700], [0, 5, 5], [5, 0, 5]]
    {
        check_all(size);
    }
}

#[test]
fn sums_of_numbers_of_mixed_magnitude_are_near() {
    let of = |(i, j): (usize, usize)| mixed(i * 1009 + j);
    let (a, b) = (Array2::from_shape_fn((70, 600), of), Array2::from_shape_fn((600, 50), of));
    let [own_a, own_b] = [&a, &b].map(|x| engine().array_from(&x.view()).unwrap());
    let mut c = engine().zeros((70, 50)).unwrap();
    engine().run(&MatMul::new(), (&own_a, &own_b, &mut c)).unwrap();
    for ((i, j), c) in c.view().indexed_iter() {
        let products = || a.row(i).into_iter().zip(b.column(j)).map(|(a, b)| a * b);
        let (sum, scale) = (products().sum::<f64>(), products().map(f64::abs).sum::<f64>());
        assert!((c - sum).abs() <= 1e-12 * scale, "{i} {j}");
    }
}

fn row_of<T: Element>(values: &[T]) -> gristmill::Array<T, ndarray::Ix2> {
    let row = ndarray::ArrayView2::from_shape((1, values.len()), values).unwrap();
    engine().array_from(&row).unwrap()
}

#[test]
fn nan_passes_but_for_what_is_not_read() {
    let (a, b) = (row_of(&[1.0, f64::NAN]), row_of(&[1.0]));
    let one = row_of(&[f64::NAN]);
    let mut c = row_of(&[f64::NAN]);
    engine().run(&Gemm { alpha: 2.0, beta: 0.0 }, (&b, &b, &mut c)).unwrap();
    assert_eq!(c[0], 2.0);
    engine().run(&Gemm { alpha: 2.0, beta: 1.0 }, (&b, &one, &mut c)).unwrap();
    assert!(c[0].is_nan());
    let mut c = engine().zeros((1, 1)).unwrap();
    let two = engine().from_fn((2, 1), |_| 0.0).unwrap();
    engine().run(&MatMul::new(), (&a, &two, &mut c)).unwrap();
    assert!(c.as_slice()[0].is_nan());
}
