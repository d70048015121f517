//! Accumulators of floats: the order of additions is fixed, so the bits are.

mod support;

use gristmill::{Add, Array, Chunk, Engine, Error, In, Kernel, Merge, Shapes, Sum};
use ndarray::{Array2, Ix1, Ix2};
use num_complex::Complex64;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use support::{Fuse, engine};

/// Sums of weights by key, and how many there were.
#[derive(Serialize, Deserialize)]
struct Weigh {
    fuse: Option<(Fuse, usize)>,
    grain: usize,
}

impl Kernel for Weigh {
    type Args = (In<u32>, In<f64>, Merge<f64, Add>, Merge<u64, Add>);
    type Output = Sum<f64>;

    fn run(
        &self,
        chunk: Chunk,
        (keys, weights, sums, counts): (&[u32], &[f64], &mut [f64], &mut [u64]),
    ) -> f64 {
        for (i, (key, weight)) in keys.iter().zip(weights).enumerate() {
            sums[*key as usize] += weight;
            counts[*key as usize] += 1;
            if let Some((fuse, at)) = &self.fuse
                && (chunk.index(), i) == (*at, chunk.len() / 2)
            {
                fuse.burn();
            }
        }
        weights.iter().sum()
    }

    fn grain(&self, _: &Shapes) -> usize {
        self.grain
    }
}

/// The same, said naively: each group on its own, then the fixed tree.
fn oracle(keys: &[u32], weights: &[f64], bins: usize, grain: usize) -> Vec<f64> {
    let grain = grain.max(keys.len().div_ceil(256)).max(1);
    let groups: Vec<Vec<f64>> = keys
        .chunks(grain)
        .zip(weights.chunks(grain))
        .map(|(keys, weights)| {
            let mut sums = vec![0.0; bins];
            keys.iter().zip(weights).for_each(|(key, weight)| sums[*key as usize] += weight);
            sums
        })
        .collect();
    fn tree(groups: &[Vec<f64>], bin: usize) -> f64 {
        match groups.len() {
            0 => 0.0,
            1 => groups[0][bin],
            n => {
                let split = n.next_power_of_two() / 2;
                tree(&groups[..split], bin) + tree(&groups[split..], bin)
            }
        }
    }
    (0..bins).map(|bin| tree(&groups, bin)).collect()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

struct Data {
    keys: Array<u32, Ix1>,
    weights: Array<f64, Ix1>,
    sums: Array<f64, Ix1>,
    counts: Array<u64, Ix1>,
}

fn data(engine: &Engine, len: usize, bins: usize) -> Data {
    Data {
        keys: engine.from_fn(len, |i| (i * 7919 % bins) as u32).unwrap(),
        weights: engine.from_fn(len, |i| ((i * 31 % 1009) as f64 - 500.0) * 1.1e-3).unwrap(),
        sums: engine.filled(bins, f64::NAN).unwrap(),
        counts: engine.filled(bins, 99).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn groups_are_folded_by_the_fixed_tree(
        len in 0usize..3000,
        bins in 1usize..40,
        grain in 1usize..400,
    ) {
        let engine = engine(3);
        let Data { keys, weights, mut sums, mut counts } = data(&engine, len, bins);
        let kernel = Weigh { fuse: None, grain };
        engine.run(&kernel, (&keys, &weights, &mut sums, &mut counts)).unwrap();
        let expected = oracle(keys.as_slice(), weights.as_slice(), bins, grain);
        prop_assert_eq!(bits(sums.as_slice()), bits(&expected));
        prop_assert_eq!(counts.as_slice().iter().sum::<u64>(), len as u64);
    }
}

#[test]
fn the_same_bits_for_any_number_of_workers_and_any_crash() {
    let folder = tempfile::tempdir().unwrap();
    let run = |workers: usize, fuse: Option<Fuse>| {
        let engine = engine(workers);
        let Data { keys, weights, mut sums, mut counts } = data(&engine, 100_003, 3000);
        let kernel = Weigh { fuse: fuse.clone().map(|fuse| (fuse, 17)), grain: 100 };
        let total = engine.run(&kernel, (&keys, &weights, &mut sums, &mut counts)).unwrap();
        assert_eq!(engine.stats().deaths, fuse.map_or(0, |fuse| u64::from(fuse.burnt())));
        (bits(sums.as_slice()), counts.as_slice().to_vec(), total.to_bits())
    };
    let one = run(1, None);
    for workers in [2, 3, 5, 8] {
        assert!(run(workers, None) == one, "{workers} workers");
    }
    for workers in [1, 2, 3] {
        let fuse = Fuse::of_times(&folder, &format!("weigh-{workers}"), 2);
        assert!(run(workers, Some(fuse)) == one, "{workers} workers, with deaths");
    }
}

/// a^T a of the rows of a.
#[derive(Serialize, Deserialize)]
struct Gram;

impl Kernel for Gram {
    type Args = (In<f64, Ix2>, Merge<f64, Add>);
    type Output = ();

    fn run(&self, _: Chunk, (rows, gram): (ndarray::ArrayView2<f64>, &mut [f64])) {
        let n = rows.ncols();
        for row in rows.rows() {
            for i in 0..n {
                (0..n).for_each(|j| gram[i * n + j] += row[i] * row[j]);
            }
        }
    }
}

#[test]
fn a_gram_matrix_in_a_loop_of_a_plan() {
    let engine = engine(2);
    let a = engine.from_fn((777, 12), |(i, j)| ((i * 37 + j * 11) % 101) as f64 / 7.0).unwrap();
    let mut gram = engine.zeros::<f64, _>((12, 12)).unwrap();
    let (times, ()) = engine
        .plan(|p| {
            let (a, mut gram) = (p.read(&a), p.write(&mut gram));
            p.repeat(3, |p| {
                p.step(&Gram, (&a, &mut gram));
            })
        })
        .unwrap();
    assert_eq!(times, 3);
    let expected: Array2<f64> = a.view().t().dot(&a.view());
    for (got, expected) in gram.view().iter().zip(&expected) {
        assert!((got - expected).abs() <= 1e-9 * expected.abs());
    }
}

/// Sums of complex numbers, elements by their place modulo the accumulator's length.
#[derive(Serialize, Deserialize)]
struct Fold;

impl Kernel for Fold {
    type Args = (In<Complex64>, Merge<Complex64, Add>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, sums): (&[Complex64], &mut [Complex64])) {
        let n = sums.len();
        x.iter().zip(chunk.start()..).for_each(|(x, i)| sums[i % n] += x);
    }
}

#[test]
fn complex_sums_and_accumulators_of_impossible_size() {
    let engine = Engine::builder().workers(2).capacity(64 << 20).build().unwrap();
    let x = engine.from_fn(1000, |i| Complex64::new(i as f64, -1.0)).unwrap();
    let mut sums = engine.zeros(4).unwrap();
    engine.run(&Fold, (&x, &mut sums)).unwrap();
    assert_eq!(sums[3], Complex64::new((3..1000).step_by(4).sum::<usize>() as f64, -250.0));
    // Groups of accumulators of 16 MiB each do not fit the region: refused, and the engine goes on.
    let mut large = engine.zeros(1 << 20).unwrap();
    let error = engine.run(&Fold, (&x, &mut large)).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { purpose: "accumulators", .. }), "{error}");
    engine.run(&Fold, (&x, &mut sums)).unwrap();
}
