//! `sum_exact` against integers of any length.

use crate::data::{array, engine, length, mixed};
use gristmill::Reduce;
use gristmill_kernels::{ExactSum, SumExact};
use num_bigint::BigInt;
use proptest::prelude::*;

/// The number in units of 2^-1074, the least subnormal.
fn units(x: f64) -> BigInt {
    let exponent = ((x.to_bits() >> 52) & 0x7ff) as u32;
    let fraction = x.to_bits() & ((1 << 52) - 1);
    let (mantissa, shift) =
        if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) };
    let magnitude = BigInt::from(mantissa) << shift;
    if x < 0.0 { -magnitude } else { magnitude }
}

/// Whether `rounded` is the number of `precision` bits nearest to `exact`, ties to even: it is no
/// farther away than either of its neighbours, and even if as far.
fn is_nearest(exact: &BigInt, rounded: f64, below: f64, above: f64, even: bool) -> bool {
    let away = |x: f64| -> BigInt {
        // The place of infinity in rounding is that of the next power of two.
        let x = if x.is_infinite() {
            let limit: BigInt = BigInt::from(1) << (1024 + 1074);
            if x > 0.0 { limit } else { -limit }
        } else {
            units(x)
        };
        let distance = exact - x;
        if distance < BigInt::ZERO { -distance } else { distance }
    };
    [below, above].into_iter().all(|other| {
        let (own, other) = (away(rounded), away(other));
        own < other || (own == other && even)
    })
}

fn check_f64(numbers: &[f64], sum: &ExactSum) {
    let exact: BigInt = numbers.iter().map(|x| units(*x)).sum();
    let rounded = sum.to_f64();
    let even = rounded.to_bits() & 1 == 0;
    if rounded.is_infinite() {
        let limit: BigInt = (BigInt::from(1) << (1024 + 1074)) - (BigInt::from(1) << (970 + 1074));
        assert!(exact >= limit || exact <= -limit, "{rounded} of {numbers:?}");
        return;
    }
    let (below, above) = (rounded.next_down(), rounded.next_up());
    assert!(is_nearest(&exact, rounded, below, above, even), "{rounded:e} of {numbers:?}");
}

fn check_f32(numbers: &[f64], sum: &ExactSum) {
    let exact: BigInt = numbers.iter().map(|x| units(*x)).sum();
    let rounded = sum.to_f32();
    if rounded.is_infinite() {
        // Half a unit above the greatest; the tie goes to infinity, as the greatest is odd.
        let limit: BigInt = (BigInt::from(1) << (128 + 1074)) - (BigInt::from(1) << (103 + 1074));
        assert!(exact >= limit || exact <= -limit, "{rounded} of {numbers:?}");
        return;
    }
    let even = rounded.to_bits() & 1 == 0;
    let wide = |x: f32| if x.is_infinite() { 2f64.powi(128).copysign(x.into()) } else { x.into() };
    let (below, above) = (wide(rounded.next_down()), wide(rounded.next_up()));
    assert!(is_nearest(&exact, rounded.into(), below, above, even), "{rounded:e} of {numbers:?}");
}

/// Finite numbers of every magnitude, and many of neighbouring magnitudes.
fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |x| x.is_finite()),
        -1e3f64..1e3,
        (-60i32..60, any::<bool>()).prop_map(|(e, s)| 2f64.powi(e) * if s { -1.0 } else { 1.0 }),
        Just(f64::MAX),
        Just(f64::from(f32::MAX)),
        (100i32..105).prop_map(|exponent| 2f64.powi(exponent)),
        Just(f64::MIN_POSITIVE),
        Just(5e-324),
        (0u64..1 << 52).prop_map(f64::from_bits),
    ]
}

