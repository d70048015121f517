//! Cards: every workload measured once, with all workers, in figures that can be compared.

use super::assemble::{Measured, assemble};
use super::estimate::Estimate;
use super::lane::{Bench, Lane, warm};
use super::marks::{Around, marks};
use super::median::median;
use super::results::{Mark, MarkKind, Method, Roof, Runtime, Scaling, StudiedMachine};
use super::roof::roofs;
use super::rounds::{Enough, measure};
use super::studied_machine::studied_machine;
use super::study::CONFIDENCE;
use super::table::giga;
use super::words::{KINDS, mark_name, workers};
use crate::batch::{Size, Workload};
use crate::compute::{Chunk, In, Kernel, Shapes};
use crate::error::{Error, Result};
use crate::machine::{Counters, Machine};
use crate::report::{Look, figures, seconds};
use crate::roles::Engine;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// What this document is, and its version.
const SCHEMA: &str = "gristmill bench 1";
/// The width of an interval, as a part of its median, at which measuring ends.
const PRECISION: f64 = 0.02;

/// As if workloads were measured for so long: the roof is that of a whole study.
const ROOF_TIME: Duration = Duration::from_secs(20);

/// The cards of a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cards {
    /// [`SCHEMA`].
    pub(crate) schema: String,
    /// The version of the engine.
    pub(crate) engine: String,
    pub(crate) machine: StudiedMachine,
    pub(crate) workers: usize,
    /// How many CPUs' time a cgroup's quota allows, if there is one.
    pub(crate) quota_cpus: Option<f64>,
    pub(crate) roof: Roof,
    pub(crate) cards: Vec<Card>,
}

/// One workload with all workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) name: String,
    /// In words.
    pub(crate) size: String,
    /// As the command line has it, such as `triad:8Mi`.
    pub(crate) measured: String,
    /// Seconds of a run.
    pub(crate) time_s: Estimate,
    pub(crate) bytes_per_s: Option<f64>,
    pub(crate) flops_per_s: Option<f64>,
    /// As [`Point::roof_share`](super::Point::roof_share).
    pub(crate) roof_share: Option<f64>,
    pub(crate) fits_caches: bool,
    /// The mean of the workers' CPU time by the greatest of them: 1 if all have as much to do. None
    /// where Linux does not tell.
    pub(crate) balance: Option<f64>,
    /// Chunks of the step with the most.
    pub(crate) chunks: usize,
    /// Seconds that a step with as many chunks takes that does nothing.
    pub(crate) overhead_s: f64,
    pub(crate) marks: Vec<Mark>,
}

impl Cards {
    /// The roof, and no card yet.
    ///
    /// # Errors
    ///
    /// If the roof cannot be measured.
    pub(crate) fn begin(machine: &Machine, workers: usize) -> Result<Cards> {
        let roofs = roofs(&machine.pin_order(), &[workers], ROOF_TIME, &mut |_| {}).roofs;
        let Some(roof) = roofs.first().copied() else {
            let reason = format!("no {workers} threads, or no memory, were to be had for the roof");
            return Err(Error::Start { reason });
        };
        Ok(Cards {
            schema: SCHEMA.into(),
            engine: env!("CARGO_PKG_VERSION").into(),
            machine: studied_machine(machine),
            workers,
            quota_cpus: machine.quota_cpus(),
            roof,
            cards: vec![],
        })
    }

    /// Measures a workload for so long, and adds its card.
    pub(crate) fn add(
        &mut self,
        workload: &Workload<'_>,
        size: Size,
        time: Duration,
        counters: &mut Counters,
    ) -> Result<()> {
        let bench = Bench::start(Runtime::Gristmill, self.workers, &self.machine.cpus)?;
        let words = size.words.clone();
        let colon = if size.text.is_empty() { "" } else { ":" };
        let written = format!("{}{colon}{}", workload.name(), size.text);
        let mut lanes = vec![Lane::prepare(&bench, workload, size)?];
        warm(&mut lanes);
        let chunks = bench.engine.chunks_of_last_launch();
        let enough = Enough { precision: PRECISION, time };
        let _ = measure(&mut lanes, counters, enough, |_| ControlFlow::Continue(()))?;
        let balance = lanes[0].balance();
        let measured = vec![Measured::of(workload.name(), &words, lanes)];
        let caches = self.machine.last_cache_bytes;
        // The whole is the last part.
        let curve = assemble(measured, Scaling::Strong, &[self.roof], caches).pop();
        let Some(point) = curve.and_then(|mut curve| curve.points.pop()) else { return Ok(()) };
        let method = Method {
            scaling: Scaling::Strong,
            precision: PRECISION,
            confidence: CONFIDENCE,
            time_s: time.as_secs_f64(),
            took_s: time.as_secs_f64(),
            workers: vec![self.workers],
            command: None,
        };
        let around = Around { quota_cpus: self.quota_cpus, frequency_hz_max: None };
        self.cards.push(Card {
            name: workload.name().into(),
            size: words,
            measured: written,
            time_s: point.time_s,
            bytes_per_s: point.bytes_per_s(),
            flops_per_s: point.flops_per_s(),
            roof_share: point.roof_share,
            fits_caches: point.fits_caches,
            balance,
            chunks,
            overhead_s: overhead(&bench.engine, chunks)?,
            marks: marks(&point, &method, &self.machine, &around),
        });
        Ok(())
    }

