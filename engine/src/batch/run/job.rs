//! Runs a checked job on an engine: inputs, steps in order, output files as tasks beside them.

use super::deaths::Deaths;
use super::failure;
use super::load::load;
use super::save::{SaveTask, Saved, save};
use crate::batch::check::checked::{CheckedJob, CheckedStep, Source};
use crate::batch::kernels::catalogue::ArrayMeta;
use crate::batch::kernels::registry::Registry;
use crate::batch::output::folder::OutputFolder;
use crate::error::{Error, Result};
use crate::memory::RawArray;
use crate::report::{
    Attempt, Machine, Ordered, OutputReport, Poisoned, Progress, Report, SCHEMA, Scalar, Status,
    StepReport,
};
use crate::roles::{Engine, TaskQueue};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a run ended: the report is there in any case.
pub(crate) struct Ended {
    pub(crate) report: Report,
    /// Why it is not done, in words, for each thing that failed.
    pub(crate) failures: Vec<String>,
    /// What is worth knowing of files that were written.
    pub(crate) notes: Vec<String>,
}

/// Runs `job` into `folder`; `interrupted` is looked at between steps.
pub(crate) fn run(
    job: &CheckedJob,
    registry: &Registry,
    engine: &Engine,
    folder: &OutputFolder,
    progress: &Progress,
    interrupted: &AtomicBool,
) -> Result<Ended, String> {
    let mut run = Run {
        job,
        registry,
        engine,
        folder,
        progress,
        inputs: vec![],
        results: vec![],
        steps: vec![],
        scalars: Ordered::default(),
        poisoned: vec![],
        failures: vec![],
        notes: vec![],
        deaths: Deaths::default(),
        files: HashMap::new(),
    };
    let mut files = engine.tasks().queue(save).map_err(failure::of_run)?;
    let ended = run.steps(&mut files, interrupted);
    let mut outputs = run.collect(files);
    run.deaths.tell(engine, None, progress);
    // In the order of the job, whoever came first.
    let place = |output: &OutputReport| job.outputs.iter().position(|o| o.as_str() == output.path);
    outputs.sort_by_key(place);
    let status = match (ended, run.failures.is_empty()) {
        (Err(Stopped::Interrupted), _) => Status::Interrupted,
        (Ok(()), true) => Status::Done,
        _ => Status::Failed,
    };
    let toll = run.deaths.of_run();
    let report = Report {
        schema: SCHEMA,
        job: job.name.clone(),
        status,
        machine: Machine::here(),
        workers: engine.workers(),
        steps: run.steps,
        retries: toll.retries,
        deaths: toll.deaths,
        chaos: None,
        scalars: run.scalars,
        outputs,
        poisoned: run.poisoned,
    };
    Ok(Ended { report, failures: run.failures, notes: run.notes })
}

pub(super) type Files<'e> = TaskQueue<'e, SaveTask, Saved>;

/// Why not all steps ran; what failed is noted already.
enum Stopped {
    Interrupted,
    Failed,
}

pub(super) struct Run<'j> {
    pub(super) job: &'j CheckedJob,
    pub(super) registry: &'j Registry,
    pub(super) engine: &'j Engine,
    folder: &'j OutputFolder,
    pub(super) progress: &'j Progress,
    /// `None` once nothing reads it any more, and if nothing ever does.
    inputs: Vec<Option<RawArray>>,
    /// Of each step, its array, if it has one that is still needed.
    pub(super) results: Vec<Option<RawArray>>,
    pub(super) steps: Vec<StepReport>,
    pub(super) scalars: Ordered<Ordered<Ordered<Scalar>>>,
    poisoned: Vec<Poisoned>,
    failures: Vec<String>,
    notes: Vec<String>,
    pub(super) deaths: Deaths,
    /// Step and path of each file, by the number of its task.
    files: HashMap<u64, (usize, String)>,
}

