//! The sky-view factor against its definition, one ray at a time.

use crate::data::{elevation, engine, grid, near, zeros};
use crate::terrain::hills;
use gristmill_kernels::SkyView;
use ndarray::Array2;
use proptest::prelude::*;

/// The definition, with angles.
fn naive(z: &Array2<f64>, at: (usize, usize), kernel: &SkyView) -> f64 {
    let (rows, columns) = z.dim();
    if z[at].is_nan() {
        return f64::NAN;
    }
    let mut sum = 0.0;
    for azimuth in 0..kernel.azimuths {
        let angle = std::f64::consts::TAU * f64::from(azimuth) / f64::from(kernel.azimuths);
        let mut horizon = 0.0f64;
        for k in 1..=kernel.radius {
            // An ulp more, so that sin 30 degrees counts as the half that it is.
            let nudge = 1.0 + 1e-12;
            let north = (f64::from(k) * angle.cos() * nudge).round();
            let east = (f64::from(k) * angle.sin() * nudge).round();
            let (row, column) = (at.0 as f64 - north, at.1 as f64 + east);
            if row < 0.0 || column < 0.0 || row >= rows as f64 || column >= columns as f64 {
                break;
            }
            let distance = (north * kernel.cell[0]).hypot(east * kernel.cell[1]);
            let rise = z[[row as usize, column as usize]] - z[at];
            if !rise.is_nan() {
                horizon = horizon.max((rise / distance).atan());
            }
        }
        sum += horizon.sin();
    }
    1.0 - sum / f64::from(kernel.azimuths)
}

fn check(z: &Array2<f64>, kernel: &SkyView, cells: impl Iterator<Item = (usize, usize)>) {
    let mut sky = zeros(z.dim());
    engine().run(kernel, (&grid(z), &mut sky)).unwrap();
    for at in cells {
        let (own, naive) = (sky.view()[at], naive(z, at, kernel));
        assert!(near(own, naive, 1e-12), "{kernel:?} at {at:?}: {own} {naive}");
    }
}

fn all(z: &Array2<f64>) -> Vec<(usize, usize)> {
    z.indexed_iter().map(|(at, _)| at).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn small_hills(z in hills(), azimuths in 1u32..20, radius in 1u32..60) {
        let kernel = SkyView { azimuths, radius, cell: [30.0, 20.0] };
        check(&z, &kernel, all(&z).into_iter());
    }
}

#[test]
fn the_real_grid() {
    let z = elevation();
    let kernel = SkyView { azimuths: 16, radius: 100, cell: [92.6, 74.4] };
    // Every 97th cell, which meets all rows and columns, and the corners.
    let corners = [(0, 0), (0, 402), (343, 0), (343, 402)];
    check(&z, &kernel, all(&z).into_iter().step_by(97).chain(corners));
}

#[test]
fn walls_without_end_hide_their_half_of_the_sky() {
    let mut z = Array2::zeros((7, 7));
    z[[3, 4]] = f64::INFINITY;
    z[[2, 3]] = 1e200;
    let kernel = SkyView { azimuths: 4, radius: 3, cell: [1.0, 1.0] };
    let mut sky = zeros(z.dim());
    engine().run(&kernel, (&grid(&z), &mut sky)).unwrap();
    assert_eq!(sky.view()[[3, 3]], 0.5);
    assert_eq!(sky.view()[[0, 0]], 1.0);
}

#[test]
fn plains_see_all_of_the_sky() {
    let z = Array2::from_elem((30, 50), 123.0);
    let mut sky = zeros(z.dim());
    let kernel = SkyView { azimuths: 7, radius: 1_000_000, cell: [1.0, 1.0] };
    engine().run(&kernel, (&grid(&z), &mut sky)).unwrap();
    assert!(sky.view().iter().all(|factor| *factor == 1.0));
}
