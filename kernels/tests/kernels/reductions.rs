//! Reductions against loops over ordinary vectors.

use crate::data::{array, engine, near, numbers, same, tame, wild};
use gristmill_kernels::{
    ArgMax, ArgMin, Dot, Found, Max, Mean, Min, Norm2, Prod, Sum, SumExact, Summary, Variance,
};
use num_complex::Complex32;
use proptest::prelude::*;

/// The first place where no later element is better; the first NaN if there is one.
fn first_best(x: &[f64], better: fn(f64, f64) -> bool) -> Option<usize> {
    let nan = x.iter().position(|x| x.is_nan());
    nan.or_else(|| (0..x.len()).reduce(|best, i| if better(x[i], x[best]) { i } else { best }))
}

fn absolute_sum(x: &[f64]) -> f64 {
    x.iter().map(|x| x.abs()).sum()
}

/// How far a plain loop that adds these numbers may be off.
fn slack(x: &[f64]) -> f64 {
    x.len() as f64 * f64::EPSILON * absolute_sum(x)
}

/// Mean and sum of squares about it, in two passes.
fn two_passes(x: &[f64]) -> (f64, f64) {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    (mean, x.iter().map(|x| (x - mean).powi(2)).sum())
}

/// Kept from overflow, which depends on the order, by leaving the greatest finite ones out. What
/// is not finite stays.
fn without_overflow(x: Vec<f64>) -> Vec<f64> {
    x.into_iter().filter(|x| !x.is_finite() || x.abs() < 1e100).collect()
}

