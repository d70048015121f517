//! How many floating-point operations kernels say that they take, against counts by hand.

use gristmill::JobKernel;
use gristmill_kernels::{
    ArgMin, Axpy, CopyTo, Dot, Hillshade, Histogram, Max, Mean, Norm2, Prod, SkyView, Slope, Sum,
    SumExact, Summary, Triad, Variance,
};
use num_complex::Complex;

/// Ten elements, and as many in two dimensions.
const TEN: &[usize] = &[10];
const GRID: &[usize] = &[2, 5];

#[test]
fn arrays_take_a_product_and_a_sum_for_each_element() {
    assert_eq!(Triad { a: 3.0 }.flops(&[TEN, TEN]), Some(20.0));
    assert_eq!(Triad { a: 3.0 }.flops(&[GRID, GRID]), Some(20.0));
    assert_eq!(Axpy { a: 3.0f32 }.flops(&[TEN, TEN]), Some(20.0));
    // A complex product takes four and two, a sum two.
    assert_eq!(Axpy { a: Complex::new(3.0, 1.0) }.flops(&[TEN, TEN]), Some(80.0));
    assert_eq!(CopyTo::<f64>::new().flops(&[TEN]), None);
}

#[test]
fn reductions_take_what_they_do_with_an_element() {
    assert_eq!(Dot::<f64>::new().flops(&[TEN, TEN]), Some(20.0));
    assert_eq!(Sum::<f64>::new().flops(&[TEN]), Some(10.0));
    assert_eq!(Sum::<Complex<f32>>::new().flops(&[TEN]), Some(20.0));
    assert_eq!(Mean::<f32>::new().flops(&[GRID]), Some(10.0));
    assert_eq!(Prod::<f64>::new().flops(&[TEN]), Some(10.0));
    assert_eq!(Norm2::<f64>::new().flops(&[TEN]), Some(20.0));
    assert_eq!(Variance::<f64>::new().flops(&[TEN]), Some(70.0));
    assert_eq!(Summary::<f32>::new().flops(&[TEN]), Some(70.0));
    assert_eq!(Histogram::<f64>::new(4, [0.0, 1.0]).flops(&[TEN]), Some(30.0));
}

#[test]
fn integers_and_comparisons_are_no_floating_point_operations() {
    assert_eq!(Sum::<i32>::new().flops(&[TEN]), None);
    assert_eq!(Prod::<u64>::new().flops(&[TEN]), None);
    assert_eq!(SumExact::<f64>::new().flops(&[TEN]), None);
    assert_eq!(Max::<f64>::new().flops(&[TEN]), None);
    assert_eq!(ArgMin::<f64>::new().flops(&[TEN]), None);
}

#[test]
fn maps_take_what_their_formulas_say() {
    let cell = [30.0, 20.0];
    // The gradient: twice, two sides of which the middle counts twice, and their difference.
    let gradient = 14.0;
    assert_eq!(Slope { cell }.flops(&[GRID]), Some(10.0 * (gradient + 8.0)));
    let light = Hillshade { azimuth: 315.0, altitude: 45.0, z_factor: 1.0, cell };
    assert_eq!(light.flops(&[GRID]), Some(10.0 * (gradient + 15.0)));
}

/// Looks from one cell to another: those along the axes and diagonals, step by step until the edge.
fn looks([rows, columns]: [usize; 2], radius: isize) -> usize {
    let along = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)];
    let mut looks = 0;
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        for (down, right) in along {
            for k in 1..=radius {
                // Of the diagonals' steps each is 0.7 cells on, to the nearest cell.
                let length = match down * right {
                    0 => k,
                    _ => (k as f64 * 0.5f64.sqrt()).round() as isize,
                };
                let to = (
                    row.checked_add_signed(down * length),
                    column.checked_add_signed(right * length),
                );
                let inside = matches!(to, (Some(row), Some(column))
                    if row < rows && column < columns);
                if !inside {
                    break;
                }
                looks += 1;
            }
        }
    }
    looks
}

#[test]
fn a_view_of_the_sky_takes_as_many_looks_as_there_are_steps_inside() {
    for (shape, radius) in [([7, 5], 3), ([4, 9], 100), ([1, 1], 2), ([1, 6], 4)] {
        let sky = SkyView { azimuths: 8, radius, cell: [1.0, 1.0] };
        let cells = (shape[0] * shape[1]) as f64;
        let expected = 2.0 * looks(shape, radius as isize) as f64 + cells * (8.0 * 5.0 + 2.0);
        assert_eq!(sky.flops(&[&shape]), Some(expected), "{shape:?} {radius}");
    }
}
