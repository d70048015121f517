//! Maps and reductions by closures against loops over ordinary vectors: shapes, sizes around chunk
//! boundaries, NaN and infinities, and the same bits for any number of workers.

use gristmill::{Array, Element, Engine, Reduce};
use ndarray::{Dimension, IxDyn};
use proptest::prelude::*;
use std::sync::OnceLock;

/// Engines of numbers of workers that divide nothing evenly; the tests take turns on them.
fn engines() -> &'static [Engine] {
    static ENGINES: OnceLock<Vec<Engine>> = OnceLock::new();
    ENGINES.get_or_init(|| {
        let engine = |workers| Engine::builder().workers(workers).build().expect("it starts");
        [1, 2, 3, 5, 8].map(engine).into()
    })
}

/// Numbers of ordinary size, and what arithmetic may trip over.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        20 => -1e6f64..1e6,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(-0.0),
        1 => Just(f64::MAX),
        1 => Just(5e-324),
    ]
}

/// Arrays of such numbers. Chunks of 8-byte elements hold 16 of them up to 4,096 elements, 32 up
/// to 8,192, and so on: lengths lie all around their boundaries, and around these steps.
fn numbers() -> impl Strategy<Value = Vec<f64>> {
    let length = prop_oneof![
        3 => 0usize..100,
        2 => (1usize..256, 0usize..3).prop_map(|(chunks, off)| 16 * chunks + off - 1),
        1 => (1usize..5, 0usize..3).prop_map(|(steps, off)| 4096 * steps + off - 1),
    ];
    (length, prop::collection::vec(number(), 1..200))
        .prop_map(|(length, some)| some.iter().copied().cycle().take(length).collect())
}

fn array(engine: &Engine, x: &[f64]) -> Array<f64, ndarray::Ix1> {
    engine.array_from(&ndarray::aview1(x)).expect("room for a small array")
}

/// Whether these are the numbers expected, to the bit but for the kind of NaN.
fn are<D: Dimension>(own: &Array<f64, D>, expected: &[f64]) -> bool {
    let same = |a: &f64, b: &f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    own.len() == expected.len() && own.as_slice().iter().zip(expected).all(|(a, b)| same(a, b))
}

fn bytes<T: Element, D: Dimension>(array: &Array<T, D>) -> Vec<u8> {
    bytemuck::cast_slice(array.as_slice()).to_vec()
}

fn bend(x: f64) -> f64 {
    x.sqrt() - 1.0 / x
}

fn scale(factor: &f64, x: f64) -> f64 {
    factor * x + 0.5
}

fn between(x: f64, y: f64) -> f64 {
    x - 0.25 * (x - y)
}

fn mix((a, b): &(f64, f64), x: f64, y: f64) -> f64 {
    a * x + b * y
}

/// First, last, count and sum: its order matters.
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Ends {
    first: f64,
    last: f64,
    count: u64,
    sum: f64,
}

impl Ends {
    fn of(x: f64) -> Ends {
        Ends { first: x, last: x, count: 1, sum: x }
    }
}

impl Reduce for Ends {
    fn identity() -> Ends {
        Ends { first: 0.0, last: 0.0, count: 0, sum: 0.0 }
    }