/// Factors whose products are the same in any order: signs, and rarely what swallows the others.
fn units_and_what_is_not_finite() -> impl Strategy<Value = f64> {
    prop_oneof![
        300 => prop_oneof![Just(1.0), Just(-1.0)],
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => prop_oneof![Just(0.0), Just(-0.0)],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sum_mean_and_dot(x in numbers(tame())) {
        let (one, tolerance) = (array(&x), slack(&x));
        let naive: f64 = x.iter().sum();
        prop_assert!(near(engine().run(&Sum::new(), &one).unwrap(), naive, tolerance));
        prop_assert_eq!(
            engine().run(&Sum::new(), &one).unwrap().to_bits(),
            engine().sum(&one).unwrap().to_bits()
        );
        let mean = engine().run(&Mean::new(), &one).unwrap();
        prop_assert_eq!(mean.count, x.len() as u64);
        prop_assert!(near(mean.mean(), naive / x.len() as f64, tolerance));
        let y: Vec<f64> = x.iter().rev().copied().collect();
        let products: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x * y).collect();
        let dot = engine().run(&Dot::new(), (&one, &array(&y))).unwrap();
        prop_assert!(near(dot, products.iter().sum(), slack(&products)));
    }

    // Of so many factors that are no closer to 1 the product would be too small to be normal.
    #[test]
    fn products(x in numbers(prop_oneof![0.999f64..1.001, -1.001f64..-0.999])) {
        let naive: f64 = x.iter().product();
        let product = engine().run(&Prod::new(), &array(&x)).unwrap();
        prop_assert!(near(product, naive, 1e-10 * naive.abs()));
        let whole: Vec<u32> = x.iter().map(|x| (x * 1e6) as i64 as u32 | 1).collect();
        let naive = whole.iter().fold(1u32, |product, x| product.wrapping_mul(*x));
        prop_assert_eq!(engine().run(&Prod::new(), &array(&whole)).unwrap(), naive);
    }

    #[test]
    fn extremes_and_their_places(x in numbers(wild())) {
        let one = array(&x);
        let (least, greatest) = (first_best(&x, |a, b| a < b), first_best(&x, |a, b| a > b));
        let min = engine().run(&Min::new(), &one).unwrap();
        let max = engine().run(&Max::new(), &one).unwrap();
        prop_assert!(same(min, least.map_or(f64::INFINITY, |i| x[i])));
        prop_assert!(same(max, greatest.map_or(f64::NEG_INFINITY, |i| x[i])));
        let found = engine().run(&ArgMin::new(), &one).unwrap();
        prop_assert_eq!(found.map(|found| found.index), least);
        let found = engine().run(&ArgMax::new(), &one).unwrap();
        prop_assert_eq!(found.map(|found| found.index), greatest);
        if let Some(Found { index, value }) = found {
            prop_assert_eq!(value.to_bits(), x[index].to_bits());
        }
    }

    #[test]
    fn integers_have_extremes_too(x in prop::collection::vec(any::<i8>(), 1..500)) {
        let one = array(&x);
        prop_assert_eq!(engine().run(&Min::new(), &one).unwrap(), *x.iter().min().unwrap());
        let found = engine().run(&ArgMax::new(), &one).unwrap().unwrap();
        let greatest = *x.iter().max().unwrap();
        let index = x.iter().position(|x| *x == greatest).unwrap();
        prop_assert_eq!(found, Found { index, value: greatest });
    }

    #[test]
    fn variance_is_stable(x in numbers(tame()), offset in prop_oneof![Just(0.0), Just(1e9)]) {
        let x: Vec<f64> = x.iter().map(|x| x + offset).collect();
        let moments = engine().run(&Variance::new(), &array(&x)).unwrap();
        prop_assert_eq!(moments.count(), x.len() as u64);
        if x.is_empty() {
            prop_assert!(moments.mean().is_nan() && moments.variance().is_nan());
            return Ok(());
        }
        let (mean, squares) = two_passes(&x);
        let mean_slack = slack(&x) / x.len() as f64;
        prop_assert!(near(moments.mean(), mean, mean_slack));
        // The naive mean is off too: its error, squared, per element.
        let tolerance = 1e-11 * squares + x.len() as f64 * mean_slack.powi(2);
        let own = moments.variance() * x.len() as f64;
        prop_assert!(near(own, squares, tolerance), "{own} {squares}");
        if x.len() > 1 {
            let own = moments.sample_variance() * (x.len() - 1) as f64;
            prop_assert!(near(own, squares, tolerance));
        }
    }

    #[test]
    fn what_is_not_finite_comes_through(x in numbers(wild())) {
        let x = without_overflow(x);
        let one = array(&x);
        let naive: f64 = x.iter().sum();
        if naive.is_finite() {
            return Ok(());
        }
        prop_assert!(same(engine().run(&Sum::new(), &one).unwrap(), naive));
        prop_assert!(same(engine().sum(&one).unwrap(), naive));
        prop_assert!(same(engine().run(&SumExact::new(), &one).unwrap().to_f64(), naive));
        prop_assert!(same(engine().run(&Mean::new(), &one).unwrap().mean(), naive));
        let moments = engine().run(&Variance::new(), &one).unwrap();
        prop_assert!(same(moments.mean(), naive), "{} {naive}", moments.mean());
        prop_assert!(moments.variance().is_nan() && moments.sample_variance().is_nan());
        let nan = x.iter().any(|x| x.is_nan());
        let norm = engine().run(&Norm2::new(), &one).unwrap().norm();
        prop_assert!(same(norm, if nan { f64::NAN } else { f64::INFINITY }), "{norm}");
    }

    #[test]
    fn what_is_not_finite_comes_through_products_of_pairs(
        x in numbers(wild()),
        turn in 0usize..300,
    ) {
        let x = without_overflow(x);
        // Other partners, so that infinities meet zeros, and signs meet signs.
        let y: Vec<f64> = (0..x.len()).map(|i| x[(i + turn) % x.len()]).collect();
        let naive: f64 = x.iter().zip(&y).map(|(x, y)| x * y).sum();
        let dot = engine().run(&Dot::new(), (&array(&x), &array(&y))).unwrap();
        if naive.is_finite() {
            let absolute: f64 = x.iter().zip(&y).map(|(x, y)| (x * y).abs()).sum();
            prop_assert!(near(dot, naive, x.len() as f64 * f64::EPSILON * absolute));
        } else {
            prop_assert!(same(dot, naive), "{dot} {naive}");
        }
    }

    #[test]
    fn what_is_not_finite_comes_through_products(x in numbers(units_and_what_is_not_finite())) {
        let naive: f64 = x.iter().product();
        let product = engine().run(&Prod::new(), &array(&x)).unwrap();
        prop_assert!(product.to_bits() == naive.to_bits() || product.is_nan() && naive.is_nan());
    }

    #[test]
    fn norms_neither_overflow_nor_underflow(
        x in numbers(tame()),
        exponent in prop_oneof![Just(0), Just(-1040), Just(-520), Just(490), Just(990)],
    ) {
        // Exact but for what becomes subnormal.
        let scaled: Vec<f64> = x.iter().map(|x| scale(*x, exponent)).collect();
        let back: Vec<f64> = scaled.iter().map(|x| scale(*x, -exponent)).collect();
        let naive = back.iter().map(|x| x * x).sum::<f64>().sqrt();
        let norm = engine().run(&Norm2::new(), &array(&scaled)).unwrap().norm();
        let (norm, half) = (scale(norm, -exponent), scale(5e-324, -exponent));
        prop_assert!(near(norm, naive, 1e-11 * naive + half), "{norm} {naive}");
    }

    #[test]
    fn summaries(x in numbers(wild())) {
        let x = without_overflow(x);
        let seen = engine().run(&Summary::new(), &array(&x)).unwrap();
        let numbers: Vec<f64> = x.iter().copied().filter(|x| !x.is_nan()).collect();
        prop_assert_eq!(seen.count(), numbers.len() as u64);
        prop_assert_eq!(seen.nan_count(), (x.len() - numbers.len()) as u64);
        if numbers.is_empty() {
            prop_assert!([seen.min(), seen.max(), seen.mean()].iter().all(|x| x.is_nan()));
            return Ok(());
        }
        prop_assert_eq!(seen.min(), numbers.iter().copied().fold(f64::INFINITY, f64::min));
        prop_assert_eq!(seen.max(), numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        let (mean, squares) = two_passes(&numbers);
        let mean_slack = slack(&numbers) / numbers.len() as f64;
        prop_assert!(near(seen.mean(), mean, mean_slack));
        let (variance, naive) = (seen.moments().variance(), squares / numbers.len() as f64);
        prop_assert!(near(variance, naive, 1e-11 * naive + mean_slack.powi(2)));
        prop_assert!(same(seen.standard_deviation(), variance.sqrt()));
    }
}

/// x times 2^exponent, in two steps where one would overflow.
fn scale(x: f64, exponent: i32) -> f64 {
    x * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
}

#[test]
fn constant_data_do_not_vary() {
    for constant in [0.1, 1e9 + 0.3, 1e300, 5e-324] {
        let moments = engine().run(&Variance::new(), &array(&vec![constant; 10_001])).unwrap();
        assert_eq!((moments.mean(), moments.variance()), (constant, 0.0));
    }
}

#[test]
fn means_of_the_greatest_numbers_do_not_overflow() {
    let x: Vec<f64> = (0..9000).map(|i| if i < 4500 { f64::MAX } else { -f64::MAX }).collect();
    let moments = engine().run(&Variance::new(), &array(&x)).unwrap();
    assert!(moments.mean().abs() < f64::MAX * 1e-10, "{}", moments.mean());
    let moments = engine().run(&Variance::new(), &array(&vec![f64::MAX; 5000])).unwrap();
    assert_eq!(moments.mean(), f64::MAX);
}

#[test]
fn variances_overflow_to_infinity_and_underflow_to_zero() {
    for length in [2, 3, 1000, 5000, 100_001] {
        for (size, variance) in [(1.7e308, f64::INFINITY), (1e200, f64::INFINITY), (1e-200, 0.0)] {
            let x: Vec<f64> = (0..length).map(|i| if i % 2 == 0 { size } else { -size }).collect();
            let moments = engine().run(&Variance::new(), &array(&x)).unwrap();
            assert_eq!(moments.variance(), variance, "{length} of {size}");
            assert_eq!(moments.standard_deviation(), variance, "{length} of {size}");
            assert!(moments.mean().abs() <= size, "{}", moments.mean());
            let seen = engine().run(&Summary::new(), &array(&x)).unwrap();
            assert_eq!(seen.standard_deviation(), variance, "{length} of {size}");
        }
    }
}

#[test]
fn norms_know_nan() {
    let of = |x: &[f64]| engine().run(&Norm2::new(), &array(x)).unwrap().norm();
    assert!(of(&[1e-300, f64::NAN]).is_nan());
    assert!(of(&[1e300, f64::NAN, f64::INFINITY]).is_nan());
    assert_eq!(of(&[]), 0.0);
    assert_eq!(of(&[0.0; 5000]), 0.0);
    assert_eq!(of(&[5e-324]), 5e-324);
}

#[test]
fn narrow_and_complex_elements() {
    let x: Vec<f32> = (0..10_000).map(|i| (i as f32).sin() * 1e20).collect();
    let wide: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
    let naive: f64 = wide.iter().map(|x| x * x).sum();
    let dot = engine().run(&Dot::new(), (&array(&x), &array(&x))).unwrap();
    assert!(near(dot, naive, 1e-12 * naive));
    let exact = engine().run(&SumExact::new(), &array(&x)).unwrap();
    let same = engine().run(&SumExact::new(), &array(&wide)).unwrap();
    assert_eq!(exact.to_f64().to_bits(), same.to_f64().to_bits());
    let (z, w) = (Complex32::new(1.0, 2.0), Complex32::new(3.0, -1.0));
    let dot = engine().run(&Dot::new(), (&array(&[z, z]), &array(&[w, w]))).unwrap();
    assert_eq!(dot, (2.0, -14.0)); // twice (1 - 2i)(3 - i)
}