    /// A row for each card.
    pub(crate) fn tables(&self, look: Look) -> String {
        let Roof { read_bytes_per_s, triad_bytes_per_s, flops_per_s, .. } = self.roof;
        let [reading, triad, peak] =
            [read_bytes_per_s, triad_bytes_per_s, flops_per_s].map(|rate| giga(Some(rate)));
        let header = ["kernel", "time", "GB/s", "GFLOP/s", "roof", "balance", "overhead", ""];
        let table = figures(&header, self.cards.iter().map(Card::row), 1, look);
        let (cpu, workers) = (&self.machine.cpu, workers(self.workers));
        let mut text = format!(
            "{cpu}, {workers}\nroof: reading {reading} GB/s, triad {triad} GB/s, {peak} GFLOP/s\n\n\
             {table}\n"
        );
        for kind in KINDS {
            let marked = self.cards.iter().filter(|card| card.has(kind)).count();
            if marked > 0 {
                let (all, name) = (self.cards.len(), mark_name(kind));
                text += &format!("! {marked} of {all} {name}\n");
            }
        }
        text
    }
}

impl Card {
    fn has(&self, kind: MarkKind) -> bool {
        self.marks.iter().any(|mark| mark.kind == kind)
    }

    fn row(&self) -> Vec<String> {
        let share = |share: Option<f64>| share.map_or("-".into(), |share| format!("{share:.2}"));
        let star = if self.fits_caches && self.roof_share.is_some() { "*" } else { "" };
        vec![
            self.measured.clone(),
            seconds(self.time_s.value),
            giga(self.bytes_per_s),
            giga(self.flops_per_s),
            share(self.roof_share) + star,
            share(self.balance),
            format!("{:.1} us", self.overhead_s * 1e6),
            if self.marks.is_empty() { "" } else { "!" }.into(),
        ]
    }
}

/// A chunk per element, of which nothing is read.
#[derive(Debug, Serialize, Deserialize)]
struct Empty;

impl Kernel for Empty {
    type Args = In<u8>;
    type Output = ();

    fn run(&self, chunk: Chunk, _: &[u8]) {
        black_box(chunk.index());
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

/// Seconds that a step of so many chunks takes that does nothing: the median of some samples.
fn overhead(engine: &Engine, chunks: usize) -> Result<f64> {
    const SAMPLES: usize = 15;
    const SAMPLE: Duration = Duration::from_millis(1);
    let nothing = engine.zeros(chunks.max(1))?;
    let start = Instant::now();
    engine.run(&Empty, &nothing)?;
    engine.run(&Empty, &nothing)?;
    let launches = SAMPLE.as_secs_f64() / (start.elapsed().as_secs_f64() / 2.0);
    let launches = launches.clamp(1.0, 1000.0) as u32;
    let mut samples = vec![];
    for _ in 0..SAMPLES {
        let start = Instant::now();
        for _ in 0..launches {
            engine.run(&Empty, &nothing)?;
        }
        samples.push(start.elapsed().as_secs_f64() / f64::from(launches));
    }
    Ok(median(&samples).value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_does_nothing_takes_some_time() {
        let engine = Engine::builder().workers(2).build().unwrap();
        for chunks in [0, 1, 64] {
            let seconds = overhead(&engine, chunks).unwrap();
            assert!(seconds > 0.0 && seconds < 1.0, "{seconds}");
        }
    }

    #[test]
    fn the_chunks_of_the_last_launch_are_known() {
        let engine = Engine::builder().workers(2).build().unwrap();
        let nothing = engine.zeros(7).unwrap();
        engine.run(&Empty, &nothing).unwrap();
        assert_eq!(engine.chunks_of_last_launch(), 7);
    }
}
