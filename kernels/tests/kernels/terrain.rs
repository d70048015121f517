//! Slope and hillshade against Horn's formula written out cell by cell.

use crate::data::{elevation, engine, grid, near, zeros};
use gristmill_kernels::{Hillshade, Slope};
use ndarray::Array2;
use proptest::prelude::*;

/// Elevations with holes, some of them without a bottom or an end, of small shapes.
pub(crate) fn hills() -> impl Strategy<Value = Array2<f64>> {
    (1usize..40, 1usize..40, any::<u32>(), 0u32..4).prop_map(|(rows, columns, seed, holes)| {
        Array2::from_shape_fn((rows, columns), |(r, c)| {
            let noise = crate::data::mixed(seed as usize + 1000 * r + c).abs().log2();
            let kind = (noise * 1e6) as i64 % 389;
            match kind {
                _ if kind >= 0 && kind < 4 * i64::from(holes) => f64::NAN,
                _ if holes == 3 && kind == -1 => f64::INFINITY,
                _ if holes == 3 && kind == -2 => f64::NEG_INFINITY,
                _ => 37.0 * noise,
            }
        })
    })
}

/// The 3 x 3 cells around a cell, row by row, the border given again beyond the edges.
fn window(z: &Array2<f64>, row: usize, column: usize) -> [f64; 9] {
    let (rows, columns) = z.dim();
    std::array::from_fn(|i| {
        let row = (row as isize + i as isize / 3 - 1).clamp(0, rows as isize - 1);
        let column = (column as isize + i as isize % 3 - 1).clamp(0, columns as isize - 1);
        z[[row as usize, column as usize]]
    })
}

/// Rise per metre towards east and towards north.
fn gradient(w: [f64; 9], [per_row, per_column]: [f64; 2]) -> (f64, f64) {
    let east = ((w[2] + 2.0 * w[5] + w[8]) - (w[0] + 2.0 * w[3] + w[6])) / (8.0 * per_column);
    let north = ((w[0] + 2.0 * w[1] + w[2]) - (w[6] + 2.0 * w[7] + w[8])) / (8.0 * per_row);
    (east, north)
}

fn naive_slope(w: [f64; 9], cell: [f64; 2]) -> f64 {
    let (east, north) = gradient(w, cell);
    // `hypot` says infinity of infinity and NaN.
    if east.is_nan() || north.is_nan() {
        return f64::NAN;
    }
    east.hypot(north).atan().to_degrees()
}

/// By angles, as the books have it: the cosine between the light and the surface's normal.
fn naive_shade(w: [f64; 9], cell: [f64; 2], azimuth: f64, altitude: f64, z: f64) -> f64 {
    let (east, north) = gradient(w, cell);
    // No direction to face the light with; `max` below would lose it.
    if !east.is_finite() || !north.is_finite() {
        return f64::NAN;
    }
    let normal = [-z * east, -z * north, 1.0];
    let length = normal.iter().map(|n| n * n).sum::<f64>().sqrt();
    let (azimuth, altitude) = (azimuth.to_radians(), altitude.to_radians());
    let light = [altitude.cos() * azimuth.sin(), altitude.cos() * azimuth.cos(), altitude.sin()];
    let cosine = normal.iter().zip(light).map(|(n, l)| n * l).sum::<f64>() / length;
    1.0 + 254.0 * cosine.max(0.0)
}

fn check(z: &Array2<f64>, cell: [f64; 2], azimuth: f64, altitude: f64) {
    let source = grid(z);
    let (mut slope, mut shade) = (zeros(z.dim()), zeros(z.dim()));
    engine().run(&Slope { cell }, (&source, &mut slope)).unwrap();
    let light = Hillshade { azimuth, altitude, z_factor: 1.5, cell };
    engine().run(&light, (&source, &mut shade)).unwrap();
    for (index, _) in z.indexed_iter() {
        let w = window(z, index.0, index.1);
        let (own_slope, own_shade) = (slope.view()[index], shade.view()[index]);
        if w.iter().any(|z| z.is_nan()) {
            assert!(own_slope.is_nan() && own_shade.is_nan(), "{index:?}");
            continue;
        }
        assert!(near(own_slope, naive_slope(w, cell), 1e-9), "{index:?}");
        let naive = naive_shade(w, cell, azimuth, altitude, 1.5);
        assert!(near(own_shade, naive, 1e-9), "{index:?}: {own_shade} {naive}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn small_hills(z in hills(), azimuth in 0.0f64..360.0, altitude in 0.0f64..90.0) {
        check(&z, [30.0, 20.0], azimuth, altitude);
    }
}

#[test]
fn the_real_grid() {
    check(&elevation(), [92.6, 74.4], 315.0, 45.0);
}

#[test]
fn grids_without_cells() {
    check(&Array2::zeros((0, 5)), [1.0, 1.0], 315.0, 45.0);
    check(&Array2::zeros((5, 0)), [1.0, 1.0], 315.0, 45.0);
}

#[test]
fn slopes_that_face_the_light_are_bright() {
    let light = Hillshade { azimuth: 315.0, altitude: 45.0, z_factor: 1.0, cell: [1.0, 1.0] };
    let bright = |rise_east: f64, rise_south: f64| {
        let z =
            Array2::from_shape_fn((3, 3), |(r, c)| rise_east * c as f64 + rise_south * r as f64);
        let mut shade = zeros((3, 3));
        engine().run(&light, (&grid(&z), &mut shade)).unwrap();
        shade.view()[[1, 1]]
    };
    // Light from the north-west: a slope that rises towards south-east faces it.
    assert!(bright(1.0, 1.0) > bright(0.0, 0.0));
    assert_eq!(bright(-9.0, -9.0), 1.0);
}
