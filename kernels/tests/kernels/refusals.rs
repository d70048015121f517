//! What kernels refuse, and whether they say what to do.

use crate::data::{array, engine, zeros};
use gristmill_kernels::{
    BlackScholes, Csr, Energy, Gemm, Gravity, Heat, Hillshade, Histogram, Mandelbrot, MatMul, Scan,
    SkyView, Slope, Spmv, kmeans, leapfrog, scan,
};

/// The error's text, which must contain all of these words.
fn expect<T>(result: gristmill::Result<T>, words: &[&str]) {
    let text = result.err().expect("it is refused").to_string();
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
}

#[test]
fn histograms() {
    let x = array(&[1.0]);
    let mut counts = engine().zeros(3).unwrap();
    expect(engine().run(&Histogram::new(0, [0.0, 1.0]), (&x, &mut counts)), &["at least one bin"]);
    expect(engine().run(&Histogram::new(4, [0.0, 1.0]), (&x, &mut counts)), &["4 bins", "3"]);
    let wide = [0.0, 1e308];
    expect(engine().run(&Histogram::new(3, wide), (&x, &mut counts)), &["3 bins", "overflow"]);
    for range in [[1.0, 1.0], [2.0, 1.0], [f64::NAN, 1.0], [-f64::MAX, f64::MAX]] {
        expect(engine().run(&Histogram::new(3, range), (&x, &mut counts)), &["range", "finite"]);
    }
}

#[test]
fn terrain() {
    let z = zeros((4, 5));
    let (mut map, mut other) = (zeros((4, 5)), zeros((4, 6)));
    expect(engine().run(&Slope { cell: [0.0, 1.0] }, (&z, &mut map)), &["positive"]);
    expect(engine().run(&Slope { cell: [1.0, 1.0] }, (&z, &mut other)), &["[4, 6]", "[4, 5]"]);
    let usual = Hillshade { azimuth: 315.0, altitude: 45.0, z_factor: 1.0, cell: [1.0, 1.0] };
    let mut shade = |light: Hillshade| engine().run(&light, (&z, &mut map));
    for azimuth in [f64::NAN, f64::INFINITY] {
        expect(shade(Hillshade { azimuth, ..usual }), &["azimuth", "finite"]);
    }
    for altitude in [-1.0, 90.5, 400.0, f64::NAN, f64::INFINITY] {
        expect(shade(Hillshade { altitude, ..usual }), &["altitude", "0", "90"]);
    }
    for z_factor in [0.0, -0.0, f64::NAN, f64::NEG_INFINITY] {
        expect(shade(Hillshade { z_factor, ..usual }), &["z_factor", "not 0"]);
    }
    for azimuth in [-45.0, 675.0] {
        shade(Hillshade { azimuth, altitude: 0.0, z_factor: -1.0, ..usual }).unwrap();
        shade(Hillshade { azimuth, altitude: 90.0, ..usual }).unwrap();
    }
    let sky = SkyView { azimuths: 4097, radius: 4096, cell: [1.0, 1.0] };
    expect(engine().run(&sky, (&z, &mut map)), &["4097", "16777216"]);
    let sky = SkyView { azimuths: 0, radius: 5, cell: [1.0, 1.0] };
    expect(engine().run(&sky, (&z, &mut map)), &["azimuths 0"]);
}

#[test]
fn heat_and_scan() {
    let z = zeros((4, 5));
    expect(engine().run(&Heat { rate: 0.3 }, (&z, &mut zeros((4, 5)))), &["0.3", "unstable"]);
    expect(engine().run(&Heat { rate: 0.1 }, (&z, &mut zeros((4, 6)))), &["differ"]);
    let mut y = engine().zeros(4).unwrap();
    expect(scan(engine(), &array(&[1, 2, 3]), &mut y, Scan::Inclusive), &["3", "4"]);
}

#[test]
fn products() {
    let (a, b) = (zeros((4, 5)), zeros((5, 6)));
    let (mut c, mut other) = (zeros((4, 6)), zeros((4, 7)));
    expect(engine().run(&MatMul::new(), (&a, &b, &mut other)), &["[4, 5]", "[5, 6]", "[4, 7]"]);
    expect(engine().run(&MatMul::new(), (&a, &a, &mut c)), &["[4, 5]", "[4, 6]"]);
    let update = Gemm { alpha: 1.0, beta: 1.0 };
    expect(engine().run(&update, (&a, &a, &mut c)), &["[4, 5]", "[4, 6]"]);
}

