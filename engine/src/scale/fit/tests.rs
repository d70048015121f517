//! All points are synthetic: of laws with known parameters, and noise of a seed.

use super::*;
use crate::scale::median::median;
use crate::scale::synthetic::Random;
use crate::scale::{Conditions, Counted, Estimate, Mark, Model, Work};

const SAMPLES: usize = 20;
/// The width of the noise of a sample; times are skewed.
const NOISE: f64 = 0.02;
/// The time of one worker, in seconds.
const ONE: f64 = 0.25;

/// The speed-up by a law.
fn speedup(model: Model, parameters: &[f64], workers: usize) -> f64 {
    let p = workers as f64;
    match (model, parameters) {
        (Model::Amdahl, [s]) => 1.0 / (s + (1.0 - s) / p),
        (Model::Gustafson, [s]) => s + (1.0 - s) * p,
        (Model::Universal, [a, b]) => p / (1.0 + a * (p - 1.0) + b * p * (p - 1.0)),
        _ => unreachable!("{model:?} has other parameters"),
    }
}

/// The points of a law, each of samples that are the law's time times these factors.
fn points(
    scaling: Scaling,
    model: Model,
    parameters: &[f64],
    workers: &[usize],
    mut noise: impl FnMut() -> Vec<f64>,
) -> Vec<Point> {
    let point = |workers: &usize| {
        let units = match scaling {
            Scaling::Strong => 1e6,
            Scaling::Weak => 1e6 * *workers as f64,
        };
        let time = ONE * (units / 1e6) / speedup(model, parameters, *workers);
        let samples: Vec<f64> = noise().iter().map(|factor| factor * time).collect();
        let nothing = Estimate { value: 1.0, low: 1.0, high: 1.0 };
        Point {
            workers: *workers,
            size: String::from("n=1000"),
            work: Work { units, ..Work::default() },
            runs: 1,
            time_s: median(&samples),
            samples_s: samples,
            speedup: nothing,
            efficiency: nothing,
            roof_share: None,
            fits_caches: false,
            of_rayon: None,
            counted: Counted::default(),
            conditions: Conditions::default(),
            marks: Vec::new(),
        }
    };
    workers.iter().map(point).collect()
}

fn exact(scaling: Scaling, model: Model, parameters: &[f64], workers: &[usize]) -> Vec<Point> {
    points(scaling, model, parameters, workers, || vec![1.0; SAMPLES])
}

fn strong(model: Model, parameters: &[f64], workers: &[usize]) -> Vec<Point> {
    exact(Scaling::Strong, model, parameters, workers)
}

fn fit(fits: &[Fit], model: Model) -> &Fit {
    fits.iter().find(|fit| fit.model == model).expect("this law was fitted")
}

fn holds(interval: Estimate, truth: f64) -> bool {
    interval.low <= truth && truth <= interval.high
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9 * other.abs().max(1.0)
}

fn marked(point: &mut Point, kind: MarkKind) {
    point.marks.push(Mark { kind, evidence: String::from("synthetic") });
}

#[test]
fn points_without_noise_give_the_law_itself() {
    let workers = [1, 2, 4, 8, 16];
    for (scaling, model, parameters) in [
        (Scaling::Strong, Model::Amdahl, &[0.07][..]),
        (Scaling::Strong, Model::Universal, &[0.05, 0.002]),
        (Scaling::Strong, Model::Universal, &[0.0, 0.01]),
        (Scaling::Weak, Model::Gustafson, &[0.3]),
        (Scaling::Weak, Model::Universal, &[0.1, 0.003]),
    ] {
        let points = exact(scaling, model, parameters, &workers);
        let fits = fits(scaling, &points, &[4, 64]).unwrap();
        let fit = fit(&fits, model);
        for (found, truth) in fit.parameters.iter().zip(parameters) {
            assert!(close(found.value, *truth), "{model:?}: {found:?}, {truth}");
            assert!(holds(*found, *truth) && found.low < found.high, "{model:?}: {found:?}");
        }
        let counts: Vec<usize> = fit.speedups.iter().map(|predicted| predicted.workers).collect();
        assert_eq!(counts, [1, 2, 4, 8, 16, 64], "the measured ones, then the wanted ones");
        for predicted in &fit.speedups {
            let truth = speedup(model, parameters, predicted.workers);
            assert!(close(predicted.speedup.value, truth), "{model:?}: {predicted:?}, {truth}");
        }
    }
}

