//! The terrain's maps against those that GDAL's gdaldem has made of the same grid: see
//! data/ATTRIBUTION.md for how.

use crate::data::{elevation, engine, grid, zeros};
use gristmill_kernels::{Hillshade, Slope};
use ndarray::{Array2, s};
use ndarray_npy::{ReadableElement, read_npy};

/// Where the references lie in the grid: far from its edges, which gdaldem leaves out.
const ROWS: std::ops::Range<usize> = 100..196;
const COLUMNS: std::ops::Range<usize> = 150..278;

const CELL: [f64; 2] = [92.6, 74.4];

fn reference<T: ReadableElement>(name: &str) -> Array2<T> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/reference");
    let map: Array2<T> = read_npy(format!("{folder}/{name}")).expect("it is in the repository");
    assert_eq!(map.dim(), (ROWS.len(), COLUMNS.len()));
    map
}

/// The greatest difference of a map's part to its reference.
fn farthest(map: &gristmill::Array<f64, ndarray::Ix2>, reference: &Array2<f64>) -> f64 {
    let part = map.view().slice_move(s![ROWS, COLUMNS]);
    let differences = part.iter().zip(reference).map(|(own, theirs)| (own - theirs).abs());
    differences.fold(0.0, |greatest, difference| {
        if difference > greatest || difference.is_nan() { difference } else { greatest }
    })
}

#[test]
fn slopes_are_those_of_gdaldem() {
    let z = elevation();
    let mut slope = zeros(z.dim());
    engine().run(&Slope { cell: CELL }, (&grid(&z), &mut slope)).unwrap();
    let theirs = reference::<f32>("gdal_slope.npy").mapv(f64::from);
    // It computes in f32: some 1e-6 of up to 35 degrees.
    let farthest = farthest(&slope, &theirs);
    assert!(farthest < 1e-4, "{farthest}");
}

#[test]
fn hillshades_are_those_of_gdaldem() {
    let z = elevation();
    let mut shade = zeros(z.dim());
    for (name, azimuth, altitude, z_factor) in
        [("gdal_hillshade.npy", 315.0, 45.0, 1.0), ("gdal_hillshade_low.npy", 60.0, 20.0, 2.0)]
    {
        let light = Hillshade { azimuth, altitude, z_factor, cell: CELL };
        engine().run(&light, (&grid(&z), &mut shade)).unwrap();
        let theirs = reference::<u8>(name).mapv(f64::from);
        // It rounds to whole numbers, of what it has computed in f32.
        let farthest = farthest(&shade, &theirs);
        assert!(farthest < 0.501, "{name}: {farthest}");
    }
}
