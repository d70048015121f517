//! Clusters against one point and one centre at a time.

use crate::data::{engine, grid, near};
use gristmill_kernels::{Clustering, kmeans};
use ndarray::{Array1, Array2, Axis};
use proptest::prelude::*;

/// The nearest centre, and the squared distance.
fn nearest(point: &[f64], centres: &Array2<f64>) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (number, centre) in centres.rows().into_iter().enumerate() {
        let square = point.iter().zip(centre).fold(0.0, |sum, (x, c)| (x - c).mul_add(x - c, sum));
        best = if square < best.1 { (number, square) } else { best };
    }
    best
}

fn labels(points: &Array2<f64>, centres: &Array2<f64>) -> Vec<u32> {
    let points = points.rows().into_iter();
    points.map(|point| nearest(point.as_slice().unwrap(), centres).0 as u32).collect()
}

/// One iteration.
fn moved(points: &Array2<f64>, centres: &Array2<f64>) -> Array2<f64> {
    let labels = labels(points, centres);
    let mut moved = centres.clone();
    for (number, mut centre) in moved.rows_mut().into_iter().enumerate() {
        let own: Vec<usize> = (0..labels.len()).filter(|i| labels[*i] == number as u32).collect();
        if let Some(mean) = points.select(Axis(0), &own).mean_axis(Axis(0)) {
            centre.assign(&mean);
        }
    }
    moved
}

fn run(
    points: &Array2<f64>,
    centres: &Array2<f64>,
    iterations_max: u64,
) -> (Array2<f64>, Vec<u32>, Clustering) {
    let (points, mut centres) = (grid(points), grid(centres));
    let mut labels = engine().filled(points.dim().0, 77).unwrap();
    let found = kmeans(engine(), &points, &mut centres, &mut labels, 0.0, iterations_max).unwrap();
    (centres.view().to_owned(), labels.as_slice().to_vec(), found)
}

/// Multiples of 1/8, so that sums and thus means are the same in any order.
fn points(n: usize, axes: usize, seed: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, axes), |(i, axis)| {
        let word = (i * 31 + axis + seed * 977).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (word % 512) as f64 / 8.0
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn iterations(
        n in prop_oneof![0usize..70, 1000usize..3000], axes in 1usize..20, centres in 1usize..14,
        seed in 0usize..1000, iterations in 0u64..5,
    ) {
        let all = points(n, axes, seed);
        let start = points(centres, axes, seed + 1);
        let (own, own_labels, found) = run(&all, &start, iterations);
        let (mut expected, mut shift) = (start, f64::INFINITY);
        let mut count = 0;
        while count < iterations && shift > 0.0 {
            let next = moved(&all, &expected);
            shift = (&next - &expected).mapv(|x| x * x).sum();
            (expected, count) = (next, count + 1);
        }
        prop_assert_eq!(&own, &expected);
        prop_assert_eq!(&own_labels, &labels(&all, &own));
        prop_assert_eq!(found.iterations, count);
        prop_assert!(near(found.shift, shift, 1e-9 * shift));
        let squares = all.rows().into_iter().map(|p| nearest(p.as_slice().unwrap(), &own).1);
        let inertia: f64 = squares.sum();
        prop_assert!(near(found.inertia, inertia, 1e-9 * inertia), "{found:?} {inertia}");
    }
}

#[test]
fn it_ends_when_nothing_moves_and_no_move_is_for_the_worse() {
    let all = points(4000, 3, 5);
    let start = points(9, 3, 6);
    let mut before = f64::INFINITY;
    for iterations in 0..10 {
        let (_, _, found) = run(&all, &start, iterations);
        assert!(found.inertia <= before);
        before = found.inertia;
    }
    let (centres, _, found) = run(&all, &start, 1000);
    assert!(found.iterations < 1000 && found.shift == 0.0, "{found:?}");
    assert_eq!(centres, moved(&all, &centres));
}

#[test]
fn a_centre_without_points_stays_and_the_first_of_equals_takes() {
    let all = Array2::from_elem((5, 2), 1.0);
    let start = ndarray::arr2(&[[9.0, 9.0], [0.0, 0.0], [0.0, 0.0]]);
    let (centres, labels, found) = run(&all, &start, 5);
    assert_eq!(centres, ndarray::arr2(&[[9.0, 9.0], [1.0, 1.0], [0.0, 0.0]]));
    assert_eq!(labels, [1; 5]);
    assert_eq!((found.iterations, found.inertia), (2, 0.0));
}

#[test]
fn what_is_not_finite_shows() {
    let mut all = points(100, 2, 1);
    all[[50, 1]] = f64::NAN;
    let (centres, labels, found) = run(&all, &points(3, 2, 2), 1);
    assert_eq!((labels[50], found.inertia), (0, f64::INFINITY));
    let nan = Array1::from_iter(centres.rows().into_iter().map(|centre| centre.sum().is_nan()));
    assert_eq!(nan.to_vec(), [true, false, false]);
}
