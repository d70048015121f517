//! A lane: one workload on one engine, and the samples that were taken of it.

use super::conditions::Watch;
use super::results::{Counted, Runtime};
use crate::batch::{Part, Ready, Size, Workload};
use crate::error::{Error, Result};
use crate::machine::{Counters, Counts, cpu_time_ns};
use crate::roles::{Builder, Engine, Pin};
use std::time::{Duration, Instant};

/// The least that a sample takes: a shorter run is repeated within it.
const SAMPLE: Duration = Duration::from_millis(5);
/// Shorter runs have an untimed one before each sample, in all lanes of a workload or in none: another
/// lane's data lie in the caches, and whoever sleeps wakes slowly.
const WARMED: Duration = Duration::from_millis(200);
/// Runs of a sample at most.
const RUNS_MAX: u32 = 10_000;
/// A first run that takes longer tells how long a run takes; after a shorter one another is asked,
/// as the first has touched pages and filled caches.
const TELLING: Duration = Duration::from_millis(500);

/// An engine of a study, and what it is there for.
pub(super) struct Bench {
    pub(super) runtime: Runtime,
    pub(super) workers: usize,
    pub(super) cpus: Vec<usize>,
    pub(super) engine: Engine,
}

impl Bench {
    /// Starts an engine whose workers, or threads, are pinned to the first of these CPUs.
    pub(super) fn start(runtime: Runtime, workers: usize, order: &[usize]) -> Result<Bench> {
        let cpus: Vec<usize> = order.iter().copied().cycle().take(workers).collect();
        let builder = Engine::builder().workers(workers).pin(Pin::Cpus(cpus.clone()));
        let builder: Builder = match runtime {
            Runtime::Gristmill => builder,
            Runtime::Rayon => builder.on_threads(true),
        };
        Ok(Bench { runtime, workers, cpus, engine: builder.build()? })
    }

    /// In words, such as "2 workers".
    pub(super) fn words(&self) -> String {
        match self.runtime {
            Runtime::Gristmill => format!("{} workers", self.workers),
            Runtime::Rayon => format!("{} threads of rayon", self.workers),
        }
    }

    /// The processes whose threads do the work.
    fn processes(&self) -> Vec<u32> {
        match self.runtime {
            Runtime::Gristmill => {
                let workers = self.engine.activities().into_iter();
                workers.filter_map(|worker| u32::try_from(worker.pid?).ok()).collect()
            }
            Runtime::Rayon => vec![std::process::id()],
        }
    }
}

/// A workload on an engine, ready to run.
pub(super) struct Lane<'e> {
    pub(super) bench: &'e Bench,
    pub(super) size: Size,
    pub(super) parts: Vec<Part>,
    ready: Ready<'e>,
    /// Runs of a sample.
    pub(super) runs: u32,
    /// How long a run took at first.
    took: Duration,
    /// There is an untimed run before each sample.
    is_warmed: bool,
    /// Of each part, seconds of a run: the mean of each sample.
    pub(super) samples: Vec<Vec<f64>>,
    watch: Watch,
    /// The processes whose threads do the work, and for how long they had run when it was ready.
    processes: Vec<(u32, Option<u64>)>,
    counted: Vec<Counts>,
    /// What the counters counted in.
    counted_s: f64,
}