#[test]
fn sparse_matrices() {
    let csr = |offsets: &[u64], columns: &[u32]| {
        Csr::new(engine(), [2, 3], offsets, columns, &vec![1.0; columns.len()])
    };
    expect(csr(&[0, 1], &[0]), &["2 rows", "3 row offsets", "not 2"]);
    expect(csr(&[1, 1, 1], &[0]), &["from 1 to 1", "from 0 to 1"]);
    expect(csr(&[0, 1, 1], &[0, 1]), &["from 0 to 1", "from 0 to 2"]);
    expect(csr(&[0, 2, 1], &[0]), &["row 1 ends before"]);
    expect(csr(&[0, 1, 2], &[0, 3]), &["column 3", "3 columns"]);
    expect(Csr::new(engine(), [1, 3], &[0, 1], &[0], &[1.0, 2.0]), &["1 columns", "2 values"]);
    let a = csr(&[0, 1, 2], &[0, 1]).unwrap();
    let (x, mut y) = (array(&[1.0; 3]), array(&[0.0; 2]));
    expect(a.multiply(engine(), &y, &mut array(&[0.0; 2])), &["3 columns", "2 elements"]);
    expect(a.multiply(engine(), &x, &mut array(&[0.0; 3])), &["3 rows", "4 row offsets"]);
    let wild = array(&[0u32, 7]);
    let product = engine().run(&Spmv::new(), (a.row_offsets(), &wild, a.values(), &x, &mut y));
    expect(product, &["index"]);
}

#[test]
fn clusters() {
    let points = zeros((9, 3));
    let mut labels = engine().zeros(9).unwrap();
    let mut run = |centres, tolerance| {
        kmeans(engine(), &points, &mut zeros(centres), &mut labels, tolerance, 5)
    };
    expect(run((2, 4), 0.0), &["3 coordinates", "4"]);
    expect(run((0, 3), 0.0), &["centres", "0"]);
    expect(run((2, 3), -1.0), &["tolerance", "-1"]);
    expect(run((2, 3), f64::NAN), &["tolerance", "NaN"]);
    let (nothing, mut few) = (zeros((9, 0)), engine().zeros(8).unwrap());
    expect(kmeans(engine(), &nothing, &mut zeros((2, 0)), &mut labels, 0.0, 5), &["coordinates"]);
    expect(kmeans(engine(), &points, &mut zeros((2, 3)), &mut few, 0.0, 5), &["8", "9"]);
}

#[test]
fn bodies() {
    let usual = Gravity { constant: 1.0, softening: 0.1 };
    let masses = engine().filled(4, 1.0).unwrap();
    let (x, mut v) = (zeros((3, 4)), zeros((3, 4)));
    let mut run = |gravity: &Gravity| engine().run(gravity, (&masses, &x, &mut v));
    run(&usual).unwrap();
    for softening in [0.0, -1.0, 1e-76, 1e76, f64::NAN] {
        expect(run(&Gravity { softening, ..usual }), &["softening", "1e-75"]);
    }
    expect(run(&Gravity { constant: f64::INFINITY, ..usual }), &["constant", "inf"]);
    expect(engine().run(&usual, (&masses, &zeros((4, 3)), &mut v)), &["positions", "[4, 3]"]);
    expect(engine().run(&Energy { gravity: usual }, (&masses, &x, &zeros((3, 5)))), &["5"]);
    let leap = |v, dt| leapfrog(engine(), &usual, &masses, &mut zeros((3, 4)), v, dt, 1);
    expect(leap(&mut v, f64::NAN), &["time step", "NaN"]);
    expect(leap(&mut zeros((4, 3)), 0.1), &["velocities", "[4, 3]"]);
}

#[test]
fn pictures_and_options() {
    let mut picture = engine().zeros((4, 5)).unwrap();
    for range in [[1.0, 1.0], [2.0, 1.0], [f64::NAN, 1.0], [f64::NEG_INFINITY, 0.0]] {
        let set = Mandelbrot { real: range, imaginary: [0.0, 1.0], steps_max: 9 };
        expect(engine().run(&set, &mut picture), &["real", "finite"]);
        let set = Mandelbrot { real: [0.0, 1.0], imaginary: range, steps_max: 9 };
        expect(engine().run(&set, &mut picture), &["imaginary", "finite"]);
    }
    let x = array(&[1.0]);
    let (mut call, mut put) = (array(&[0.0]), array(&[0.0]));
    for (rate, volatility) in [(f64::NAN, 0.1), (0.1, -0.1), (0.1, f64::INFINITY)] {
        let market = BlackScholes { rate, volatility };
        let run = engine().run(&market, (&x, &x, &x, &mut call, &mut put));
        expect(run, &[if rate.is_nan() { "rate" } else { "volatility" }]);
    }
}
