//! What kernels refuse, and whether they say what to do.

use crate::data::{array, engine, zeros};
use gristmill_kernels::{Heat, Hillshade, Histogram, Scan, SkyView, Slope, scan};

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
