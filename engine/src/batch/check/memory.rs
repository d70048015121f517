//! Whether a job's arrays can be in memory when they have to be: their sizes are known before
//! anything starts.
//!
//! Counted are arrays and what kernels say that they need beside them, from when an array is made
//! until its last reader has run, as they lie in the engine's region.

use super::checked::{CheckedJob, CheckedStep, Source};
use super::diagnose::Mistakes;
use super::job::{Job, Step};
use crate::machine::MemoryBound;
use crate::memory::taken_by;
use crate::report::bytes;
use std::ops::Range;

/// What the engine takes of the region for itself while a job runs (a task queue, marks, partial
/// results, undo copies), in huge pages that it begins.
const ENGINE_BYTES: u64 = 4 << 20;

/// Notes a mistake if the job needs more memory at some step than can be had.
pub(crate) fn check(
    checked: &CheckedJob,
    job: &Job,
    available: Option<&MemoryBound>,
    mistakes: &mut Mistakes<'_>,
) {
    // The first of those that need as much.
    let needs = (0..checked.steps.len()).map(|at| (at, Need::of(checked, at)));
    let most = needs.rev().max_by_key(|(_, need)| need.in_all);
    let (Some(available), Some((at, need))) = (available, most) else { return };
    if need.in_all <= available.bytes {
        return;
    }
    let step = &checked.steps[at];
    let message = format!(
        "step `{}` needs {} of memory: {}; there is less",
        step.name,
        bytes(need.in_all),
        need.in_words(step)
    );
    let written = job.steps.iter().find(|written| *written.name.get_ref() == step.name);
    let span = written.map_or(0..0, |written| place(written, step));
    let help = "make the arrays smaller, end other programs, or use a machine with more memory";
    mistakes.add_with_help(span, message, format!("expected at most {available}"), help);
}

/// What is held while a step runs, in bytes.
#[derive(Debug, Default)]
struct Need {
    inputs: u64,
    result: u64,
    spare: u64,
    /// Arrays that it has nothing to do with.
    others: u64,
    /// All of that as it lies in the region, and the engine's own.
    in_all: u64,
}

impl Need {
    fn of(job: &CheckedJob, at: usize) -> Need {
        let step = &job.steps[at];
        let result = step.result.as_ref().map_or(0, |meta| meta.bytes());
        let mut need = Need { result, spare: step.spare_bytes, ..Need::default() };
        need.in_all = [result, step.spare_bytes]
            .map(taken_by)
            .into_iter()
            .fold(ENGINE_BYTES, u64::saturating_add);
        let inputs = job.inputs.iter().enumerate();
        let inputs = inputs.map(|(at, input)| (Source::Input(at), Some(&input.meta)));
        let results = job.steps[..at].iter().enumerate();
        let results = results.map(|(at, step)| (Source::Step(at), step.result.as_ref()));
        for (source, meta) in inputs.chain(results) {
            let is_held = job.last_reader(source).is_some_and(|last| last >= at);
            let Some(meta) = meta.filter(|_| is_held) else { continue };
            let is_read = step.runs.iter().flatten().any(|bound| bound.source == source);
            let sum = if is_read { &mut need.inputs } else { &mut need.others };
            *sum = sum.saturating_add(meta.bytes());
            need.in_all = need.in_all.saturating_add(taken_by(meta.bytes()));
        }
        need
    }

    fn in_words(&self, step: &CheckedStep) -> String {
        let result = step.result.as_ref().map_or(String::new(), |meta| meta.describe());
        let arrays = [self.inputs, self.result, self.spare, self.others];
        let engine = arrays.into_iter().fold(self.in_all, u64::saturating_sub);
        let parts = [
            (self.inputs, "for its inputs".to_string()),
            (self.result, format!("for its result ({result})")),
            (self.spare, "to work with".to_string()),
            (self.others, "for other arrays that are held then".to_string()),
            (engine, "for the engine".to_string()),
        ];
        let parts = parts.into_iter().filter(|(size, _)| *size > 0);
        let parts: Vec<_> = parts.map(|(size, what)| format!("{} {what}", bytes(size))).collect();
        parts.join(", ")
    }
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
