//! Histograms against the definition by edges.

use crate::data::{array, engine, numbers, wild};
use gristmill::Element;
use gristmill_kernels::{Histogram, Outside, Real};
use proptest::prelude::*;

/// The definition: every edge computed, every bin asked.
fn naive(x: &[f64], bins: usize, [low, high]: [f64; 2]) -> (Vec<u64>, Outside) {
    let mut edges: Vec<f64> =
        (0..=bins).map(|i| low + i as f64 * (high - low) / bins as f64).collect();
    (edges[0], edges[bins]) = (low, high);
    let (mut counts, mut outside) = (vec![0; bins], Outside { below: 0, above: 0, nan: 0 });
    for x in x {
        if x.is_nan() {
            outside.nan += 1;
        } else if *x < low {
            outside.below += 1;
        } else if *x > high {
            outside.above += 1;
        } else {
            let bin = (0..bins).rev().find(|i| *x >= edges[*i]).unwrap();
            counts[bin] += 1;
        }
    }
    (counts, outside)
}

fn run<T: Real + Element>(x: &[T], bins: usize, range: [f64; 2]) -> (Vec<u64>, Outside) {
    let mut counts = engine().filled(bins, 77).unwrap();
    let outside = engine().run(&Histogram::new(bins, range), (&array(x), &mut counts)).unwrap();
    (counts.as_slice().to_vec(), outside)
}

/// Ranges of all kinds: around 0, far from it, and so narrow that edges fall together.
fn range() -> impl Strategy<Value = [f64; 2]> {
    prop_oneof![
        Just([0.0, 1.0]),
        Just([0.0, 1e15]),
        Just([1e9, 1e9 + 1.0]),
        // As far as 300 bins go before their edges overflow; and no wider than some subnormals.
        Just([f64::MAX * (1.0 - 1e-3), f64::MAX]),
        Just([-2e305, 2e305]),
        Just([0.0, 1e-320]),
        Just([1.0, 1.0 + 8.0 * f64::EPSILON]),
        (-1e6f64..1e6, 1e-3f64..1e6).prop_map(|(low, width)| [low, low + width]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn values_anywhere(x in numbers(wild()), bins in 1usize..40, range in range()) {
        prop_assert_eq!(run(&x, bins, range), naive(&x, bins, range));
    }

    #[test]
    fn values_on_the_edges_and_beside_them(bins in 1usize..300, range in range()) {
        let [low, high] = range;
        let edges = (0..=bins).map(|i| low + i as f64 * (high - low) / bins as f64);
        let x: Vec<f64> = edges.flat_map(|e| [e.next_down(), e, e.next_up()]).collect();
        prop_assert_eq!(run(&x, bins, range), naive(&x, bins, range));
    }

    #[test]
    fn integers(x in prop::collection::vec(any::<u8>(), 0..300), bins in 1usize..300) {
        let wide: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        prop_assert_eq!(run(&x, bins, [10.0, 200.0]), naive(&wide, bins, [10.0, 200.0]));
    }
}

#[test]
fn every_value_is_counted_once() {
    let x: Vec<f32> = (0..100_000).map(|i| (i % 1000) as f32 / 999.0).collect();
    let (counts, outside) = run(&x, 1000, [0.0, 1.0]);
    assert_eq!(counts.iter().sum::<u64>(), 100_000);
    assert_eq!(outside, Outside { below: 0, above: 0, nan: 0 });
}
