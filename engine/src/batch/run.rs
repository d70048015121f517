//! Runs a checked job on an engine: inputs, steps in order, output files as tasks beside them.

use super::catalogue::ArrayMeta;
use super::checked::{CheckedJob, CheckedStep, Source};
use super::folder::OutputFolder;
use super::load::load;
use super::operation::Made;
use super::registry::Registry;
use super::save::{SaveTask, Saved, save};
use crate::error::{Error, Result};
use crate::memory::RawArray;
use crate::report::{
    Attempt, Machine, Ordered, OutputReport, Poisoned, Progress, Report, SCHEMA, Scalar, Status,
    StepBar, StepReport,
};
use crate::roles::{Engine, TaskQueue};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How a run ended: the report is there in any case.
pub(crate) struct Ended {
    pub(crate) report: Report,
    /// Why it is not done, in words, for each thing that failed.
    pub(crate) failures: Vec<String>,
}

/// Runs `job` into `folder`; `interrupted` is looked at between steps.
pub(crate) fn run(
    job: &CheckedJob,
    registry: &Registry,
    engine: &Engine,
    folder: &OutputFolder,
    progress: &Progress,
    interrupted: &AtomicBool,
) -> Result<Ended> {
    let mut run = Run {
        job,
        registry,
        engine,
        folder,
        inputs: vec![],
        results: vec![],
        steps: vec![],
        scalars: Ordered::default(),
        poisoned: vec![],
        failures: vec![],
    };
    let mut files = engine.tasks().queue(save)?;
    let finished = run.steps(&mut files, progress, interrupted);
    if let Err(error) = finished {
        run.failures.push(error.to_string());
    }
    let mut outputs = run.collect(files);
    // In the order of the job, whoever came first.
    let place = |output: &OutputReport| job.outputs.iter().position(|o| o.as_str() == output.path);
    outputs.sort_by_key(place);
    let status = match (interrupted.load(Ordering::Relaxed), run.failures.is_empty()) {
        (true, _) => Status::Interrupted,
        (false, true) => Status::Done,
        (false, false) => Status::Failed,
    };
    let report = Report {
        schema: SCHEMA,
        job: job.name.clone(),
        status,
        machine: Machine::here(),
        workers: engine.workers(),
        steps: run.steps,
        scalars: run.scalars,
        outputs,
        poisoned: run.poisoned,
    };
    Ok(Ended { report, failures: run.failures })
}

type Files<'e> = TaskQueue<'e, SaveTask, Saved>;

struct Run<'j> {
    job: &'j CheckedJob,
    registry: &'j Registry,
    engine: &'j Engine,
    folder: &'j OutputFolder,
    inputs: Vec<RawArray>,
    /// Of each step, its array, if it has one.
    results: Vec<Option<RawArray>>,
    steps: Vec<StepReport>,
    scalars: Ordered<Ordered<Ordered<Scalar>>>,
    poisoned: Vec<Poisoned>,
    failures: Vec<String>,
}