    fn combine(self, right: Ends) -> Ends {
        match (self.count, right.count) {
            (0, _) => right,
            (_, 0) => self,
            (left, more) => Ends {
                first: self.first,
                last: right.last,
                count: left + more,
                sum: self.sum + right.sum,
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn maps_with_and_without_parameters(x in numbers(), factor in number()) {
        let bent: Vec<f64> = x.iter().map(|x| bend(*x)).collect();
        let scaled: Vec<f64> = x.iter().map(|x| scale(&factor, *x)).collect();
        let mut first = None;
        for engine in engines() {
            let source = array(engine, &x);
            let mut y = engine.filled(x.len(), 77.0).unwrap();
            engine.map(&source, &mut y, bend).unwrap();
            prop_assert!(are(&y, &bent), "map with {} workers", engine.workers());
            let mut bits = bytes(&y);
            engine.map_with(&factor, &source, &mut y, scale).unwrap();
            prop_assert!(are(&y, &scaled), "map_with with {} workers", engine.workers());
            bits.extend(bytes(&y));
            // Elements of other sizes, narrower and as wide.
            let mut narrow = engine.filled(x.len(), 7u8).unwrap();
            engine.map(&source, &mut narrow, |x: f64| u8::from(x.is_nan())).unwrap();
            prop_assert!(narrow.as_slice().iter().zip(&x).all(|(n, x)| *n == u8::from(x.is_nan())));
            prop_assert!(are(&source, &x), "the source has changed");
            prop_assert!(*first.get_or_insert(bits.clone()) == bits, "bits differ");
        }
    }

    #[test]
    fn zips_with_and_without_parameters(
        x in numbers(),
        turn in 0usize..200,
        a in number(),
        b in number(),
    ) {
        let y: Vec<f64> = (0..x.len()).map(|i| x[(i + turn) % x.len()]).collect();
        let pairs = || x.iter().zip(&y);
        let middle: Vec<f64> = pairs().map(|(x, y)| between(*x, *y)).collect();
        let mixed: Vec<f64> = pairs().map(|(x, y)| mix(&(a, b), *x, *y)).collect();
        let mut first = None;
        for engine in engines() {
            let (left, right) = (array(engine, &x), array(engine, &y));
            let mut z = engine.filled(x.len(), 77.0).unwrap();
            engine.zip_map(&left, &right, &mut z, between).unwrap();
            prop_assert!(are(&z, &middle), "zip_map with {} workers", engine.workers());
            let mut bits = bytes(&z);
            engine.zip_map_with(&(a, b), &left, &right, &mut z, mix).unwrap();
            prop_assert!(are(&z, &mixed), "zip_map_with with {} workers", engine.workers());
            bits.extend(bytes(&z));
            prop_assert!(*first.get_or_insert(bits.clone()) == bits, "bits differ");
        }
    }

    #[test]
    fn reductions_of_ones_own_keep_their_order(x in numbers()) {
        // Infinite sums of finite numbers depend on the tree; only what comes in may be infinite.
        let x: Vec<f64> = x.into_iter().filter(|x| !x.is_finite() || x.abs() < 1e100).collect();
        let sum: f64 = x.iter().sum();
        let slack = x.iter().map(|x| x.abs()).sum::<f64>() * f64::EPSILON * x.len() as f64;
        let mut first = None;
        for engine in engines() {
            let ends: Ends = engine.reduce(&array(engine, &x), Ends::of).unwrap();
            prop_assert_eq!(ends.count, x.len() as u64);
            let bits = |x: f64| x.to_bits();
            if let ([one, ..], [.., last]) = (&x[..], &x[..]) {
                prop_assert_eq!([ends.first, ends.last].map(bits), [*one, *last].map(bits));
            }
            if sum.is_finite() {
                prop_assert!((ends.sum - sum).abs() <= slack, "{} {sum}", ends.sum);
            } else {
                prop_assert!(ends.sum == sum || ends.sum.is_nan() && sum.is_nan());
            }
            let bits = bytemuck::bytes_of(&ends).to_vec();
            prop_assert!(*first.get_or_insert(bits.clone()) == bits, "bits differ");
        }
    }

    #[test]
    fn shapes_of_one_to_six_dimensions(shape in prop::collection::vec(0usize..6, 1..=6)) {
        let length: usize = shape.iter().product();
        for engine in engines() {
            let x = engine.from_fn(length, |i| i as f64 - 3.0).unwrap();
            let mut y = engine.filled(IxDyn(&shape), 77.0).unwrap();
            engine.map(&x, &mut y, bend).unwrap();
            let mut z = engine.filled(IxDyn(&shape), 77.0).unwrap();
            engine.zip_map(&x, &y, &mut z, between).unwrap();
            prop_assert_eq!(z.shape(), &shape[..]);
            let expected: Vec<f64> =
                (0..length).map(|i| i as f64 - 3.0).map(|x| between(x, bend(x))).collect();
            prop_assert!(are(&z, &expected), "{shape:?} with {} workers", engine.workers());
            let ends: Ends = engine.reduce(&z, Ends::of).unwrap();
            prop_assert_eq!(ends.count, length as u64);
        }
    }
}
