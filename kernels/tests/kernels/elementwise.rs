//! Axpy, fill, copy and triad against loops over ordinary vectors.

use crate::data::{array, engine, numbers, same, wild};
use gristmill_kernels::{Axpy, CopyTo, Fill, Triad};
use num_complex::Complex64;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn axpy(x in numbers(wild()), a in wild()) {
        let y: Vec<f64> = x.iter().rev().map(|x| x * 0.5).collect();
        let mut result = array(&y);
        engine().run(&Axpy { a }, (&array(&x), &mut result)).unwrap();
        for i in 0..x.len() {
            prop_assert!(same(result[i], a * x[i] + y[i]));
        }
    }

    #[test]
    fn triad(b in numbers(wild()), a in wild()) {
        let c: Vec<f64> = b.iter().rev().map(|b| b - 1.0).collect();
        let mut x = engine().zeros(b.len()).unwrap();
        engine().run(&Triad { a }, (&array(&b), &array(&c), &mut x)).unwrap();
        for i in 0..b.len() {
            prop_assert!(same(x[i], b[i] + a * c[i]));
        }
    }

    #[test]
    fn fill_and_copy(x in numbers(wild()), value in wild()) {
        let mut y = engine().zeros(x.len()).unwrap();
        engine().run(&CopyTo::new(), (&array(&x), &mut y)).unwrap();
        prop_assert!((0..x.len()).all(|i| x[i].to_bits() == y[i].to_bits()));
        engine().run(&Fill { value }, &mut y).unwrap();
        prop_assert!((0..x.len()).all(|i| y[i].to_bits() == value.to_bits()));
    }
}

#[test]
fn integers_wrap_and_complex_numbers_multiply() {
    let mut y = array(&[250u8, 1]);
    engine().run(&Axpy { a: 3 }, (&array(&[2u8, 100]), &mut y)).unwrap();
    assert_eq!(y.as_slice(), [0, 45]);
    let i = Complex64::i();
    let mut y = array(&[Complex64::new(1.0, 0.0)]);
    engine().run(&Axpy { a: i }, (&array(&[i]), &mut y)).unwrap();
    assert_eq!(y[0], Complex64::ZERO);
}
