//! Studies that were not measured: made up from laws, for tests of pictures and of the page.

use super::estimate::Estimate;
use super::results::{
    Conditions, Counted, Curve, Fit, Mark, MarkKind, Method, Model, Point, Predicted, Results,
    Roof, Runtime, SCHEMA, Scaling, StudiedMachine,
};
use crate::batch::Work;

/// An estimate whose interval reaches so far to both sides, as a part of it.
pub(crate) fn about(value: f64, part: f64) -> Estimate {
    Estimate { value, low: value * (1.0 - part), high: value * (1.0 + part) }
}

/// A study of no curves on a machine of so many CPUs, with roofs that bend where memory is full.
pub(crate) fn study(workers: &[usize], cpus: usize) -> Results {
    let roof = |workers: usize| {
        let busy = workers.min(cpus) as f64;
        let read = 14e9 * busy / (1.0 + 0.12 * (busy - 1.0));
        Roof {
            workers,
            read_bytes_per_s: read,
            triad_bytes_per_s: read * 0.85,
            flops_per_s: 36e9 * busy,
        }
    };
    Results {
        schema: SCHEMA.to_owned(),
        engine: "0.0.0-synthetic".to_owned(),
        begun: "2000-01-01T00:00:00Z".to_owned(),
        machine: StudiedMachine {
            cpu: "Synthetic CPU 9000 <not a real one>".to_owned(),
            architecture: "x86_64".to_owned(),
            linux: "6.1.0-synthetic".to_owned(),
            cpus: (0..cpus).collect(),
            cores: cpus,
            nodes: 1,
            last_cache_bytes: 32 << 20,
            memory_bytes: 64 << 30,
            is_virtual: true,
        },
        method: Method {
            scaling: Scaling::Strong,
            precision: 0.02,
            confidence: 0.95,
            time_s: 60.0,
            took_s: 41.5,
            command: None,
            workers: workers.to_vec(),
        },
        roofs: workers.iter().copied().map(roof).collect(),
        curves: vec![],
        findings: vec![],
    }
}

/// What a curve is made up from.
pub(crate) struct Law {
    pub(crate) subject: &'static str,
    pub(crate) runtime: Runtime,
    pub(crate) contention: f64,
    pub(crate) coherency: f64,
    /// Seconds with one worker.
    pub(crate) time_s: f64,
    /// Operations for each byte.
    pub(crate) intensity: Option<f64>,
}

impl Law {
    /// The speed-up by the Universal Scalability Law.
    fn speedup(&self, workers: usize) -> f64 {
        let p = workers as f64;
        p / (1.0 + self.contention * (p - 1.0) + self.coherency * p * (p - 1.0))
    }

    /// The curve for the study's numbers of workers; those beyond its CPUs are marked.
    pub(crate) fn curve(&self, results: &Results) -> Curve {
        let least = results.method.workers.first().copied().unwrap_or(1);
        let scale = self.speedup(least) / least as f64;
        // So much that neither memory nor arithmetic does more.
        let rate = self.intensity.map_or(10e9, |intensity| (30e9 / intensity).min(10e9));
        let bytes = rate * self.time_s;
        let is_weak = results.method.scaling == Scaling::Weak;
        let point = |(at, workers): (usize, &usize)| {
            let speedup = self.speedup(*workers) / scale;
            let times_work = if is_weak { *workers as f64 } else { 1.0 };
            let time_s = self.time_s * times_work / self.speedup(*workers);
            let part = if *workers == least { 0.0 } else { 0.008 + 0.004 * (at % 3) as f64 };
            let work = Work {
                footprint: None,
                bytes_read: bytes * 0.6 * times_work,
                bytes_written: bytes * 0.4 * times_work,
                flops: self.intensity.map(|intensity| bytes * intensity * times_work),
                units: times_work,
            };
            let is_over = *workers > results.machine.cpus.len();
            let roof = results.roofs.iter().find(|roof| roof.workers == *workers);
            let share = roof.zip(work.intensity()).map(|(roof, intensity)| {
                let most = roof.flops_per_s.min(intensity * roof.triad_bytes_per_s);
                work.flops.unwrap_or(0.0) / time_s / most
            });
            Point {
                workers: *workers,
                size: format!("{} M elements", 10.0 * times_work),
                work,
                runs: 3,
                samples_s: vec![time_s * 0.99, time_s, time_s * 1.01],
                time_s: about(time_s, 0.01),
                speedup: about(speedup, part),
                efficiency: about(speedup / *workers as f64, part),
                roof_share: share,
                fits_caches: false,
                of_rayon: None,
                counted: Counted::default(),
                conditions: Conditions { measured_s: 1.5, ..Conditions::default() },
                marks: is_over.then(|| oversubscribed(*workers)).into_iter().collect(),
            }
        };
        Curve {
            subject: self.subject.to_owned(),
            size: "10 M elements".to_owned(),
            runtime: self.runtime,
            points: results.method.workers.iter().enumerate().map(point).collect(),
            fits: vec![],
            no_fit: Some("there are too few points (synthetic)".to_owned()),
        }
    }

