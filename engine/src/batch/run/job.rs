//! Runs a checked job on an engine: inputs, steps in order, output files as tasks beside them.

use super::deaths::Deaths;
use super::failure;
use super::load::load;
use super::save::{SaveTask, Saved, save};
use super::step::ends_the_job;
use crate::batch::check::checked::{CheckedJob, CheckedStep, Source};
use crate::batch::check::input::CheckedInput;
use crate::batch::kernels::catalogue::ArrayMeta;
use crate::batch::kernels::registry::Registry;
use crate::batch::output::folder::OutputFolder;
use crate::batch::output::output_path::OutputPath;
use crate::error::{Error, Result, TaskFailure};
use crate::memory::RawArray;
use crate::report::{
    Attempt, JobFile, Machine, Ordered, OutputReport, Poisoned, PoisonedFile, Progress, Report,
    SCHEMA, Scalar, Status, StepReport, params,
};
use crate::roles::{Engine, OWN_WORK_MIN, TaskQueue};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
    let mut run = Run::new(job, registry, engine, Some(folder), progress);
    engine.set_deadline(job.deadline);
    let mut files =
        engine.tasks().deadline(file_deadline(job)).queue(save).map_err(failure::of_run)?;
    let ended = run.steps(&mut files, interrupted);
    let mut outputs = run.collect(files);
    run.deaths.tell(engine, None, progress);
    run.deaths.sum_up(None, progress);
    // In the order of the job, whoever came first.
    let is_of = |path: &OutputPath, written: &str| {
        path.as_str() == written || path.partial().as_str() == written
    };
    let place = |output: &OutputReport| job.outputs.iter().position(|o| is_of(o, &output.path));
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
        job_file: JobFile { path: job.file.display().to_string(), sha256: job.sha256.clone() },
        status,
        machine: Machine::here(),
        workers: engine.workers(),
        deadline_s: job.deadline.map(|deadline| deadline.as_secs_f64()),
        worker_memory_bytes: job.worker_memory,
        fence: engine.has_fences(),
        inputs: job.inputs.iter().map(CheckedInput::report).collect(),
        steps: run.steps,
        retries: toll.retries,
        deaths: toll.deaths,
        chaos: None,
        scalars: run.scalars,
        outputs,
        poisoned: run.poisoned,
        poisoned_files: run.poisoned_files,
    };
    Ok(Ended { report, failures: run.failures, notes: run.notes })
}

pub(super) type Files<'e> = TaskQueue<'e, SaveTask, Saved>;

/// The deadline of a file: one of chunks says nothing of how long a disk may take, so it is long
/// enough for a slow one.
fn file_deadline(job: &CheckedJob) -> Option<Duration> {
    const SLOW_BYTES_PER_S: u64 = 4 << 20;
    let largest = job.steps.iter().filter_map(|step| step.result.as_ref()).map(|meta| meta.bytes());
    let patience = OWN_WORK_MIN
        .saturating_add(Duration::from_secs(largest.max().unwrap_or(0) / SLOW_BYTES_PER_S));
    job.deadline.map(|deadline| deadline.max(patience))
}

/// Why not all steps ran; what failed is noted already.
pub(super) enum Stopped {
    Interrupted,
    Failed,
}

pub(super) struct Run<'j> {
    pub(super) job: &'j CheckedJob,
    pub(super) registry: &'j Registry,
    pub(super) engine: &'j Engine,
    /// None for a run that writes no files.
    folder: Option<&'j OutputFolder>,
    pub(super) progress: &'j Progress,
    /// `None` once nothing reads it any more, and if nothing ever does.
    inputs: Vec<Option<RawArray>>,
    /// Of each step, its array, if it has one that is still needed.
    pub(super) results: Vec<Option<RawArray>>,
    pub(super) steps: Vec<StepReport>,
    pub(super) scalars: Ordered<Ordered<Ordered<Scalar>>>,
    /// What is there of the result of the step that ran last, if it failed.
    pub(super) partial: Option<RawArray>,
    /// Such results that are being written.
    partials: Vec<RawArray>,
    /// Steps whose results are not there.
    missing: Vec<usize>,
    poisoned: Vec<Poisoned>,
    poisoned_files: Vec<PoisonedFile>,
    pub(super) failures: Vec<String>,
    notes: Vec<String>,
    pub(super) deaths: Deaths,
    /// Step and path of each file, by the number of its task.
    files: HashMap<u64, (usize, String)>,
}

