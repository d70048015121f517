//! The NAS Parallel Benchmarks: published answers of class S, and kernels against loops.

use crate::data::{array, engine};
use gristmill::Benchmark;
use gristmill_kernels::npb::{
    Cg, Deviates, Ep, Gaussian, InverseIteration, Is, Lcg, Population, Ranking, SparseMatrix, keys,
    makea, out_of_order,
};
use proptest::prelude::*;

/// Verified, and once more with the same data, in class S; the others take long without
/// optimisation.
fn verified<B: Benchmark>() {
    let problem = &B::CLASSES[0];
    assert_eq!(problem.class(), "S");
    let mut ready = problem.prepare(engine()).unwrap();
    for _ in 0..2 {
        let outcome = problem.run(engine(), &mut ready).unwrap();
        assert!(outcome.is_verified(), "{:?}", outcome.checks);
        assert!(outcome.mops() > 0.0 && outcome.iterations > 0);
    }
}

#[test]
fn ranks_are_the_published_ones() {
    verified::<Is>();
}

#[test]
fn the_eigenvalue_is_the_published_one() {
    verified::<Cg>();
}

#[test]
#[cfg_attr(debug_assertions, ignore = "16 million logarithms take long without optimisation")]
fn the_sums_of_deviates_are_the_published_ones() {
    verified::<Ep>();
}

/// A batch of pairs, one at a time, with the standard library's logarithm.
fn naive_deviates(batches: usize) -> Deviates {
    let mut numbers = Lcg::new(271_828_183);
    let mut all = Deviates { x: 0.0, y: 0.0, annuli: [0; 10] };
    for _ in 0..batches << 16 {
        let [x, y] = [(); 2].map(|()| 2.0 * numbers.uniform() - 1.0);
        let t = x * x + y * y;
        if t <= 1.0 {
            let factor = (-2.0 * t.ln() / t).sqrt();
            all.x += x * factor;
            all.y += y * factor;
            all.annuli[(x * factor).abs().max((y * factor).abs()) as usize] += 1;
        }
    }
    all
}

#[test]
fn deviates_are_those_of_a_loop() {
    for batches in [0, 1, 3, 7] {
        let mut accepted = engine().zeros(batches).unwrap();
        let found = engine().run(&Gaussian, &mut accepted).unwrap();
        let expected = naive_deviates(batches);
        assert_eq!(found.annuli, expected.annuli);
        let accepted: u64 = accepted.as_slice().iter().map(|n| u64::from(*n)).sum();
        assert_eq!(found.pairs(), accepted);
        for (found, expected) in [(found.x, expected.x), (found.y, expected.y)] {
            assert!((found - expected).abs() <= 1e-9, "{found} {expected}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn ranks_are_those_of_a_sort(
        values in 1u32..5000,
        seeds in prop::collection::vec(any::<u32>(), 0..300),
        times in 1usize..80,
    ) {
        let some = seeds.iter().cycle().take(seeds.len() * times).enumerate();
        let keys: Vec<u32> = some.map(|(i, seed)| seed.rotate_left(i as u32) % values).collect();
        let mut ranking = Ranking::new(engine(), values).unwrap();
        let shared = array(&keys);
        let ranks = ranking.rank(engine(), &shared).unwrap().to_vec();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        let expected = (0..values).map(|value| sorted.partition_point(|key| *key <= value) as u32);
        prop_assert!(ranks.iter().copied().eq(expected));
        prop_assert_eq!(out_of_order(&keys, &ranks), 0);
        // Once more, over what the first time has left.
        prop_assert_eq!(ranking.rank(engine(), &shared).unwrap(), &ranks);
    }
}

#[test]
fn a_key_that_has_no_count_is_refused_by_its_chunk() {
    let mut counts = engine().zeros(3).unwrap();
    let error = engine().run(&Population, (&array(&[1, 3]), &mut counts)).unwrap_err();
    assert!(error.to_string().contains("index out of bounds"), "{error}");
}

#[test]
fn keys_are_those_of_the_definition() {
    let mut numbers = Lcg::new(314_159_265);
    for key in keys(1000, 1 << 19) {
        let sum: f64 = (0..4).map(|_| numbers.uniform()).sum();
        assert_eq!(key, (f64::from(1 << 17) * sum) as u32);
    }
}

/// The search, with the matrix as it is.
fn naive_search(matrix: &SparseMatrix, shift: f64, iterations: u64) -> (f64, f64) {
    let n = matrix.starts.len() - 1;
    let dot = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| x * y).sum() };
    let product = |x: &[f64]| -> Vec<f64> {
        let row = |row: usize| {
            let own = matrix.starts[row]..matrix.starts[row + 1];
            own.map(|k| matrix.values[k] * x[matrix.columns[k] as usize]).sum()
        };
        (0..n).map(row).collect()
    };
    let mut x = vec![1.0; n];
    let (mut zeta, mut residual) = (0.0, 0.0);
    for _ in 0..iterations {
        let (mut z, mut p, mut r) = (vec![0.0; n], x.clone(), x.clone());
        for _ in 0..25 {
            let (q, before) = (product(&p), dot(&r, &r));
            let alpha = before / dot(&p, &q);
            (0..n).for_each(|i| z[i] += alpha * p[i]);
            (0..n).for_each(|i| r[i] -= alpha * q[i]);
            let beta = dot(&r, &r) / before;
            (0..n).for_each(|i| p[i] = r[i] + beta * p[i]);
        }
        let az = product(&z);
        residual = x.iter().zip(&az).map(|(x, az)| (x - az) * (x - az)).sum::<f64>().sqrt();
        zeta = shift + 1.0 / dot(&x, &z);
        let by = 1.0 / dot(&z, &z).sqrt();
        x = z.iter().map(|z| by * z).collect();
    }
    (zeta, residual)
}