/// Decides for all lanes of a workload whether untimed runs come before samples: ratios between lanes
/// mean something only if they are measured alike.
pub(super) fn warm(lanes: &mut [Lane<'_>]) {
    let is_warmed = lanes.iter().any(|lane| lane.took < WARMED);
    lanes.iter_mut().for_each(|lane| lane.is_warmed = is_warmed);
}

impl<'e> Lane<'e> {
    /// Makes the data, and runs the workload until it is warm.
    pub(super) fn prepare(
        bench: &'e Bench,
        workload: &'e Workload<'_>,
        size: Size,
    ) -> Result<Lane<'e>> {
        let parts = workload.parts(&size)?;
        let ready = workload.prepare(&bench.engine, &size)?;
        let processes = bench.processes();
        let watch = Watch::new(&bench.cpus, &processes);
        let mut lane = Lane {
            bench,
            size,
            ready,
            runs: 1,
            took: Duration::ZERO,
            is_warmed: false,
            samples: vec![vec![]; parts.len()],
            parts,
            watch,
            processes: processes.into_iter().map(|pid| (pid, cpu_time_ns(pid))).collect(),
            counted: vec![],
            counted_s: 0.0,
        };
        let mut took = lane.run()?;
        if took < TELLING {
            took = lane.run()?;
        }
        let runs = SAMPLE.as_secs_f64() / took.as_secs_f64().max(1e-9);
        lane.runs = (runs.ceil() as u32).clamp(1, RUNS_MAX);
        lane.took = took;
        Ok(lane)
    }

    /// One run; gives how long what is timed of it took.
    fn run(&mut self) -> Result<Duration> {
        let mut times = vec![];
        (self.ready)(&mut times)?;
        Ok(times.into_iter().max().unwrap_or_default())
    }

    /// Takes a sample of every part.
    pub(super) fn sample(&mut self, counters: &mut Counters) -> Result<()> {
        if self.is_warmed {
            self.run()?;
        }
        let mut sums = vec![Duration::ZERO; self.parts.len()];
        let mut times = vec![];
        self.watch.begin();
        let (before, start) = (counters.read(), Instant::now());
        for _ in 0..self.runs {
            times.clear();
            (self.ready)(&mut times)?;
            sums.iter_mut().zip(&times).for_each(|(sum, time)| *sum += *time);
        }
        let took = start.elapsed();
        self.counted.push(counters.read().since(&before));
        self.counted_s += took.as_secs_f64();
        self.watch.end(took);
        if sums.iter().any(Duration::is_zero) {
            let reason = "a run took no time at all: there is nothing to measure";
            return Err(Error::Refused {
                kernel: self.parts[0].name.clone(),
                reason: reason.into(),
            });
        }
        for (samples, sum) in self.samples.iter_mut().zip(sums) {
            samples.push(sum.as_secs_f64() / f64::from(self.runs));
        }
        Ok(())
    }

    /// The mean of the workers' CPU time by the greatest of them; none where Linux does not tell, or
    /// where all run in one process.
    pub(super) fn balance(&self) -> Option<f64> {
        if self.bench.runtime != Runtime::Gristmill {
            return None;
        }
        let ran = self
            .processes
            .iter()
            .map(|&(pid, before)| Some(cpu_time_ns(pid)?.saturating_sub(before?) as f64));
        let ran = ran.collect::<Option<Vec<f64>>>()?;
        let greatest = ran.iter().copied().reduce(f64::max).filter(|ns| *ns > 0.0)?;
        Some(ran.iter().sum::<f64>() / ran.len() as f64 / greatest)
    }

    /// What happened around it.
    pub(super) fn conditions(&self) -> super::results::Conditions {
        self.watch.conditions()
    }

    /// What the CPUs counted in all samples, or why they did not.
    pub(super) fn counted(&self) -> Counted {
        let sum = |of: fn(&Counts) -> &Result<u64, String>| {
            self.counted.iter().map(|counts| of(counts).clone()).sum::<Result<u64, String>>()
        };
        let all = Counts {
            instructions: sum(|counts| &counts.instructions),
            cycles: sum(|counts| &counts.cycles),
            misses: sum(|counts| &counts.misses),
        };
        let instructions = all.instructions_per_cycle();
        let fetched = all.missed_bytes().map(|bytes| bytes as f64 / self.counted_s);
        let why_not = instructions.as_ref().err().or(fetched.as_ref().err()).cloned();
        Counted {
            instructions_per_cycle: instructions.ok(),
            fetched_bytes_per_s: fetched.ok(),
            why_not,
        }
    }
}