#[test]
fn each_kind_of_scaling_has_its_laws() {
    let points = strong(Model::Amdahl, &[0.1], &[1, 2, 3, 4]);
    let laws = |scaling| -> Vec<Model> {
        fits(scaling, &points, &[]).unwrap().iter().map(|fit| fit.model).collect()
    };
    assert_eq!(laws(Scaling::Strong), [Model::Amdahl, Model::Universal]);
    assert_eq!(laws(Scaling::Weak), [Model::Gustafson, Model::Universal]);
}

#[test]
fn units_do_not_matter() {
    let mut points = strong(Model::Universal, &[0.03, 0.001], &[1, 2, 4, 8]);
    let plain = fits(Scaling::Strong, &points, &[]).unwrap();
    for point in &mut points {
        point.time_s = point.time_s.times(1e-9);
        point.work.units = 3e12;
    }
    let scaled = fits(Scaling::Strong, &points, &[]).unwrap();
    for (plain, scaled) in plain.iter().zip(&scaled) {
        for (plain, scaled) in plain.parameters.iter().zip(&scaled.parameters) {
            assert!(close(plain.value, scaled.value) && close(plain.high, scaled.high));
        }
    }
}

#[test]
fn perfect_scaling_has_neither_contention_nor_coherency() {
    let mut random = Random(5);
    let noise = || random.skewed(SAMPLES, NOISE, 0.0);
    let workers = [1, 2, 4, 8, 16];
    let noisy = points(Scaling::Strong, Model::Universal, &[0.0, 0.0], &workers, noise);
    for points in [strong(Model::Universal, &[0.0, 0.0], &workers), noisy] {
        for fit in fits(Scaling::Strong, &points, &[32]).unwrap() {
            for parameter in fit.parameters {
                assert!(parameter.low == 0.0 && parameter.value < 0.01, "{parameter:?}");
                assert!(parameter.high > 0.0 && parameter.high < 0.1, "{parameter:?}");
            }
            let last = fit.speedups.last().unwrap().speedup;
            assert!(holds(last, 32.0) && last.low > 10.0 && last.high < 33.0, "{last:?}");
        }
    }
}

#[test]
fn all_may_be_serial() {
    for (scaling, model) in [(Scaling::Strong, Model::Amdahl), (Scaling::Weak, Model::Gustafson)] {
        let points = exact(scaling, model, &[1.0], &[1, 2, 4, 8]);
        let fits = fits(scaling, &points, &[64]).unwrap();
        let fit = fit(&fits, model);
        let [serial] = fit.parameters[..] else { panic!("{fit:?}") };
        assert!(close(serial.value, 1.0) && serial.high == 1.0, "{serial:?}");
        assert!(serial.low < 1.0 && serial.low > 0.99, "{serial:?}");
        assert!(fit.speedups.iter().all(|predicted| predicted.speedup.value >= 1.0));
    }
}

#[test]
fn what_is_faster_than_its_workers_stays_within_the_law() {
    // Synthetic: twice the workers are 2.2 times as fast, as when their caches hold it all at last.
    let mut points = strong(Model::Amdahl, &[0.0], &[1, 2, 4, 8]);
    for (point, factor) in points.iter_mut().zip([1.0, 1.1, 1.2, 1.3]) {
        point.time_s = point.time_s.times(1.0 / factor);
    }
    for fit in fits(Scaling::Strong, &points, &[]).unwrap() {
        for parameter in fit.parameters {
            assert!(parameter.value == 0.0 && parameter.low == 0.0, "{parameter:?}");
            assert!(parameter.high > 0.005, "it does not fit, so little is known: {parameter:?}");
        }
    }
}

#[test]
fn a_retrograde_curve_has_its_peak() {
    let mut random = Random(9);
    let noise = || random.skewed(SAMPLES, NOISE, 0.0);
    let (parameters, workers) = ([0.02, 0.0038], [1, 2, 4, 8, 12, 16, 24, 32]);
    let points = points(Scaling::Strong, Model::Universal, &parameters, &workers, noise);
    let wanted: Vec<usize> = (1..=64).collect();
    let fits = fits(Scaling::Strong, &points, &wanted).unwrap();
    let fit = fit(&fits, Model::Universal);
    let best = fit
        .speedups
        .iter()
        .max_by(|one, other| one.speedup.value.total_cmp(&other.speedup.value))
        .unwrap();
    let truth = ((1.0 - parameters[0]) / parameters[1]).sqrt();
    assert!((truth - best.workers as f64).abs() <= 1.0, "{truth}: {best:?}");
}

