//! Whether a job's arrays can be in memory when they have to be: their sizes are known before
//! anything starts.
//!
//! Counted are arrays and what kernels say that they need beside them, from when an array is made
//! until its last reader has run. The engine's own needs are small against these.

use super::checked::{CheckedJob, CheckedStep, Source};
use super::diagnose::Mistakes;
use super::job::{Job, Step};
use crate::machine::MemoryBound;
use crate::report::bytes;
use std::ops::Range;

/// Notes a mistake if the job needs more memory at some step than can be had.
pub(crate) fn check(
    checked: &CheckedJob,
    job: &Job,
    available: Option<&MemoryBound>,
    mistakes: &mut Mistakes<'_>,
) {
    let (Some(available), Some((at, needed))) = (available, most(checked)) else { return };
    if needed <= available.bytes {
        return;
    }
    let step = &checked.steps[at];
    let own = own_bytes(step);
    let result = match &step.result {
        Some(meta) => format!("its result, {}", meta.describe()),
        None => "its inputs".to_string(),
    };
    let others = match needed.saturating_sub(own) {
        0 => String::new(),
        others => format!(", and {} for other arrays that are held then", bytes(others)),
    };
    let message = format!(
        "step `{}` needs {} of memory: {} for {result} and to work with{others}; there is less",
        step.name,
        bytes(needed),
        bytes(own),
    );
    let written = job.steps.iter().find(|written| *written.name.get_ref() == step.name);
    let span = written.map_or(0..0, |written| place(written, step));
    let help = "make the arrays smaller, end other programs, or use a machine with more memory";
    mistakes.add_with_help(span, message, format!("expected at most {available}"), help);
}

/// The step at which most is held, and how much that is.
fn most(job: &CheckedJob) -> Option<(usize, u64)> {
    let held = |at: usize| {
        let inputs = job.inputs.iter().enumerate().filter(|(input, _)| {
            job.last_reader(Source::Input(*input)).is_some_and(|last| last >= at)
        });
        let inputs = inputs.map(|(_, input)| input.meta.bytes());
        let results = job.steps[..at].iter().enumerate().filter(|(step, _)| {
            job.last_reader(Source::Step(*step)).is_some_and(|last| last >= at)
        });
        let results = results.filter_map(|(_, step)| step.result.as_ref()).map(|meta| meta.bytes());
        inputs.chain(results).fold(own_bytes(&job.steps[at]), u64::saturating_add)
    };
    // The first of those that need as much.
    (0..job.steps.len()).map(|at| (at, held(at))).rev().max_by_key(|(_, bytes)| *bytes)
}

fn own_bytes(step: &CheckedStep) -> u64 {
    let result = step.result.as_ref().map_or(0, |meta| meta.bytes());
    result.saturating_add(step.spare_bytes)
}

/// The parameter that is a length of the result, if there is one.
fn place(written: &Step, step: &CheckedStep) -> Range<usize> {
    let shape = step.result.as_ref().map_or(&[][..], |meta| &meta.shape);
    let is_length = |value: &toml::Value| {
        let whole = value.as_integer().and_then(|whole| usize::try_from(whole).ok());
        whole.is_some_and(|whole| shape.contains(&whole))
    };
    let length = written.params.iter().find(|(_, value)| is_length(value.get_ref()));
    length.map_or(written.name.span(), |(_, value)| value.span())
}
