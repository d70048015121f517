//! The whole check of a job before anything runs: names, wiring, order, shapes, and then what each
//! part checks itself.
//!
//! Every mistake is noted and the check goes on with what is still known, so that all are reported
//! at once; nothing is concluded from what is already wrong. No array is read, no worker is started
//! and nothing is written.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use toml::Spanned;

use super::checked::{CheckedJob, CheckedStep, Source};
use super::diagnose::{JobErrors, Mistakes};
use super::disk;
use super::input::{self, CheckedInput};
use super::job::Job;
use super::memory;
use super::order;
use super::output;
use super::parse;
use super::step;
use super::wire::{Names, Wired};
use crate::batch::kernels::catalogue::{ArrayMeta, Catalogue};
use crate::batch::output::output_path::OutputPath;
use crate::batch::text_file;
use crate::memory::available_to_arrays;
use crate::report::sha256;

/// A job file's length at most.
const JOB_BYTES_MAX: u64 = 1 << 20;

/// Why a job will not run.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum CheckError {
    /// The job file could not be read.
    #[error("cannot read the job file {path}: {reason}", path = path.display())]
    #[diagnostic(help("name a job file, or make one to start from with `gristmill init`"))]
    Unreadable { path: PathBuf, reason: String },
    /// It has mistakes.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Mistakes(#[from] JobErrors),
}

/// What the command line says of how a job is to run, as far as the check has to know it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted<'w> {
    /// Where its results shall go instead of out/NAME.
    pub(crate) folder: Option<&'w Path>,
    /// Whether kernels are fenced in.
    pub(crate) fence: bool,
}

/// Reads and checks a job file.
pub(crate) fn check_file(
    path: &Path,
    wanted: Wanted<'_>,
    catalogue: &dyn Catalogue,
) -> Result<CheckedJob, CheckError> {
    let unreadable = |reason: String| CheckError::Unreadable { path: path.to_path_buf(), reason };
    let text = text_file::read(path, JOB_BYTES_MAX).map_err(unreadable)?;
    Ok(check_text(&text, path, wanted, catalogue)?)
}

/// Checks a job file's text, as though it lay at `path`.
pub(crate) fn check_text(
    text: &str,
    path: &Path,
    wanted: Wanted<'_>,
    catalogue: &dyn Catalogue,
) -> Result<CheckedJob, JobErrors> {
    let mut mistakes = Mistakes::new(text);
    let job = parse::parse(text, &mut mistakes);
    let mut checked = job.and_then(|job| check_job(&job, path, wanted, catalogue, &mut mistakes));
    if let Some(checked) = &mut checked {
        // Reading from memory does not fail.
        checked.sha256 = sha256(&mut text.as_bytes()).unwrap_or_default();
        checked.file = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    }
    mistakes.into_result(&path.display().to_string())?;
    Ok(checked.unwrap_or_else(|| unreachable!("a job without a mistake is complete")))
}

fn check_job(
    job: &Job,
    path: &Path,
    wanted: Wanted<'_>,
    catalogue: &dyn Catalogue,
    mistakes: &mut Mistakes<'_>,
) -> Option<CheckedJob> {
    let kernels = catalogue.kernels();
    let names = Names::of(job, &kernels, mistakes);
    let base = path.parent().unwrap_or(Path::new(""));
    let inputs: Vec<Option<CheckedInput>> =
        job.inputs.iter().map(|input| input::check(input, base, mistakes)).collect();

    let wired: Vec<Wired> = (0..job.steps.len()).map(|at| names.wire(job, at, mistakes)).collect();
    let reads: Vec<Vec<usize>> = wired.iter().map(Wired::steps_read).collect();
    let order = order::order(&reads).unwrap_or_else(|loops| {
        loops.iter().for_each(|found| note_loop(found, job, mistakes));
        Vec::new()
    });

    let mut results: Vec<Option<Option<ArrayMeta>>> = vec![None; job.steps.len()];
    let mut steps: Vec<Option<CheckedStep>> = job.steps.iter().map(|_| None).collect();
    let in_a_loop: Vec<usize> = (0..job.steps.len()).filter(|at| !order.contains(at)).collect();
    for &at in order.iter().chain(&in_a_loop) {
        let meta_of = |source: Source| match source {
            Source::Input(at) => inputs[at].as_ref().map(|input| input.meta.clone()),
            Source::Step(at) => results[at].clone().flatten(),
        };
        let asked = step::Asked {
            step: &job.steps[at],
            kernel: names.kernels[at],
            wired: &wired[at],
            meta_of: &meta_of,
        };
        steps[at] = step::check(&asked, catalogue, mistakes);
        results[at] = steps[at].as_ref().map(|step| step.result.clone());
    }
    let folder = output_folder(job, wanted.folder);
    let outputs = output::check(job, &inputs, &mut steps, folder.as_deref(), mistakes);
    let checked = assemble(job, folder?, inputs, steps, &order, outputs)?;
    let available = available_to_arrays(&crate::machine::Memory::here(), wanted.fence);
    memory::check(&checked, job, available.as_ref(), mistakes);
    disk::check(&checked, job, mistakes);
    Some(checked)
}

/// Puts the parts together, steps in the order in which they run, if every part is there.
fn assemble(
    job: &Job,
    folder: PathBuf,
    inputs: Vec<Option<CheckedInput>>,
    mut steps: Vec<Option<CheckedStep>>,
    order: &[usize],
    outputs: Vec<OutputPath>,
) -> Option<CheckedJob> {
    let mut position = vec![0; steps.len()];
    order.iter().enumerate().for_each(|(place, &at)| position[at] = place);
    for binding in steps.iter_mut().flatten().flat_map(|step| step.runs.iter_mut().flatten()) {
        if let Source::Step(at) = &mut binding.source {
            *at = position[*at];
        }
    }
    Some(CheckedJob {
        name: job.name.as_ref()?.get_ref().clone(),
        folder,
        file: PathBuf::new(),
        sha256: String::new(),
        deadline: job.deadline,
        worker_memory: job.worker_memory,
        inputs: inputs.into_iter().collect::<Option<_>>()?,
        steps: order.iter().map(|&at| steps[at].take()).collect::<Option<_>>()?,
        outputs,
    })
}

fn output_folder(job: &Job, folder: Option<&Path>) -> Option<PathBuf> {
    let named = || job.name.as_ref().map(|name| Path::new("out").join(name.get_ref()));
    folder.map(Path::to_path_buf).or_else(named)
}

fn note_loop(found: &[usize], job: &Job, mistakes: &mut Mistakes<'_>) {
    let name = |at: usize| format!("`{}`", job.steps[at].name.get_ref());
    let mut path: Vec<String> = found.iter().map(|&at| name(at)).collect();
    path.push(name(found[0]));
    let first = &job.steps[found[0]];
    let span = first.arrays.as_ref().map_or(first.name.span(), Spanned::span);
    let message = match found {
        [_] => format!("{} reads its own result", path[0]),
        _ => format!("the steps go round in a circle: {}", path.join(" reads ")),
    };
    let help = "a step can only read inputs and the results of steps that do not read it";
    mistakes.add_with_help(span, message, "this is never ready", help);
}