#[test]
fn a_law_needs_more_points_than_parameters() {
    let refused = |scaling, workers: &[usize]| {
        fits(scaling, &strong(Model::Amdahl, &[0.1], workers), &[]).unwrap_err()
    };
    let needs =
        "and Amdahl's law has 2 parameters: the time of one worker, and the serial fraction";
    assert_eq!(refused(Scaling::Strong, &[1]), format!("1 point, {needs}"));
    assert_eq!(refused(Scaling::Strong, &[1, 2]), format!("2 points, {needs}"));
    assert!(refused(Scaling::Weak, &[1, 2]).contains("Gustafson's law has 2 parameters"));
    assert_eq!(refused(Scaling::Strong, &[]), format!("0 points, {needs}"));
    let three = fits(Scaling::Strong, &strong(Model::Amdahl, &[0.1], &[1, 2, 3]), &[]).unwrap();
    assert_eq!(three.len(), 1, "the Universal Scalability Law has 3 parameters");
}

#[test]
fn sixty_four_points_have_narrow_intervals() {
    let mut random = Random(11);
    let noise = || random.skewed(SAMPLES, NOISE, 0.0);
    let workers: Vec<usize> = (1..=64).collect();
    let points = points(Scaling::Strong, Model::Universal, &[0.02, 0.0005], &workers, noise);
    let fits = fits(Scaling::Strong, &points, &[]).unwrap();
    let [contention, coherency] = fit(&fits, Model::Universal).parameters[..] else { panic!() };
    assert!(holds(contention, 0.02) && contention.relative_width() < 0.2, "{contention:?}");
    assert!(holds(coherency, 0.0005) && coherency.relative_width() < 0.1, "{coherency:?}");
}

#[test]
fn points_with_more_workers_than_cpus_are_refused() {
    let mut points = strong(Model::Amdahl, &[0.1], &[1, 2, 4, 8, 16]);
    marked(&mut points[4], MarkKind::Oversubscribed);
    let refused = fits(Scaling::Strong, &points, &[]).unwrap_err();
    assert_eq!(refused, "1 of 5 points has more workers than CPUs: 16");
    marked(&mut points[3], MarkKind::Oversubscribed);
    let refused = fits(Scaling::Strong, &points, &[]).unwrap_err();
    assert_eq!(refused, "2 of 5 points have more workers than CPUs: 8, 16");
}

#[test]
fn what_is_no_rate_is_refused() {
    let mut points = strong(Model::Amdahl, &[0.1], &[1, 2, 4]);
    points[1].work.units = 0.0;
    let refused = fits(Scaling::Strong, &points, &[]).unwrap_err();
    assert!(refused.starts_with("2 workers did 0 units in "), "{refused}");
    points[1].work.units = 1.0;
    points[0].time_s = points[0].time_s.times(f64::NAN);
    assert!(fits(Scaling::Strong, &points, &[]).is_err());
}

#[test]
fn points_that_do_not_determine_a_law_are_refused() {
    let points = strong(Model::Amdahl, &[0.1], &[4, 4, 4]);
    let refused = fits(Scaling::Strong, &points, &[]).unwrap_err();
    assert_eq!(refused, "these points do not determine Amdahl");
}

#[test]
fn a_point_with_a_wide_interval_weighs_little() {
    let mut points = strong(Model::Amdahl, &[0.05], &[1, 2, 4, 8, 16]);
    let time = points[2].time_s.value * 1.2;
    points[2].time_s = Estimate { value: time, low: time * 0.7, high: time * 1.3 };
    marked(&mut points[2], MarkKind::Disturbed);
    let fits = fits(Scaling::Strong, &points, &[5]).unwrap();
    let fit = fit(&fits, Model::Amdahl);
    assert!((fit.parameters[0].value - 0.05).abs() < 1e-4, "{:?}", fit.parameters);
    let width = |workers| {
        let predicted = fit.speedups.iter().find(|predicted| predicted.workers == workers);
        predicted.unwrap().speedup.relative_width()
    };
    assert!(width(4) > 0.4 && width(5) > 0.4, "a median there would lie as widely");
    assert!(width(8) < 0.02, "{}", width(8));
}