/// Arrays of one character: of like or of unlike magnitudes, tiny or huge, some with zeros.
fn long() -> impl Strategy<Value = Vec<f64>> {
    let number: [fn(u64, usize) -> f64; 7] = [
        |seed, i| (mixed(i + seed as usize)).sin(),
        |seed, i| mixed(i + seed as usize),
        |seed, i| mixed(i).powi(3) * 2f64.powi(seed as i32 % 900 - 450),
        |seed, i| f64::from_bits(mixed(i).to_bits().rotate_left(seed as u32 % 64)),
        |_, i| mixed(i) * 1e-310,
        |_, i| mixed(i).signum() * f64::MAX * (1.0 - 0.1 * mixed(i).sin().abs()),
        |seed, i| if (i as u64 + seed).is_multiple_of(3) { -0.0 } else { mixed(i) },
    ];
    (length(), 0..number.len(), any::<u32>()).prop_map(move |(length, which, seed)| {
        (0..length).map(|i| number[which](seed.into(), i)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_kernel_sums_as_one_at_a_time_does(numbers in long()) {
        let own = engine().run(&SumExact::new(), &array(&numbers)).unwrap().to_f64();
        let expected = numbers.iter().copied().collect::<ExactSum>().to_f64();
        prop_assert!(own.to_bits() == expected.to_bits() || own.is_nan() && expected.is_nan());
        let narrow: Vec<f32> = numbers.iter().map(|x| *x as f32).collect();
        let own = engine().run(&SumExact::new(), &array(&narrow)).unwrap().to_f32();
        let expected = narrow.iter().map(|x| f64::from(*x)).collect::<ExactSum>().to_f32();
        prop_assert!(own.to_bits() == expected.to_bits() || own.is_nan() && expected.is_nan());
    }

    #[test]
    fn one_at_a_time(numbers in prop::collection::vec(finite(), 0..60)) {
        let sum: ExactSum = numbers.iter().copied().collect();
        check_f64(&numbers, &sum);
        check_f32(&numbers, &sum);
    }

    #[test]
    fn the_kernel_is_exact(numbers in prop::collection::vec(-1e6f64..1e6, 0..2000)) {
        check_f64(&numbers, &engine().run(&SumExact::new(), &array(&numbers)).unwrap());
        let wide: Vec<f64> = numbers.iter().map(|x| x * x * x / 1e12).collect();
        check_f64(&wide, &engine().run(&SumExact::new(), &array(&wide)).unwrap());
    }

    #[test]
    fn in_any_order_and_grouping(
        numbers in prop::collection::vec(finite(), 1..60),
        cut in 0usize..60,
    ) {
        let whole: ExactSum = numbers.iter().copied().collect();
        let (left, right) = numbers.split_at(cut.min(numbers.len()));
        let left: ExactSum = left.iter().rev().copied().collect();
        let right: ExactSum = right.iter().copied().collect();
        prop_assert_eq!(right.combine(left).to_f64().to_bits(), whole.to_f64().to_bits());
    }

    #[test]
    fn what_cancels_is_gone(numbers in prop::collection::vec(finite(), 0..60), rest in finite()) {
        let mut sum: ExactSum = numbers.iter().copied().collect();
        sum.add(rest);
        sum.extend(numbers.iter().map(|x| -x));
        prop_assert_eq!(sum.to_f64(), rest);
    }
}

#[test]
fn ties_go_to_even() {
    let of = |numbers: &[f64]| numbers.iter().copied().collect::<ExactSum>();
    let half = f64::EPSILON / 2.0;
    assert_eq!(of(&[1.0, half]).to_f64(), 1.0);
    assert_eq!(of(&[1.0, half, 5e-324]).to_f64(), 1.0 + f64::EPSILON);
    assert_eq!(of(&[1.0, f64::EPSILON, half]).to_f64(), 1.0 + 2.0 * f64::EPSILON);
    assert_eq!(of(&[1.0, 2f64.powi(-24)]).to_f32(), 1.0);
    // To f64 first and then to f32 would give 1.
    assert_eq!(of(&[1.0, 2f64.powi(-24), 2f64.powi(-80)]).to_f32(), 1.0 + f32::EPSILON);
}

#[test]
fn overflow_happens_at_the_end_only() {
    let of = |numbers: &[f64]| numbers.iter().copied().collect::<ExactSum>();
    assert_eq!(of(&[f64::MAX, f64::MAX, -f64::MAX]).to_f64(), f64::MAX);
    assert_eq!(of(&[f64::MAX, f64::MAX]).to_f64(), f64::INFINITY);
    assert_eq!(of(&[f64::MAX, 2f64.powi(969)]).to_f64(), f64::MAX);
    assert_eq!(of(&[f64::MAX, 2f64.powi(970)]).to_f64(), f64::INFINITY);
    assert_eq!(of(&[-f64::MAX, -f64::MAX]).to_f64(), f64::NEG_INFINITY);
    assert_eq!(of(&[1e39]).to_f32(), f32::INFINITY);
    let greatest = f64::from(f32::MAX);
    assert_eq!(of(&[greatest, 2f64.powi(102)]).to_f32(), f32::MAX);
    assert_eq!(of(&[greatest, 2f64.powi(103), -1.0]).to_f32(), f32::MAX);
    assert_eq!(of(&[greatest, 2f64.powi(103)]).to_f32(), f32::INFINITY);
    assert_eq!(of(&[1e-46]).to_f32().to_bits(), 0);
    assert_eq!(of(&[-1e-46]).to_f32().to_bits(), (-0f32).to_bits());
}

#[test]
fn zeros_infinities_and_nan() {
    let bits = |numbers: &[f64]| numbers.iter().copied().collect::<ExactSum>().to_f64().to_bits();
    assert_eq!(bits(&[]), 0f64.to_bits());
    assert_eq!(bits(&[-0.0, -0.0]), (-0f64).to_bits());
    assert_eq!(bits(&[-0.0, 0.0]), 0f64.to_bits());
    assert_eq!(bits(&[1.0, -1.0]), 0f64.to_bits());
    assert_eq!(bits(&[-0.0, 1.0, -1.0]), 0f64.to_bits());
    assert_eq!(bits(&[f64::INFINITY, -f64::MAX]), f64::INFINITY.to_bits());
    assert_eq!(bits(&[f64::NEG_INFINITY, 1.0]), f64::NEG_INFINITY.to_bits());
    assert!(f64::from_bits(bits(&[f64::NEG_INFINITY, f64::INFINITY])).is_nan());
    assert!(f64::from_bits(bits(&[f64::NAN, f64::INFINITY])).is_nan());
}

#[test]
fn the_kernel_knows_the_zeros_of_long_arrays() {
    let bits = |x: &[f64]| engine().run(&SumExact::new(), &array(x)).unwrap().to_f64().to_bits();
    for length in [1, 1023, 1024, 1025, 5000, 20_000] {
        let mut x = vec![-0.0; length];
        assert_eq!(bits(&x), (-0f64).to_bits(), "{length}");
        for place in [0, length / 2, length - 1] {
            x[place] = 0.0;
            assert_eq!(bits(&x), 0, "{length}, {place}");
            x[place] = -1.5;
            assert_eq!(bits(&x), (-1.5f64).to_bits(), "{length}, {place}");
            x[place] = -0.0;
        }
        assert_eq!(bits(&vec![0.0; length]), 0, "{length}");
    }
}

#[test]
fn carries_last_for_millions_of_the_greatest_number() {
    let mut sum = ExactSum::new();
    (0..1_000_000).for_each(|_| sum.add(f64::MAX));
    (0..1_000_000).for_each(|_| sum.add(-f64::MAX));
    sum.add(1.0);
    assert_eq!(sum.to_f64(), 1.0);
}
