//! Escape times against one point at a time.

use crate::data::engine;
use gristmill_kernels::Mandelbrot;
use ndarray::Array2;
use proptest::prelude::*;

fn run(set: &Mandelbrot, shape: (usize, usize)) -> Array2<u32> {
    let mut steps = engine().filled(shape, 77).unwrap();
    engine().run(set, &mut steps).unwrap();
    steps.view().to_owned()
}

fn naive(set: &Mandelbrot, (rows, columns): (usize, usize)) -> Array2<u32> {
    let middle =
        |[low, high]: [f64; 2], at: usize, of| low + (at as f64 + 0.5) * (high - low) / of as f64;
    Array2::from_shape_fn((rows, columns), |(row, column)| {
        let c = [middle(set.real, column, columns), middle(set.imaginary, row, rows)];
        let (mut x, mut y) = (0.0f64, 0.0f64);
        (0..set.steps_max)
            .find(|_| {
                (x, y) = (y.mul_add(-y, x.mul_add(x, c[0])), (x + x).mul_add(y, c[1]));
                let square = x.mul_add(x, y * y);
                square > 4.0 || square.is_nan()
            })
            .unwrap_or(set.steps_max)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rectangles(
        rows in 0usize..20, columns in 0usize..100, steps_max in 0u32..70,
        centre in (-2.1f64..0.6, -1.2f64..1.2), width in prop_oneof![1e-6f64..1e-3, 0.01f64..9.0],
    ) {
        let real = [centre.0 - width, centre.0 + width];
        let set = Mandelbrot { real, imaginary: [centre.1 - width, centre.1 + width], steps_max };
        prop_assert_eq!(run(&set, (rows, columns)), naive(&set, (rows, columns)));
    }
}

#[test]
fn where_it_is_hard_to_leave_the_disc() {
    // Around -2, which never leaves its edge.
    for width in [1e-15, 4e-15, 1e-12, 1e-6] {
        let set = Mandelbrot {
            real: [-2.0 - width, -2.0 + width],
            imaginary: [-width, width],
            steps_max: 100,
        };
        assert_eq!(run(&set, (33, 65)), naive(&set, (33, 65)));
    }
}

#[test]
fn what_overflows_has_escaped() {
    let set = Mandelbrot { real: [-1e300, 1e300], imaginary: [-1e308, 7e307], steps_max: 20 };
    assert!(run(&set, (10, 40)).iter().all(|steps| *steps == 0));
}