#[test]
fn a_law_that_does_not_describe_the_points_has_wide_intervals() {
    let workers = [1, 2, 4, 8, 16];
    let width = |parameters: &[f64]| {
        let points = strong(Model::Universal, parameters, &workers);
        let fits = fits(Scaling::Strong, &points, &[32]).unwrap();
        let predicted = *fit(&fits, Model::Amdahl).speedups.last().unwrap();
        assert!(predicted.speedup.high.is_finite() && predicted.speedup.low > 0.0);
        predicted.speedup.relative_width()
    };
    let (right, wrong) = (width(&[0.05, 0.0]), width(&[0.05, 0.01]));
    assert!(wrong > 20.0 * right, "{right} {wrong}");
}

#[test]
fn even_nonsense_has_finite_intervals() {
    let mut points = strong(Model::Amdahl, &[0.1], &[1, 2, 4, 8]);
    for (point, factor) in points.iter_mut().zip([1.0, 90.0, 0.01, 5.0]) {
        point.time_s = point.time_s.times(factor);
    }
    let wide = Estimate { value: 1e3, low: 1e-9, high: 1e9 };
    points[3].time_s = wide;
    for scaling in [Scaling::Strong, Scaling::Weak] {
        for fit in fits(scaling, &points, &[1000]).unwrap_or_default() {
            let speedups = fit.speedups.iter().map(|predicted| predicted.speedup);
            for figure in fit.parameters.iter().copied().chain(speedups) {
                assert!(figure.low <= figure.value && figure.value <= figure.high, "{figure:?}");
                assert!(figure.high.is_finite() && figure.low >= 0.0, "{figure:?}");
            }
        }
    }
}

/// What is to be covered.
struct Studies {
    scaling: Scaling,
    model: Model,
    parameters: &'static [f64],
    workers: &'static [usize],
}

impl Studies {
    /// In what part of 400 synthetic studies the intervals hold: each parameter, the speed-up of
    /// twice the most workers, and a median that is measured with that many.
    fn coverage(&self) -> Vec<f64> {
        let mut random = Random(17);
        let wanted = 2 * self.workers.last().unwrap();
        let truth = speedup(self.model, self.parameters, wanted);
        let mut held = vec![0; self.parameters.len() + 2];
        for _ in 0..400 {
            let noise = || random.skewed(SAMPLES, NOISE, 0.0);
            let points = points(self.scaling, self.model, self.parameters, self.workers, noise);
            let fits = fits(self.scaling, &points, &[wanted]).unwrap();
            let fit = fit(&fits, self.model);
            let predicted = fit.speedups.last().unwrap().speedup;
            let measured = truth / median(&random.skewed(SAMPLES, NOISE, 0.0)).value;
            let parameters = fit.parameters.iter().copied().zip(self.parameters.iter().copied());
            let all = parameters.chain([(predicted, truth), (predicted, measured)]);
            for (held, (interval, truth)) in held.iter_mut().zip(all) {
                *held += usize::from(holds(interval, truth));
            }
        }
        held.iter().map(|held| *held as f64 / 400.0).collect()
    }
}

/// That the intervals hold at least as often as they claim to, up to what chance does to 400.
fn covered(scaling: Scaling, laws: &[(Model, &'static [f64])]) {
    for (model, parameters) in laws.iter().copied() {
        for workers in [&[1, 2, 4, 8, 16][..], &[1, 2, 3, 4], &[2, 4, 8, 16, 32, 64]] {
            let shares = Studies { scaling, model, parameters, workers }.coverage();
            println!("{scaling:?} {model:?} {parameters:?} at {workers:?}: {shares:.3?}");
            assert!(shares.iter().all(|share| *share >= 0.93), "{model:?} {shares:?}");
        }
    }
}

#[test]
fn intervals_of_strong_scaling_hold_what_is_true() {
    let amdahl = [&[0.0][..], &[0.05], &[1.0]].map(|parameters| (Model::Amdahl, parameters));
    covered(Scaling::Strong, &amdahl);
    covered(
        Scaling::Strong,
        &[(Model::Universal, &[0.0, 0.0]), (Model::Universal, &[0.05, 0.001])],
    );
}

#[test]
fn intervals_of_weak_scaling_hold_what_is_true() {
    covered(Scaling::Weak, &[(Model::Gustafson, &[0.0]), (Model::Gustafson, &[0.5])]);
    covered(Scaling::Weak, &[(Model::Universal, &[0.0, 0.002]), (Model::Universal, &[0.1, 0.02])]);
}