impl Run<'_> {
    fn steps(&mut self, files: &mut Files<'_>, interrupted: &AtomicBool) -> Result<(), Stopped> {
        self.load_inputs()?;
        // From here on the run makes something: what an earlier one left must not be taken for it.
        if let Err(error) = self.folder.remove_earlier(&self.job.outputs) {
            self.failures.push(error.to_string());
            return Err(Stopped::Failed);
        }
        for (at, step) in self.job.steps.iter().enumerate() {
            if interrupted.load(Ordering::Relaxed) {
                self.failures.push(format!("interrupted before step `{}`", step.name));
                return Err(Stopped::Interrupted);
            }
            if let Err(error) = self.step(step, files) {
                self.note_poison(step, &error);
                let stopped = match error {
                    Error::Cancelled => Stopped::Interrupted,
                    _ => Stopped::Failed,
                };
                self.failures.push(failure::of_step(step, error));
                return Err(stopped);
            }
            if let Err(error) = self.put_files(at, files) {
                self.failures.push(failure::of_step(step, error));
                return Err(Stopped::Failed);
            }
            self.release(at, false);
        }
        Ok(())
    }

    fn load_inputs(&mut self) -> Result<(), Stopped> {
        for (at, input) in self.job.inputs.iter().enumerate() {
            let is_read = self.job.last_reader(Source::Input(at)).is_some();
            match is_read.then(|| load(self.engine, input)).transpose() {
                Ok(array) => self.inputs.push(array),
                Err(Error::Cancelled) => {
                    self.failures
                        .push(format!("interrupted while input `{}` was loaded", input.name));
                    return Err(Stopped::Interrupted);
                }
                Err(error) => {
                    self.failures.push(failure::of_input(&input.name, error));
                    return Err(Stopped::Failed);
                }
            }
        }
        Ok(())
    }

    pub(super) fn array(&self, source: Source) -> (&RawArray, &ArrayMeta) {
        let (array, meta) = match source {
            Source::Input(input) => (&self.inputs[input], Some(&self.job.inputs[input].meta)),
            Source::Step(step) => (&self.results[step], self.job.steps[step].result.as_ref()),
        };
        let found = array.as_ref().zip(meta);
        found.expect("the check found that there is an array, and it is kept for its last reader")
    }

    /// Gives back the arrays that nothing reads after step `at`. Those that files are made of are
    /// kept unless these are `written`.
    fn release(&mut self, at: usize, written: bool) {
        let job = self.job;
        let is_over = |source| job.last_reader(source).is_none_or(|last| last <= at);
        for (input, array) in self.inputs.iter_mut().enumerate() {
            if is_over(Source::Input(input)) {
                *array = None;
            }
        }
        for (step, array) in self.results.iter_mut().enumerate() {
            let has_files = job.steps[step].save.is_some() || job.steps[step].picture.is_some();
            if is_over(Source::Step(step)) && (written || !has_files) {
                *array = None;
            }
        }
    }

    /// Waits for all files that are being written, and gives back their arrays if nothing else
    /// needs them.
    pub(super) fn make_room(&mut self, files: &mut Files<'_>) {
        files.join();
        if let Some(before) = self.results.len().checked_sub(1) {
            self.release(before, true);
        }
    }

    fn put_files(&mut self, at: usize, files: &mut Files<'_>) -> Result<()> {
        let step = &self.job.steps[at];
        let Some(array) = self.results[at].as_ref() else { return Ok(()) };
        let (region, folder) = (self.engine.region(), self.folder.path());
        if let Some(path) = &step.save {
            let task = files.put(&SaveTask::npy(region, array, folder, path))?;
            self.files.insert(task, (at, path.as_str().into()));
        }
        if let Some((palette, path)) = &step.picture {
            let task = files.put(&SaveTask::picture(region, array, folder, path, *palette))?;
            self.files.insert(task, (at, path.as_str().into()));
        }
        Ok(())
    }

    /// Waits for the files; arrays stay as they are until then.
    fn collect(&mut self, mut files: Files<'_>) -> Vec<OutputReport> {
        let mut outputs = vec![];
        while !files.is_empty() {
            let Some((task, saved)) = files.next() else { break };
            self.deaths.tell(self.engine, None, self.progress);
            let (step, path) = &self.files[&task];
            let step = &self.job.steps[*step].name;
            match saved {
                Ok(Ok((output, note))) => {
                    outputs.push(output);
                    self.notes.extend(note);
                }
                Ok(Err(reason)) => self.failures.push(format!("step `{step}`: {reason}")),
                Err(error) => self.failures.push(failure::of_file(step, path, error)),
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
