//! The heat equation against a loop over two ordinary grids.

use crate::data::{engine, grid, same};
use gristmill_kernels::{Cooled, Heat, heat};
use ndarray::Array2;
use proptest::prelude::*;

/// The loop, on one thread.
fn naive(grid: &mut Array2<f64>, rate: f64, tolerance: f64, sweeps_max: u64) -> (u64, f64) {
    let (rows, columns) = grid.dim();
    let mut change = f64::INFINITY;
    for sweep in 1..=sweeps_max {
        let old = grid.clone();
        change = 0.0;
        for r in 1..rows.max(2) - 1 {
            for c in 1..columns.max(2) - 1 {
                let around =
                    (old[[r - 1, c]] + old[[r + 1, c]]) + (old[[r, c - 1]] + old[[r, c + 1]]);
                grid[[r, c]] = old[[r, c]] + rate * (around - 4.0 * old[[r, c]]);
                let own = (grid[[r, c]] - old[[r, c]]).abs();
                change = if own.is_nan() || own > change { own } else { change };
            }
        }
        if change < tolerance {
            return (sweep, change);
        }
    }
    (sweeps_max, change)
}

fn check(start: &Array2<f64>, rate: f64, tolerance: f64, sweeps_max: u64) {
    let (mut own, mut expected) = (grid(start), start.clone());
    let end = heat(engine(), &mut own, rate, tolerance, sweeps_max).unwrap();
    let (sweeps, change) = naive(&mut expected, rate, tolerance, sweeps_max);
    assert_eq!(end.sweeps, sweeps);
    assert!(same(end.change, change), "{} {change}", end.change);
    assert!(own.view().iter().zip(&expected).all(|(a, b)| same(*a, *b)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn grids(
        rows in 1usize..60, columns in 1usize..60, rate in 0.0f64..=0.25, sweeps in 0u64..20,
        tolerance in prop_oneof![Just(0.0), Just(1e-2), Just(1e3)],
    ) {
        let start = Array2::from_shape_fn((rows, columns), |(r, c)| {
            crate::data::mixed(r * 61 + c).abs().log2()
        });
        check(&start, rate, tolerance, sweeps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Of several strips of columns and bands of rows.
    #[test]
    fn wide_and_high_grids(
        rows in prop_oneof![1usize..5, 60usize..140],
        columns in prop_oneof![1020usize..1045, 2040usize..2070],
        sweeps in 0u64..20,
        tolerance in prop_oneof![Just(0.0), Just(0.5)],
    ) {
        let start = Array2::from_shape_fn((rows, columns), |(r, c)| {
            crate::data::mixed(r * 61 + c).abs().log2()
        });
        check(&start, 0.2, tolerance, sweeps);
    }
}

#[test]
fn it_ends_at_the_very_sweep_at_which_it_has_settled() {
    let start = Array2::from_shape_fn((40, 70), |(row, column)| (row * column % 17) as f64);
    let mut ends = std::collections::BTreeSet::new();
    for hundredths in 1..100 {
        let tolerance = f64::from(hundredths) / 100.0;
        check(&start, 0.25, tolerance, 203);
        let mut own = grid(&start);
        ends.insert(heat(engine(), &mut own, 0.25, tolerance, 203).unwrap().sweeps % 8);
    }
    assert_eq!(ends.len(), 8, "all places in a block of steps are met: {ends:?}");
}

#[test]
fn grids_without_cells_have_settled() {
    for shape in [(0, 0), (0, 5), (5, 0)] {
        let end = heat(engine(), &mut grid(&Array2::zeros(shape)), 0.25, 1.0, 10).unwrap();
        assert_eq!(end, Cooled { sweeps: 0, change: 0.0 });
    }
}

#[test]
fn rows_without_cells_do_not_change() {
    let (old, mut new) = (grid(&Array2::zeros((5, 0))), grid(&Array2::zeros((5, 0))));
    assert_eq!(engine().run(&Heat { rate: 0.25 }, (&old, &mut new)).unwrap(), 0.0);
}

#[test]
fn it_settles() {
    let start = Array2::from_shape_fn((120, 80), |(row, _)| if row == 0 { 100.0 } else { 0.0 });
    check(&start, 0.2, 0.05, 1000);
}

#[test]
fn nan_and_infinity_are_not_overlooked() {
    let mut start = Array2::zeros((20, 40));
    start[[10, 20]] = f64::NAN;
    let mut own = grid(&start);
    let end = heat(engine(), &mut own, 0.25, 1e-3, 3).unwrap();
    assert!(end.sweeps == 3 && end.change.is_nan());
    start[[10, 20]] = f64::INFINITY;
    let end = heat(engine(), &mut grid(&start), 0.25, 1e-3, 1).unwrap();
    assert!(end.change.is_nan() || end.change == f64::INFINITY);
}
