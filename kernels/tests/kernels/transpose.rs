//! The transpose against indices exchanged one by one.

use crate::data::engine;
use gristmill::Error;
use gristmill_kernels::Transpose;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn matrices(rows in 0usize..300, columns in 0usize..300) {
        let x = engine().from_fn((rows, columns), |(i, j)| (i * 1000 + j) as u32).unwrap();
        let mut y = engine().filled((columns, rows), u32::MAX).unwrap();
        engine().run(&Transpose::new(), (&x, &mut y)).unwrap();
        for ((j, i), y) in y.view().indexed_iter() {
            prop_assert_eq!(*y, (i * 1000 + j) as u32);
        }
    }
}

#[test]
fn elements_of_any_size_in_tiles_of_any_shape() {
    fn check<T: gristmill::Element + PartialEq>(of: impl Fn(usize) -> T) {
        let sizes = [(1, 1), (1, 1100), (1100, 1), (130, 515), (520, 129), (7, 9), (0, 3), (3, 0)];
        for (rows, columns) in sizes {
            let x = engine().from_fn((rows, columns), |(i, j)| of(i * columns + j)).unwrap();
            let mut y = engine().zeros((columns, rows)).unwrap();
            engine().run(&Transpose::new(), (&x, &mut y)).unwrap();
            assert!(y.view() == x.view().t(), "{rows} x {columns}");
        }
    }
    check(|i| i as u8);
    check(|i| i as u16);
    check(|i| i as f64);
    check(|i| i as u128);
    check(|i| [i as f64; 3]);
}

#[test]
fn shapes_that_do_not_fit_are_refused_with_both() {
    let x = engine().zeros::<f64, _>((30, 20)).unwrap();
    let mut y = engine().zeros::<f64, _>((30, 20)).unwrap();
    let error = engine().run(&Transpose::new(), (&x, &mut y)).unwrap_err();
    assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains("[30, 20]")));
}
