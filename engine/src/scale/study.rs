//! A study: workloads, sizes and numbers of workers, and how they are measured.

use super::assemble::{Measured, assemble};
use super::findings::findings;
use super::finish::{put_fits, put_marks};
use super::lane::{Bench, Lane, warm};
use super::results::{Method, Results, Runtime, SCHEMA, Scaling};
use super::roof::{Roofs, roofs};
use super::rounds::{Enough, measure};
use super::studied_machine::studied_machine;
use crate::batch::{Part, Size, Workload};
use crate::compute::WORKERS_MAX;
use crate::error::{Error, Result};
use crate::machine::{Counters, Machine};
use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime};

/// How sure intervals are.
pub(super) const CONFIDENCE: f64 = 0.95;

/// Measures workloads with different numbers of workers.
///
/// For each workload and size there is an engine for each number of workers, its workers pinned to
/// CPUs of their own, physical cores first. All are warmed up; then a sample is taken of each in
/// turn, round by round, until every median is known well enough or the time is used up. Speed-ups
/// are medians of the ratios within rounds, so that drift cancels.
///
/// ```no_run
/// use gristmill::scale::{Study, Workload};
/// use gristmill::Engine;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pi = Workload::new("pi", |engine: &Engine| {
///     let x = engine.from_fn(10_000_000, |i| 1.0 / (2 * i + 1) as f64)?;
///     engine.sum(&x)
/// });
/// let results = Study::new().add(pi).workers([1, 2, 4]).run()?;
/// println!("{}", results.table());
/// results.save("pi-study")?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Study<'w> {
    measured: Vec<(Workload<'w>, Vec<Size>)>,
    workers: Vec<usize>,
    scaling: Scaling,
    rayon: bool,
    time: Duration,
    precision: f64,
}

/// What a study is about just now, for whoever waits for it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Stage {
    /// It measures what the machine can do at most.
    Roof {
        /// Of how many threads, in words.
        what: String,
    },
    /// It makes the data of a workload.
    Preparing {
        /// The workload, its size and what runs it.
        name: String,
    },
    /// It measures a workload.
    Measuring {
        /// The workload and its size.
        name: String,
        /// Rounds that are done.
        rounds: usize,
        /// The widest interval so far, as a part of its median, if there are enough rounds.
        widest: Option<f64>,
        /// How much of the workload's time is used up, or of the way to the wanted precision gone:
        /// the greater of both, from 0 to 1.
        done: f64,
    },
}

impl Default for Study<'_> {
    fn default() -> Self {
        Study::new()
    }
}

