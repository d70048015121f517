//! From samples to points: medians, speed-ups, efficiency, shares of the roof.

use super::estimate::Estimate;
use super::lane::Lane;
use super::median::{median, ratio_of_pairs};
use super::results::{Conditions, Counted, Curve, Point, Roof, Runtime, Scaling};
use crate::batch::{Part, Work};

/// What was measured of a workload at a size, once its engines have ended.
pub(super) struct Measured {
    name: String,
    size: String,
    lanes: Vec<Samples>,
}

/// What was measured in a lane.
struct Samples {
    runtime: Runtime,
    workers: usize,
    size: String,
    parts: Vec<Part>,
    runs: u32,
    samples: Vec<Vec<f64>>,
    counted: Counted,
    conditions: Conditions,
}

impl Measured {
    pub(super) fn of(name: &str, size: &str, lanes: Vec<Lane<'_>>) -> Measured {
        let samples = lanes.into_iter().map(|lane| Samples {
            runtime: lane.bench.runtime,
            workers: lane.bench.workers,
            size: lane.size.words.clone(),
            runs: lane.runs,
            counted: lane.counted(),
            conditions: lane.conditions(),
            parts: lane.parts,
            samples: lane.samples,
        });
        Measured { name: name.into(), size: size.into(), lanes: samples.collect() }
    }
}

/// What is counted is counted from the beginning of a sample to its end.
const OF_ALL: &str = "counted for all steps together";

/// The curves of what was measured: one for each part, by each runtime.
pub(super) fn assemble(
    measured: Vec<Measured>,
    scaling: Scaling,
    roofs: &[Roof],
    cache_bytes: u64,
) -> Vec<Curve> {
    let mut curves = vec![];
    for Measured { name, size, lanes } in measured {
        let parts = lanes.first().map_or(0, |lane| lane.parts.len());
        for part in 0..parts {
            for runtime in [Runtime::Gristmill, Runtime::Rayon] {
                let of_runtime: Vec<&Samples> =
                    lanes.iter().filter(|lane| lane.runtime == runtime).collect();
                let point = |lane: &&Samples| {
                    let others = || lanes.iter().filter(|other| other.runtime == Runtime::Rayon);
                    let peer = others().find(|other| other.workers == lane.workers);
                    let peer = peer.filter(|_| runtime != Runtime::Rayon);
                    point(lane, of_runtime[0], peer, part, scaling, roofs, cache_bytes)
                };
                let is_sampled = |lane: &&&Samples| !lane.samples[part].is_empty();
                let points: Vec<Point> = of_runtime.iter().filter(is_sampled).map(point).collect();
                if points.is_empty() {
                    continue;
                }
                let subject = match lanes[0].parts[part].name.as_str() {
                    "" => name.clone(),
                    part => format!("{name}: {part}"),
                };
                let (fits, no_fit) = (vec![], None);
                curves.push(Curve { subject, size: size.clone(), runtime, points, fits, no_fit });
            }
        }
    }
    curves
}

fn point(
    lane: &Samples,
    least: &Samples,
    peer: Option<&Samples>,
    part: usize,
    scaling: Scaling,
    roofs: &[Roof],
    cache_bytes: u64,
) -> Point {
    let (samples, work) = (&lane.samples[part], lane.parts[part].work);
    let time_s = median(samples);
    let faster = ratio_of_pairs(&least.samples[part], samples);
    let more = match scaling {
        Scaling::Strong => 1.0,
        Scaling::Weak => work.units / least.parts[part].work.units,
    };
    let speedup = faster.times(least.workers as f64 * more);
    let roof = roofs.iter().find(|roof| roof.workers == lane.workers);
    Point {
        workers: lane.workers,
        size: lane.size.clone(),
        work,
        runs: lane.runs,
        samples_s: samples.clone(),
        time_s,
        speedup,
        efficiency: speedup.times(1.0 / lane.workers as f64),
        of_rayon: peer.map(|peer| ratio_of_pairs(&peer.samples[part], samples)),
        roof_share: roof.and_then(|roof| roof_share(&work, roof, time_s)),
        fits_caches: fits(&work, cache_bytes),
        counted: match lane.parts.len() {
            1 => lane.counted.clone(),
            _ => Counted { why_not: Some(OF_ALL.into()), ..Counted::default() },
        },
        conditions: lane.conditions.clone(),
        marks: vec![],
    }
}