impl<'j> Run<'j> {
    pub(super) fn new(
        job: &'j CheckedJob,
        registry: &'j Registry,
        engine: &'j Engine,
        folder: Option<&'j OutputFolder>,
        progress: &'j Progress,
    ) -> Run<'j> {
        Run {
            job,
            registry,
            engine,
            folder,
            progress,
            inputs: vec![],
            results: vec![],
            steps: vec![],
            scalars: Ordered::default(),
            partial: None,
            partials: vec![],
            missing: vec![],
            poisoned: vec![],
            poisoned_files: vec![],
            failures: vec![],
            notes: vec![],
            deaths: Deaths::default(),
            files: HashMap::new(),
        }
    }

    fn steps(&mut self, files: &mut Files<'_>, interrupted: &AtomicBool) -> Result<(), Stopped> {
        self.load_inputs()?;
        // From here on the run makes something: what an earlier one left must not be taken for it.
        let removed = self.folder.map_or(Ok(()), |folder| folder.remove_earlier(&self.job.outputs));
        if let Err(error) = removed {
            self.failures.push(error.to_string());
            return Err(Stopped::Failed);
        }
        for (at, step) in self.job.steps.iter().enumerate() {
            if interrupted.load(Ordering::Relaxed) {
                self.failures.push(format!("interrupted before step `{}`", step.name));
                return Err(Stopped::Interrupted);
            }
            if let Some(missing) = self.first_missing(step) {
                let name = &self.job.steps[missing].name;
                let reason = format!("step `{}` was left out: it reads `{name}`", step.name);
                self.failures.push(reason);
                self.missing.push(at);
                self.results.push(None);
                continue;
            }
            for (run, error) in self.step(step, files) {
                self.missing.push(at);
                let partial = self.put_partial(at, files);
                self.note_poison(step, run, &error, partial);
                let stopped = match error {
                    Error::Cancelled => Some(Stopped::Interrupted),
                    _ if ends_the_job(&error) => Some(Stopped::Failed),
                    _ => None,
                };
                self.failures.push(failure::of_step(step, error));
                stopped.map_or(Ok(()), Err)?;
            }
            if let Err(error) = self.put_files(at, files) {
                self.failures.push(failure::of_step(step, error));
                return Err(Stopped::Failed);
            }
            self.release(at, false);
        }
        Ok(())
    }

    pub(super) fn load_inputs(&mut self) -> Result<(), Stopped> {
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
    pub(super) fn release(&mut self, at: usize, written: bool) {
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

    /// A step that this one reads and whose result is not there.
    fn first_missing(&self, step: &CheckedStep) -> Option<usize> {
        let missing = |source: Source| match source {
            Source::Step(at) => Some(at).filter(|at| self.missing.contains(at)),
            Source::Input(_) => None,
        };
        step.runs.iter().flatten().find_map(|binding| missing(binding.source))
    }

    /// Saves what there is of a step's result, under a name that says so; gives that name.
    fn put_partial(&mut self, at: usize, files: &mut Files<'_>) -> Option<String> {
        let array = self.partial.take()?;
        let path = self.job.steps[at].save.as_ref()?.partial();
        if self.job.outputs.contains(&path) {
            return None;
        }
        let folder = self.folder?.path();
        let task = SaveTask::npy(self.engine.region(), &array, folder, &path);
        let task = files.put(&task).ok()?;
        self.files.insert(task, (at, path.as_str().into()));
        self.partials.push(array);
        Some(path.as_str().into())
    }

    fn put_files(&mut self, at: usize, files: &mut Files<'_>) -> Result<()> {
        let step = &self.job.steps[at];
        let (Some(array), Some(folder)) = (self.results[at].as_ref(), self.folder) else {
            return Ok(());
        };
        let (region, folder) = (self.engine.region(), folder.path());
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
                Err(error) => {
                    if let Error::Task { reason: TaskFailure::Died(deaths), .. } = &error {
                        let attempts = deaths.iter().map(Attempt::of).collect();
                        let (step, path) = (step.clone(), path.clone());
                        self.poisoned_files.push(PoisonedFile { step, path, attempts });
                    }
                    self.failures.push(failure::of_file(step, path, error));
                }
            }
        }
        outputs
    }

    fn note_poison(
        &mut self,
        step: &CheckedStep,
        run: usize,
        error: &Error,
        partial: Option<String>,
    ) {
        let Error::Poisoned(poisoned) = error else { return };
        for chunk in &poisoned.chunks {
            let arrays = step.runs[run].iter();
            let deadline = step.deadline.or(self.job.deadline);
            self.poisoned.push(Poisoned {
                step: step.name.clone(),
                kernel: step.kernel.clone(),
                run,
                arrays: arrays.map(|bound| (bound.input.clone(), bound.array.clone())).collect(),
                params: params(&step.params),
                launches_before: poisoned.launches_before,
                steps_before: poisoned.steps_before,
                chunk: chunk.place.chunk as u64,
                range: [chunk.place.start as u64, chunk.place.end as u64],
                deadline_s: deadline.map(|deadline| deadline.as_secs_f64()),
                partial: partial.clone(),
                attempts: chunk.deaths.iter().map(Attempt::of).collect(),
            });
        }
    }
}