impl<'w> Study<'w> {
    /// A study of nothing yet: strong scaling, intervals of 2 %, at most 20 s for each workload and
    /// size.
    pub fn new() -> Study<'w> {
        Study {
            measured: vec![],
            workers: vec![],
            scaling: Scaling::Strong,
            rayon: false,
            time: Duration::from_secs(20),
            precision: 0.02,
        }
    }

    /// Adds a workload at its usual size.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "nothing is summed here")]
    pub fn add(self, workload: Workload<'w>) -> Study<'w> {
        let usual = workload.usual_size();
        self.add_sizes(workload, [usual])
    }

    /// Adds a workload at these sizes, of its own making: see [`Workload::size`].
    #[must_use]
    pub fn add_sizes(
        mut self,
        workload: Workload<'w>,
        sizes: impl IntoIterator<Item = Size>,
    ) -> Study<'w> {
        self.measured.push((workload, sizes.into_iter().collect()));
        self
    }

    /// The numbers of workers. By default the powers of two below the number of CPUs, and that.
    /// More than there are CPUs may be asked for: such points are marked.
    #[must_use]
    pub fn workers(mut self, workers: impl IntoIterator<Item = usize>) -> Study<'w> {
        self.workers = workers.into_iter().collect();
        self.workers.sort_unstable();
        self.workers.dedup();
        self
    }

    /// Weak scaling: the size is that of one worker, and grows with their number.
    #[must_use]
    pub fn weak(mut self) -> Study<'w> {
        self.scaling = Scaling::Weak;
        self
    }

    /// Measures threads of rayon beside the workers, in the same rounds: the same kernels, on the
    /// same chunks of arrays that were made in the same way.
    #[must_use]
    pub fn with_rayon(mut self) -> Study<'w> {
        self.rayon = true;
        self
    }

    /// The longest that a workload is measured at a size, after its data are made.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Study<'w> {
        self.time = time;
        self
    }

    /// The width of the medians' intervals, as a part of them, at which measuring ends.
    #[must_use]
    pub fn precision(mut self, precision: f64) -> Study<'w> {
        self.precision = precision;
        self
    }

    /// Whether it can be measured, as far as that is known without doing so.
    ///
    /// # Errors
    ///
    /// As [`run`](Study::run), of what is asked for.
    pub fn check(&self) -> Result<()> {
        self.checked_workers(&Machine::here()).map(|_| ())
    }

    /// Measures.
    ///
    /// # Errors
    ///
    /// If there is nothing to measure, a number of workers is 0 or too great, a size does not fit its
    /// workload or cannot grow; if an engine does not start, or a workload fails: then nothing is
    /// left of the study, as figures of a workload that fails mean nothing.
    pub fn run(&self) -> Result<Results> {
        self.run_watched(&mut |_| ControlFlow::Continue(()))
    }

    /// Measures, and says meanwhile how far it is, between samples. If it is told to break off, it
    /// gives what it has measured, and says that it is not all.
    ///
    /// # Errors
    ///
    /// As [`run`](Study::run).
    pub fn run_watched(&self, told: &mut dyn FnMut(Stage) -> ControlFlow<()>) -> Result<Results> {
        let machine = Machine::here();
        let workers = self.checked_workers(&machine)?;
        let start = Instant::now();
        let begun = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        // Before any process or thread that it shall count is started.
        let mut counters = Counters::open();
        let order = machine.pin_order();
        let mut is_broken = false;
        let Roofs { roofs, finding } = roofs(&order, &workers, self.time, &mut |what| {
            is_broken |= told(Stage::Roof { what: what.into() }).is_break();
        });
        let mut measured = vec![];
        let all = self
            .measured
            .iter()
            .flat_map(|(workload, sizes)| sizes.iter().map(move |size| (workload, size)));
        for (workload, size) in all {
            if is_broken {
                break;
            }
            let lanes = Lanes { study: self, workload, size, workers: &workers, order: &order };
            is_broken = lanes.measure(&mut counters, told, &mut measured)?.is_break();
        }
        let studied = studied_machine(&machine);
        let curves = assemble(measured, self.scaling, &roofs, studied.last_cache_bytes);
        let mut results = Results {
            schema: SCHEMA.into(),
            engine: env!("CARGO_PKG_VERSION").into(),
            begun,
            machine: studied,
            method: Method {
                scaling: self.scaling,
                precision: self.precision,
                confidence: CONFIDENCE,
                time_s: self.time.as_secs_f64(),
                took_s: start.elapsed().as_secs_f64(),
                workers,
                command: None,
            },
            roofs,
            curves,
            findings: vec![],
        };
        put_marks(&mut results, machine.quota_cpus());
        put_fits(&mut results);
        results.findings = findings(&results);
        results.findings.extend(finding);
        if is_broken {
            results.findings.insert(0, "The study was broken off: it is not all there.".into());
        }
        Ok(results)
    }

    fn checked_workers(&self, machine: &Machine) -> Result<Vec<usize>> {
        let refuse = |reason: String| Error::Refused { kernel: "the study".into(), reason };
        if self.measured.iter().all(|(_, sizes)| sizes.is_empty()) {
            return Err(refuse("there is nothing to measure: add a workload".into()));
        }
        if !(self.precision >= 0.0 && self.precision < 1.0) {
            let reason = format!("a precision is a part from 0 to below 1, not {}", self.precision);
            return Err(refuse(reason));
        }
        let workers = match self.workers.is_empty() {
            true => usual_workers(machine.worker_count().workers),
            false => self.workers.clone(),
        };
        if workers[0] == 0 || workers[workers.len() - 1] > WORKERS_MAX {
            let reason = format!("numbers of workers are from 1 to {WORKERS_MAX}");
            return Err(refuse(reason));
        }
        for (workload, sizes) in &self.measured {
            for size in sizes {
                // All that may be refused, before anything is measured.
                self.sizes(workload, size, &workers)?
                    .iter()
                    .try_for_each(|size| workload.parts(size).and_then(|parts| is_told(&parts)))?;
            }
        }
        Ok(workers)
    }

    /// The size for each number of workers.
    fn sizes(&self, workload: &Workload<'_>, size: &Size, workers: &[usize]) -> Result<Vec<Size>> {
        let of = |&workers: &usize| match self.scaling {
            Scaling::Strong => Ok(size.clone()),
            Scaling::Weak => workload
                .grown(size, workers)
                .map_err(|reason| Error::Refused { kernel: "the study".into(), reason }),
        };
        workers.iter().map(of).collect()
    }

    fn runtimes(&self) -> &'static [Runtime] {
        if self.rayon { &[Runtime::Gristmill, Runtime::Rayon] } else { &[Runtime::Gristmill] }
    }
}