#[test]
fn the_search_is_that_of_loops() {
    // The last slices are short, and of one row; n = 2 has one random place besides the own.
    for (n, nonzer, shift) in [(2, 1, 5.0), (97, 5, 8.0), (225, 3, 10.0), (1000, 7, 10.0)] {
        let matrix = makea(n, nonzer, shift);
        let found =
            InverseIteration::new(engine(), &matrix).unwrap().run(engine(), shift, 2).unwrap();
        let (zeta, residual) = naive_search(&matrix, shift, 2);
        if n > 25 {
            let error = ((found.zeta - zeta) / zeta).abs();
            assert!(error <= 1e-9, "{n} {} {zeta}", found.zeta);
            assert!((found.residual - residual).abs() <= 1e-6, "{} {residual}", found.residual);
        }
    }
}

#[test]
fn matrices_of_more_columns_than_two_bytes_can_number_are_searched_too() {
    // A diagonal, and another from corner to corner: each half of the vector meets the other.
    let n = (1 << 16) + 34;
    let row = |i: usize| [i.min(n - 1 - i), i.max(n - 1 - i)];
    let value =
        |i: usize, column: usize| if column == i { 2.0 + (i % 97) as f64 / 16.0 } else { 0.5 };
    let matrix = SparseMatrix {
        starts: (0..=n).map(|i| 2 * i).collect(),
        columns: (0..n).flat_map(|i| row(i).map(|column| column as u32)).collect(),
        values: (0..n).flat_map(|i| row(i).map(|column| value(i, column))).collect(),
    };
    let found = InverseIteration::new(engine(), &matrix).unwrap().run(engine(), 1.0, 1).unwrap();
    let (zeta, _) = naive_search(&matrix, 1.0, 1);
    assert!((found.zeta - zeta).abs() <= 1e-10 * zeta.abs(), "{} {zeta}", found.zeta);
}

#[test]
fn the_matrix_is_symmetric_and_has_the_published_number_of_elements() {
    let matrix = makea(1400, 7, 10.0);
    assert_eq!(matrix.values.len(), 78_148);
    let element = |row: usize, column: u32| {
        let own = matrix.starts[row]..matrix.starts[row + 1];
        let at = matrix.columns[own.clone()].binary_search(&column).ok()?;
        Some(matrix.values[own.start + at])
    };
    for row in 0..1400 {
        for k in matrix.starts[row]..matrix.starts[row + 1] {
            let (value, column) = (matrix.values[k], matrix.columns[k]);
            let mirrored = element(column as usize, row as u32).expect("symmetric");
            assert!((value - mirrored).abs() <= 1e-15 * value.abs());
        }
    }
}

#[test]
fn the_numbers_of_elements_are_those_that_are_made() {
    // The other classes take long without optimisation.
    let small = if cfg!(debug_assertions) { 1 } else { 3 };
    for class in &Cg::CLASSES[..small] {
        let matrix = makea(class.n, class.nonzer, class.shift);
        assert_eq!(matrix.values.len(), class.nonzeros, "{class:?}");
    }
}

#[test]
fn work_is_counted_by_hand() {
    let [cg, is] = [Cg::CLASSES[0].work(), Is::CLASSES[0].work()];
    // Each of 15 iterations: 26 products with elements of 8 and 2 bytes; of vectors, 204 are read
    // and 105 written.
    assert_eq!(cg.bytes_read, 15.0 * (26.0 * 781_480.0 + 204.0 * 11_200.0));
    assert_eq!(cg.bytes_written, 15.0 * 105.0 * 11_200.0);
    // 1400 rows of about 7 * 8 elements.
    assert_eq!(cg.flops, Some(15.0 * 2.0 * 1400.0 * (3.0 + 56.0 + 25.0 * 61.0 + 3.0)));
    // 10 rankings of 65,536 keys below 2,048.
    assert_eq!([is.bytes_read, is.bytes_written], [2_703_360.0, 163_840.0]);
    assert_eq!(is.flops, None);
    // Wide columns take 4 bytes.
    let large = Cg::CLASSES[3].work();
    let vectors = 75.0 * 204.0 * 600_000.0;
    assert_eq!(large.bytes_read, 75.0 * 26.0 * 12.0 * 13_708_072.0 + vectors);
}

#[test]
#[should_panic(expected = "3 random places of a vector of 3")]
fn so_many_different_places_are_not_to_be_had() {
    makea(3, 3, 1.0);
}
