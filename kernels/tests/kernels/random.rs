//! Random numbers: of the shape that they should have, and in their places.

use crate::data::engine;
use gristmill_kernels::{PiHits, Uniform};

#[test]
fn numbers_depend_on_seed_stream_and_place_alone() {
    let draw = |seed, stream, length: usize| {
        let mut x = engine().zeros(length).unwrap();
        engine().run(&Uniform { seed, stream }, &mut x).unwrap();
        x.as_slice().to_vec()
    };
    let long = draw(5, 6, 100_001);
    assert_eq!(draw(5, 6, 777), long[..777]);
    let differ = |other: &[f64]| other.iter().zip(&long).filter(|(a, b)| a != b).count();
    assert_eq!(differ(&draw(6, 6, 100_001)), 100_001);
    assert_eq!(differ(&draw(5, 7, 100_001)), 100_001);
}

/// Of a program of its own in Python, written from the documentation of the kernels.
#[test]
fn numbers_and_hits_keep_their_values() {
    let golden = [
        (1, 0, [0.5789064115234424, 0.4690617216566655, 0.3645929042896998, 0.48150382467342057]),
        (0, 0, [0.8805201978886142, 0.6054818538799213, 0.8642144244880846, 0.02225803835169693]),
        (
            2025,
            (1 << 40) + 7,
            [0.9186841568056093, 0.22718180878449545, 0.621018284578271, 0.1505934914586472],
        ),
    ];
    let mut x = engine().zeros(10_000).unwrap();
    for (seed, stream, golden) in golden {
        engine().run(&Uniform { seed, stream }, &mut x).unwrap();
        assert_eq!([0, 1, 4096, 9999].map(|i| x[i]), golden, "seed {seed}, stream {stream}");
    }
    let mut hits = engine().zeros(4).unwrap();
    assert_eq!(engine().run(&PiHits { seed: 2025, points: 2500 }, &mut hits).unwrap(), 7889);
    assert_eq!(hits.as_slice(), [1969, 1972, 1981, 1967]);
    engine().run(&PiHits { seed: 3, points: 1001 }, &mut hits).unwrap();
    assert_eq!(hits.as_slice(), [797, 787, 814, 807]);
}

#[test]
fn numbers_are_uniform() {
    let mut x = engine().zeros(1_000_000).unwrap();
    engine().run(&Uniform { seed: 1, stream: 0 }, &mut x).unwrap();
    let mut counts = [0.0; 64];
    for x in x.as_slice() {
        counts[(x * 64.0) as usize] += 1.0;
    }
    let expected = 1e6 / 64.0;
    let chi_squared: f64 = counts.iter().map(|n: &f64| (n - expected).powi(2) / expected).sum();
    // 63 degrees of freedom: between the quantiles for one in ten thousand on either side.
    assert!((29.0..115.0).contains(&chi_squared), "{chi_squared}");
}

#[test]
fn hits_are_those_of_each_stream() {
    let count = |streams: usize, points| {
        let mut hits = engine().zeros(streams).unwrap();
        let total = engine().run(&PiHits { seed: 3, points }, &mut hits).unwrap();
        assert_eq!(total, hits.as_slice().iter().sum::<u64>());
        hits.as_slice().to_vec()
    };
    let hits = count(1000, 1001);
    assert_eq!(count(10, 1001), hits[..10]);
    let pi = 4.0 * hits.iter().sum::<u64>() as f64 / 1_001_000.0;
    assert!((pi - std::f64::consts::PI).abs() < 0.01, "{pi}");
    assert_eq!(count(3, 0), [0, 0, 0]);
}