/// Refuses work of which a figure is no number, or less than nothing.
fn is_told(parts: &[Part]) -> Result<()> {
    for Part { name, work } in parts {
        let told = [work.bytes_read, work.bytes_written, work.units];
        let told = told.into_iter().chain(work.flops).chain(work.footprint);
        if let Some(wrong) = told.into_iter().find(|figure| !(0.0..1e30).contains(figure)) {
            let reason = format!("its work is told as {wrong}");
            return Err(Error::Refused { kernel: name.clone(), reason });
        }
    }
    Ok(())
}

/// The powers of two below this number, and it.
fn usual_workers(all: usize) -> Vec<usize> {
    let powers = std::iter::successors(Some(1), |power| Some(power * 2));
    powers.take_while(|power| *power < all).chain([all]).collect()
}

/// One workload at one size, on all its engines.
struct Lanes<'s, 'w> {
    study: &'s Study<'w>,
    workload: &'s Workload<'w>,
    size: &'s Size,
    workers: &'s [usize],
    order: &'s [usize],
}

impl Lanes<'_, '_> {
    /// Measures them, and adds what came of each. The engines end with this.
    fn measure(
        &self,
        counters: &mut Counters,
        told: &mut dyn FnMut(Stage) -> ControlFlow<()>,
        measured: &mut Vec<Measured>,
    ) -> Result<ControlFlow<()>> {
        let sizes = self.study.sizes(self.workload, self.size, self.workers)?;
        let mut benches = vec![];
        for runtime in self.study.runtimes() {
            for (workers, size) in self.workers.iter().zip(&sizes) {
                benches.push((Bench::start(*runtime, *workers, self.order)?, size));
            }
        }
        let mut lanes = vec![];
        for (bench, size) in &benches {
            let name = format!("{}, {}, {}", self.workload.name(), size.words, bench.words());
            if told(Stage::Preparing { name }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            lanes.push(Lane::prepare(bench, self.workload, (*size).clone())?);
        }
        warm(&mut lanes);
        let enough = Enough { precision: self.study.precision, time: self.study.time };
        let name = format!("{}, {}", self.workload.name(), self.size.words);
        let ended = measure(&mut lanes, counters, enough, |round| {
            let part = round.elapsed.as_secs_f64() / enough.time.as_secs_f64().max(1e-9);
            // Intervals narrow with the root of the number of samples.
            let known = round.widest.map_or(0.0, |widest| (enough.precision / widest).powi(2));
            told(Stage::Measuring {
                name: name.clone(),
                rounds: round.done,
                widest: round.widest,
                done: part.max(known).min(1.0),
            })
        })?;
        measured.push(Measured::of(self.workload.name(), &self.size.words, lanes));
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_numbers_of_workers_are_powers_of_two_and_all() {
        assert_eq!(usual_workers(1), [1]);
        assert_eq!(usual_workers(2), [1, 2]);
        assert_eq!(usual_workers(6), [1, 2, 4, 6]);
        assert_eq!(usual_workers(64), [1, 2, 4, 8, 16, 32, 64]);
    }

    #[test]
    fn what_cannot_be_measured_is_refused_before_anything_is() {
        let one = || Workload::new("one", |_| Ok(()));
        let refused = |study: Study<'_>| study.run().unwrap_err().to_string();
        assert!(refused(Study::new()).contains("nothing to measure"));
        assert!(refused(Study::new().add(one()).workers([0, 1])).contains("from 1 to"));
        assert!(refused(Study::new().add(one()).workers([1000])).contains("from 1 to"));
        assert!(refused(Study::new().add(one()).weak()).contains("cannot be scaled weakly"));
    }
}