/// How near it is to the roof over it: the least time that moving its bytes and its operations take
/// on this machine, by the time that it takes. Of the roofline model of Williams, Waterman and
/// Patterson (2009).
fn roof_share(work: &Work, roof: &Roof, time: Estimate) -> Option<f64> {
    let moving = work.bytes() / roof.bytes_per_s(work);
    let computing = work.flops.map_or(0.0, |flops| flops / roof.flops_per_s);
    let least = moving.max(computing);
    (least > 0.0 && least.is_finite()).then(|| least / time.value)
}

/// Whether what it moves would fit the caches.
fn fits(work: &Work, cache_bytes: u64) -> bool {
    let bytes = work.footprint.unwrap_or(work.bytes());
    bytes > 0.0 && bytes <= cache_bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOF: Roof =
        Roof { workers: 2, read_bytes_per_s: 20e9, triad_bytes_per_s: 10e9, flops_per_s: 100e9 };

    fn lane(workers: usize, units: f64, samples: &[f64]) -> Samples {
        let work = Work { bytes_read: 1e9, units, ..Work::default() };
        Samples {
            runtime: Runtime::Gristmill,
            workers,
            size: format!("{units}"),
            parts: vec![Part { name: String::new(), work }],
            runs: 1,
            samples: vec![samples.to_vec()],
            counted: Counted::default(),
            conditions: Conditions::default(),
        }
    }

    fn curve(lanes: Vec<Samples>, scaling: Scaling) -> Curve {
        let measured = Measured { name: "x".into(), size: "s".into(), lanes };
        assemble(vec![measured], scaling, &[ROOF], 1 << 20).remove(0)
    }

    #[test]
    fn drift_cancels_within_rounds() {
        // Both take longer and longer, and the ratio is always 2.
        let drift: Vec<f64> = (0..12).map(|i| 1.0 + f64::from(i)).collect();
        let half: Vec<f64> = drift.iter().map(|time| time / 2.0).collect();
        let curve = curve(vec![lane(1, 1.0, &drift), lane(2, 1.0, &half)], Scaling::Strong);
        let speedup = curve.points[1].speedup;
        assert_eq!((speedup.low, speedup.value, speedup.high), (2.0, 2.0, 2.0));
        assert_eq!(curve.points[1].efficiency.value, 1.0);
        assert!(curve.points[1].time_s.relative_width() > 0.5);
    }

    #[test]
    fn weak_scaling_counts_what_is_done() {
        let lanes = vec![lane(2, 10.0, &[1.0; 8]), lane(8, 40.0, &[2.0; 8])];
        let curve = curve(lanes, Scaling::Weak);
        assert_eq!(curve.points[0].speedup.value, 2.0, "two workers count as two");
        assert_eq!(curve.points[1].speedup.value, 4.0);
        assert_eq!(curve.points[1].efficiency.value, 0.5);
    }

    #[test]
    fn the_roof_is_what_takes_longest_at_best() {
        let time = Estimate { value: 1.0, low: 1.0, high: 1.0 };
        let work = |bytes_read, bytes_written, flops| {
            let work = Work { bytes_read, bytes_written, flops, ..Work::default() };
            roof_share(&work, &ROOF, time)
        };
        assert_eq!(work(10e9, 0.0, None), Some(0.5), "reading alone");
        assert_eq!(work(4e9, 1e9, None), Some(0.5), "as the triad");
        assert_eq!(work(1e9, 0.0, Some(80e9)), Some(0.8), "computing");
        assert_eq!(work(0.0, 0.0, None), None, "nothing is known");
    }
}