    /// Fits by the law itself, with an interval that widens; predictions to twice the last count.
    pub(crate) fn fits(&self, results: &Results) -> Vec<Fit> {
        let last = results.method.workers.last().copied().unwrap_or(1);
        let mut workers = results.method.workers.clone();
        workers.extend([last + last / 2, last * 2]);
        let predicted = |law: &Law| {
            let at = |workers: &usize| Predicted {
                workers: *workers,
                speedup: about(law.speedup(*workers), 0.02 + 0.001 * *workers as f64),
            };
            workers.iter().map(at).collect()
        };
        let amdahl = Law { coherency: 0.0, ..*self };
        let is_weak = results.method.scaling == Scaling::Weak;
        vec![
            Fit {
                model: if is_weak { Model::Gustafson } else { Model::Amdahl },
                parameters: vec![about(self.contention, 0.15)],
                speedups: predicted(&amdahl),
            },
            Fit {
                model: Model::Universal,
                parameters: vec![about(self.contention, 0.1), about(self.coherency, 0.3)],
                speedups: predicted(self),
            },
        ]
    }
}

fn oversubscribed(workers: usize) -> Mark {
    mark(MarkKind::Oversubscribed, &format!("{workers} workers on fewer CPUs (synthetic)"))
}

/// A mark with this evidence.
pub(crate) fn mark(kind: MarkKind, evidence: &str) -> Mark {
    Mark { kind, evidence: evidence.to_owned() }
}

const fn law(
    subject: &'static str,
    contention: f64,
    coherency: f64,
    intensity: Option<f64>,
) -> Law {
    Law { subject, runtime: Runtime::Gristmill, contention, coherency, time_s: 0.012, intensity }
}

/// Laws of six workloads, the last two with long names.
pub(crate) const LAWS: [Law; 6] = [
    law("triad", 0.12, 0.0008, Some(0.083)),
    law("dot", 0.08, 0.0005, Some(0.125)),
    law("gemm", 0.01, 0.00005, Some(32.0)),
    law("copy", 0.14, 0.001, None),
    law("a_user's_kernel_with_a_name_that_is_longer_than_others", 0.03, 0.0003, Some(1.5)),
    law("lattice <boltzmann> & friends in three dimensions", 0.05, 0.0002, Some(0.6)),
];

/// A study of the first so many laws; `with_fits` adds theirs.
pub(crate) fn study_of(count: usize, workers: &[usize], cpus: usize, with_fits: bool) -> Results {
    let mut results = study(workers, cpus);
    add_curves(&mut results, &LAWS[..count], with_fits);
    results
}

fn add_curves(results: &mut Results, laws: &[Law], with_fits: bool) {
    for law in laws {
        let mut curve = law.curve(results);
        if with_fits {
            curve.fits = law.fits(results);
            curve.no_fit = None;
        }
        results.curves.push(curve);
    }
}

/// A weak study of two laws, with fits.
pub(crate) fn weak_study() -> Results {
    let mut results = study(&[1, 2, 4, 8, 16], 16);
    results.method.scaling = Scaling::Weak;
    add_curves(&mut results, &LAWS[..2], true);
    results
}

/// Triad on the engine and on rayon with two CPUs and up to four workers, with marks of all kinds.
pub(crate) fn marked_study() -> Results {
    let mut results = study(&[1, 2, 3, 4], 2);
    let rayon =
        Law { runtime: Runtime::Rayon, contention: 0.2, ..law("triad", 0.2, 0.01, Some(0.083)) };
    let gristmill = Law { ..law("triad", 0.12, 0.01, Some(0.083)) };
    add_curves(&mut results, &[gristmill, rayon], false);
    let noisy = &mut results.curves[0].points[1];
    noisy.speedup = about(noisy.speedup.value, 0.07);
    noisy.efficiency = about(noisy.efficiency.value, 0.07);
    noisy.marks = vec![
        mark(MarkKind::SharedCores, "2 workers share 1 core (synthetic)"),
        mark(MarkKind::Noisy, "the interval is 14 % of the median, not 2 % (synthetic)"),
    ];
    results.curves[1].points[0].marks = vec![
        mark(MarkKind::Disturbed, "others ran for 12 % of the time <synthetic>"),
        mark(MarkKind::Throttled, "slowed down 3 times to cool (synthetic)"),
    ];
    results.findings =
        vec!["The host took 8.1 % of the CPUs' time & gave it to others <synthetic>.".to_owned()];
    results
}

/// All studies that pictures and the page are tested with, each with a name.
pub(crate) fn all() -> Vec<(&'static str, Results)> {
    let all: Vec<usize> = (1..=64).collect();
    vec![
        ("one", study_of(2, &[1], 1, false)),
        ("one_of_64", study_of(1, &[64], 64, false)),
        ("two", study_of(3, &[1, 2], 2, false)),
        ("marks", marked_study()),
        ("eight", study_of(2, &(1..=8).collect::<Vec<_>>(), 8, true)),
        ("doubling", study_of(3, &[1, 2, 4, 8, 16, 32, 64], 64, true)),
        ("sixty_four", study_of(2, &all, 48, true)),
        ("six", study_of(6, &[1, 2, 4, 6, 8, 12, 16, 24, 32], 32, false)),
        ("six_with_fits", study_of(6, &[1, 2, 3, 4, 5, 6, 7, 8], 8, true)),
        ("six_of_64", study_of(6, &all, 64, false)),
        ("from_four", study_of(2, &[4, 8, 16], 16, false)),
        ("weak", weak_study()),
        ("empty", study(&[1, 2], 2)),
    ]
}
