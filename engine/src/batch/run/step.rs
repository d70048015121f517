//! One step of a job's run: its kernel, once or for each array of a list, watched from beside.

use super::job::{Files, Run};
use crate::batch::check::checked::{Binding, CheckedStep};
use crate::batch::kernels::operation::Made;
use crate::batch::kernels::underway::Underway;
use crate::error::{Error, Result};
use crate::memory::RawArray;
use crate::report::{Ordered, StepBar, StepReport, longest};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the bar is moved and deaths are looked for.
const LOOK: Duration = Duration::from_millis(50);

/// How often, at most, it is told without a bar that something takes long.
const WORDS_EVERY: Duration = Duration::from_secs(60);

/// Bytes of the watching thread's stack: little, as address space may be scarce.
const WATCHER_STACK: usize = 256 << 10;

impl Run<'_> {
    /// Runs one step, and notes what it took. If there is no memory for it, it is tried once more
    /// when all files are written, as their arrays may be in the way.
    /// Gives what did not come to a good end: runs of the kernel, by their numbers.
    pub(super) fn step(
        &mut self,
        step: &CheckedStep,
        files: &mut Files<'_>,
    ) -> Vec<(usize, Error)> {
        self.engine.set_deadline(step.deadline.or(self.job.deadline));
        let width = self.job.steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
        let bar = self.progress.step(&step.name, width);
        let underway = Underway::default();
        let bytes_read = self.read_bytes(step);
        let mut made = self.watched(step, &bar, &underway);
        if made.iter().any(|made| matches!(made, Err(Error::OutOfMemory { .. }))) {
            self.make_room(files);
            made = self.watched(step, &bar, &underway);
        }
        self.deaths.tell(self.engine, Some(&step.name), self.progress);
        self.deaths.sum_up(Some(&step.name), self.progress);
        let toll = self.deaths.of_step();
        let mut report = StepReport {
            name: step.name.clone(),
            kernel: step.kernel.clone(),
            chunks: step.chunks,
            seconds: underway.seconds(),
            bytes_per_s: 0.0,
            retries: toll.retries,
            deaths: toll.deaths,
        };
        if made.iter().all(Result::is_ok) {
            let written = made.iter().flatten().filter_map(|(_, made)| made.result.as_ref());
            let written: u64 = written.map(|array| array.bytes().len() as u64).sum();
            report.bytes_per_s = StepReport::throughput(bytes_read + written, report.seconds);
            bar.finish();
        }
        self.steps.push(report);
        self.partial = underway.take_partial();
        let (mut done, mut failed) = (vec![], vec![]);
        for (run, made) in made.into_iter().enumerate() {
            match made {
                Ok(made) => done.push(made),
                Err(error) => failed.push((run, error)),
            }
        }
        self.keep(step, done);
        failed
    }

    fn keep(&mut self, step: &CheckedStep, made: Vec<(String, Made)>) {
        let mut numbers = Ordered::default();
        let mut result: Option<RawArray> = None;
        for (name, made) in made {
            result = made.result.or(result);
            if !made.numbers.is_empty() {
                numbers.0.push((name, Ordered(made.numbers)));
            }
        }
        self.results.push(result);
        if !numbers.0.is_empty() {
            self.scalars.0.push((step.name.clone(), numbers));
        }
    }

    /// Launches the step, while another thread moves its bar and tells of deaths.
    fn watched(
        &self,
        step: &CheckedStep,
        bar: &StepBar,
        underway: &Underway,
    ) -> Vec<Result<(String, Made)>> {
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watch = || self.watch(step, bar, underway, &ended);
            // Where there is no room for a thread, the step runs unwatched.
            let watcher = std::thread::Builder::new().stack_size(WATCHER_STACK);
            let watcher = watcher.spawn_scoped(scope, watch).ok();
            let made = self.launch(step, underway);
            ended.store(true, Ordering::Release);
            watcher.iter().for_each(|watcher| watcher.thread().unpark());
            made
        })
    }

    /// Keeps the bar up to date while the step runs, and tells of deaths. A list's runs count in
    /// turn.
    fn watch(&self, step: &CheckedStep, bar: &StepBar, underway: &Underway, ended: &AtomicBool) {
        let runs = step.runs.len().max(1) as f64;
        let mut told = Instant::now();
        bar.follow(LOOK, || {
            self.deaths.tell(self.engine, Some(&step.name), self.progress);
            if ended.load(Ordering::Acquire) {
                // Whether it is full is for whoever knows how the step ended.
                return None;
            }
            let long = longest(&self.engine.activities()).unwrap_or_default();
            if !long.is_empty() && told.elapsed() >= WORDS_EVERY {
                self.tell_without_bar(step, &long);
                told = Instant::now();
            }
            bar.tell(long);
            Some((underway.part(self.engine.progress()) / runs).min(0.99))
        });
    }

    /// In a log there is no bar, and what hangs would leave no trace.
    fn tell_without_bar(&self, step: &CheckedStep, long: &str) {
        if self.progress.wants_words() {
            self.progress.note(&format!("step `{}`: {long}", step.name));
        }
    }

    /// The kernel's runs: one, or one for each array of a list, by the array's name; none after one
    /// that nothing can follow.
    pub(super) fn launch(
        &self,
        step: &CheckedStep,
        underway: &Underway,
    ) -> Vec<Result<(String, Made)>> {
        let run = |bindings: &Vec<Binding>| {
            let arrays: Vec<_> =
                bindings.iter().map(|binding| self.array(binding.source)).collect();
            let elements: Vec<_> = arrays.iter().map(|(_, meta)| meta.element).collect();
            let operation = self.registry.find(&step.kernel, &elements);
            let operation = operation.expect("the check found the kernel");
            let name = bindings.first().map_or(&step.name, |binding| &binding.array);
            let before = self.engine.launched();
            let mut made = operation.run(self.engine, &step.params, &arrays, None, underway);
            if let Err(Error::Poisoned(poisoned)) = &mut made {
                // Of this run alone.
                poisoned.launches_before = poisoned.launches_before.saturating_sub(before);
            }
            Ok((name.clone(), made?))
        };
        let mut made = vec![];
        for bindings in &step.runs {
            made.push(run(bindings));
            if made.last().is_some_and(|made| made.as_ref().is_err_and(ends_the_job)) {
                break;
            }
        }
        made
    }

    fn read_bytes(&self, step: &CheckedStep) -> u64 {
        let bindings = step.runs.iter().flatten();
        bindings.map(|binding| self.array(binding.source).0.bytes().len() as u64).sum()
    }
}

/// Whether nothing else would fare better.
pub(super) fn ends_the_job(error: &Error) -> bool {
    matches!(error, Error::Cancelled | Error::NoWorkers { .. })
}
