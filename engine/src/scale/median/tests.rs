//! Intervals hold the truth as often as they say, on samples that are made up.

use super::*;
use crate::scale::synthetic::Random;

/// The part of 2000 synthetic cases in which an interval holds what is true, printed too.
fn coverage(what: &str, truth: f64, mut case: impl FnMut(&mut Random) -> Estimate) -> f64 {
    let mut random = Random(1);
    let held = (0..2000).filter(|_| {
        let found = case(&mut random);
        found.low <= truth && truth <= found.high
    });
    let share = held.count() as f64 / 2000.0;
    println!("{what}: {:.1} %", share * 100.0);
    share
}

/// The probability that the interval at this rank misses the median, by summing.
fn misses(count: usize, rank: usize) -> f64 {
    let mut term = 0.5_f64.powi(count as i32);
    let mut sum = 0.0;
    for below in 0..rank {
        sum += term;
        term *= (count - below) as f64 / (below + 1) as f64;
    }
    2.0 * sum
}

#[test]
fn ranks_are_the_narrowest_that_hold() {
    for count in ENOUGH..=1000 {
        let rank = rank(count);
        assert!(misses(count, rank) <= 0.05, "{rank} of {count}");
        assert!(misses(count, rank + 1) > 0.05, "{rank} of {count}");
    }
    // As in the tables of Hahn and Meeker.
    assert_eq!([6, 8, 9, 20, 100].map(rank), [1, 1, 2, 6, 40]);
    // So many that a half to their power is 0. The standard deviation is 50, and 1.96 of it are 98.
    assert_eq!(rank(10_000), 4902);
}

#[test]
fn coverage_is_as_documented() {
    for (count, percent) in [(2, 50.0), (3, 75.0), (4, 87.5), (5, 93.75), (6, 96.9), (10, 97.9)] {
        assert!(((1.0 - misses(count, 1.max(rank(count)))) * 100.0 - percent).abs() < 0.06);
    }
    for (count, percent) in [(20, 95.9), (101, 95.4)] {
        assert!(((1.0 - misses(count, rank(count))) * 100.0 - percent).abs() < 0.06, "{count}");
    }
}

#[test]
fn a_median_and_its_ends_are_samples() {
    let samples = [9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0];
    assert_eq!(median(&samples), Estimate { value: 5.0, low: 2.0, high: 8.0 });
    assert_eq!(median(&samples[..8]), Estimate { value: 5.0, low: 1.0, high: 9.0 });
}

#[test]
fn one_sample_has_an_interval_without_width() {
    assert_eq!(median(&[3.0]), Estimate { value: 3.0, low: 3.0, high: 3.0 });
    assert_eq!(ratio_of_medians(&[3.0], &[2.0]), Estimate { value: 1.5, low: 1.5, high: 1.5 });
    assert_eq!(median(&[3.0, 1.0]), Estimate { value: 2.0, low: 1.0, high: 3.0 });
}

#[test]
fn ties_are_held() {
    assert_eq!(median(&[2.0; 30]), Estimate { value: 2.0, low: 2.0, high: 2.0 });
    let mut samples = vec![1.0; 20];
    samples.extend([5.0; 10]);
    assert_eq!(median(&samples), Estimate { value: 1.0, low: 1.0, high: 5.0 });
    assert_eq!(ratio_of_medians(&[2.0; 30], &[4.0; 9]).high, 0.5);
}

#[test]
fn medians_of_skewed_samples_are_held_by_their_intervals() {
    for count in [6, 20, 101] {
        let share =
            coverage(&format!("{count} samples"), 1.0, |r| median(&r.skewed(count, 0.3, 0.0)));
        assert!(share > 0.94, "{count}: {share}");
    }
    let outliers = |random: &mut Random| {
        let sample = |random: &mut Random| 1.0 / random.even().powi(3);
        median(&(0..20).map(|_| sample(random)).collect::<Vec<_>>())
    };
    assert!(coverage("samples without a mean", 8.0, outliers) > 0.94);
}

#[test]
fn what_changes_from_round_to_round_cancels_in_pairs() {
    let rounds: Vec<f64> = (0..30).map(|round| 1.0 + f64::from(round) / 10.0).collect();
    let slower: Vec<f64> = rounds.iter().map(|time| 1.5 * time).collect();
    let found = ratio_of_pairs(&slower, &rounds);
    assert!((found.low - 1.5).abs() < 1e-12 && (found.high - 1.5).abs() < 1e-12, "{found:?}");
    let apart = ratio_of_medians(&slower, &rounds);
    assert!(apart.low < 1.0 && apart.high > 2.0, "a drift may be anything: {apart:?}");
}

#[test]
#[should_panic(expected = "same rounds")]
fn pairs_have_as_many_on_either_side() {
    ratio_of_pairs(&[1.0], &[1.0, 2.0]);
}

#[test]
fn ratios_of_skewed_medians_are_held_by_their_intervals() {
    for (count, least) in [(6, 0.95), (20, 0.95), (101, 0.95)] {
        let share = coverage(&format!("ratios of {count}"), 2.0, |random| {
            let later: Vec<f64> =
                random.skewed(count, 0.1, 0.0).iter().map(|time| 2.0 * time).collect();
            ratio_of_medians(&later, &random.skewed(count + 3, 0.1, 0.0))
        });
        assert!(share > least, "{count}: {share}");
    }
}

#[test]
fn samples_that_depend_on_each_other_widen_ratios() {
    for (correlation, count, least) in
        [(0.6, 20, 0.87), (0.6, 50, 0.93), (0.6, 101, 0.93), (0.8, 101, 0.87)]
    {
        let what = format!("ratios of {count} with a correlation of {correlation}");
        let share = coverage(&what, 1.0, |random| {
            let later = random.skewed(count, 0.1, correlation);
            ratio_of_medians(&later, &random.skewed(count, 0.1, correlation))
        });
        assert!(share > least, "{what}: {share}");
    }
}

#[test]
fn independent_samples_hardly_widen_ratios() {
    let mut random = Random(3);
    let (mut wide, mut plain) = (0.0, 0.0);
    for _ in 0..500 {
        let samples = random.skewed(50, 0.1, 0.0);
        wide += median_in_time(&samples).relative_width();
        plain += median(&samples).relative_width();
    }
    println!("wider by {:.0} %", (wide / plain - 1.0) * 100.0);
    assert!(wide / plain < 1.25, "{wide} {plain}");
}