impl Run<'_> {
    fn steps(
        &mut self,
        files: &mut Files<'_>,
        progress: &Progress,
        interrupted: &AtomicBool,
    ) -> Result<()> {
        self.inputs =
            self.job.inputs.iter().map(|input| load(self.engine, input)).collect::<Result<_>>()?;
        let width = self.job.steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
        for step in &self.job.steps {
            if interrupted.load(Ordering::Relaxed) {
                return Err(Error::Cancelled);
            }
            let bar = progress.step(&step.name, width);
            self.step(step, &bar, progress.is_shown(), interrupted)?;
            bar.finish();
            self.put_files(step, files)?;
        }
        Ok(())
    }

    /// Runs one step, and notes what it took.
    fn step(
        &mut self,
        step: &CheckedStep,
        bar: &StepBar,
        shown: bool,
        interrupted: &AtomicBool,
    ) -> Result<()> {
        let before = self.engine.stats();
        let started = Instant::now();
        let ended = AtomicBool::new(false);
        let (made, seconds) = std::thread::scope(|scope| {
            let shower = shown.then(|| scope.spawn(|| self.show(step, bar, [&ended, interrupted])));
            let made = self.launch(step);
            let seconds = started.elapsed().as_secs_f64();
            ended.store(true, Ordering::Release);
            if let Some(shower) = shower {
                shower.thread().unpark();
            }
            (made, seconds)
        });
        let after = self.engine.stats();
        let mut report = StepReport {
            name: step.name.clone(),
            kernel: step.kernel.clone(),
            chunks: 0,
            seconds,
            bytes_per_s: 0.0,
            retries: after.retries - before.retries,
            deaths: after.deaths - before.deaths,
        };
        let made = match made {
            Ok(made) => made,
            Err(error) => {
                self.note_poison(step, &error);
                self.steps.push(report);
                return Err(error);
            }
        };
        let mut numbers = Ordered::default();
        let mut result = None;
        let mut bytes = 0;
        for (name, made) in made {
            report.chunks += made.chunks;
            bytes += made.result.as_ref().map_or(0, |array| array.bytes().len() as u64);
            result = made.result.or(result);
            if !made.numbers.is_empty() {
                numbers.0.push((name, Ordered(made.numbers)));
            }
        }
        bytes += self.read_bytes(step);
        report.bytes_per_s = StepReport::throughput(bytes, seconds);
        self.steps.push(report);
        self.results.push(result);
        if !numbers.0.is_empty() {
            self.scalars.0.push((step.name.clone(), numbers));
        }
        Ok(())
    }

    /// The kernel's runs: one, or one for each array of a list, by the array's name.
    fn launch(&self, step: &CheckedStep) -> Result<Vec<(String, Made)>> {
        let run = |bindings: &Vec<super::checked::Binding>| {
            let arrays: Vec<(&RawArray, &ArrayMeta)> =
                bindings.iter().map(|binding| self.array(binding.source)).collect();
            let elements: Vec<_> = arrays.iter().map(|(_, meta)| meta.element).collect();
            let operation = self.registry.find(&step.kernel, &elements);
            let operation = operation.expect("the check found the kernel");
            let name = bindings.first().map_or(&step.name, |binding| &binding.array);
            Ok((name.clone(), operation.run(self.engine, &step.params, &arrays)?))
        };
        step.runs.iter().map(run).collect()
    }

    fn array(&self, source: Source) -> (&RawArray, &ArrayMeta) {
        match source {
            Source::Input(input) => (&self.inputs[input], &self.job.inputs[input].meta),
            Source::Step(step) => {
                let array = self.results[step].as_ref();
                let meta = self.job.steps[step].result.as_ref();
                array.zip(meta).expect("the check found that the step has an array")
            }
        }
    }

    fn read_bytes(&self, step: &CheckedStep) -> u64 {
        let bindings = step.runs.iter().flatten();
        bindings.map(|binding| self.array(binding.source).0.bytes().len() as u64).sum()
    }

    /// Keeps the bar up to date while the step runs. A list's runs count in turn.
    fn show(&self, step: &CheckedStep, bar: &StepBar, until: [&AtomicBool; 2]) {
        let runs = step.runs.len().max(1) as f64;
        let first = self.engine.stats().launches;
        bar.follow(Duration::from_millis(50), || {
            if until.iter().any(|flag| flag.load(Ordering::Acquire)) {
                // Whether it is full is for whoever knows how the step ended.
                return None;
            }
            let begun = self.engine.stats().launches.saturating_sub(first + 1) as f64;
            let part = self
                .engine
                .progress()
                .map_or(0.0, |progress| progress.done as f64 / progress.chunks.max(1) as f64);
            Some(((begun + part) / runs).min(0.99))
        });
    }

    fn put_files(&self, step: &CheckedStep, files: &mut Files<'_>) -> Result<()> {
        let Some(array) = self.results.last().and_then(Option::as_ref) else { return Ok(()) };
        let (region, folder) = (self.engine.region(), self.folder.path());
        if let Some(path) = &step.save {
            files.put(&SaveTask::npy(region, array, folder, path))?;
        }
        if let Some((palette, path)) = &step.picture {
            files.put(&SaveTask::picture(region, array, folder, path, *palette))?;
        }
        Ok(())
    }

    /// Waits for the files; arrays stay as they are until then.
    fn collect(&mut self, files: Files<'_>) -> Vec<OutputReport> {
        let mut outputs = vec![];
        for (_, saved) in files.close() {
            match saved.map_err(|e| e.to_string()).and_then(|saved| saved) {
                Ok(output) => outputs.push(output),
                Err(reason) => self.failures.push(reason),
            }
        }
        outputs
    }

    fn note_poison(&mut self, step: &CheckedStep, error: &Error) {
        let Error::Poisoned(poisoned) = error else { return };
        for chunk in &poisoned.chunks {
            let attempts = chunk
                .deaths
                .iter()
                .map(|death| Attempt { worker: death.rank, death: death.cause.to_string() });
            self.poisoned.push(Poisoned {
                step: step.name.clone(),
                kernel: step.kernel.clone(),
                chunk: chunk.place.chunk as u64,
                range: [chunk.place.start as u64, chunk.place.end as u64],
                attempts: attempts.collect(),
            });
        }
    }
}
