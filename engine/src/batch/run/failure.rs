//! Errors of the engine in the words of a job: steps and kernels by their names there, not by those
//! of Rust's types, and remedies that whoever wrote the job can use.

use crate::batch::check::checked::CheckedStep;
use crate::error::{Cause, Error, Panic, PoisonedChunk};
use crate::report::bytes;

/// Why a step failed.
pub(crate) fn of_step(step: &CheckedStep, error: Error) -> String {
    let hint = short_deadline(step, &error).unwrap_or_default();
    format!("step `{}`: {}{hint}", step.name, in_words(error, &step.kernel))
}

/// Fewer chunks may well hang, all of them.
const CHUNKS_MIN: usize = 8;

/// What to do where nearly all of a step's chunks ended at their deadline: then nothing is wrong with
/// any of them.
fn short_deadline(step: &CheckedStep, error: &Error) -> Option<String> {
    let Error::Poisoned(poisoned) = error else { return None };
    let limit = |chunk: &PoisonedChunk| match chunk.deaths.last().map(|death| &death.cause) {
        Some(Cause::Deadline { limit, .. }) => Some(*limit),
        _ => None,
    };
    let limits: Vec<_> = poisoned.chunks.iter().filter_map(limit).collect();
    let chunks = step.chunks / step.runs.len().max(1) as u64;
    let is_most = limits.len() >= CHUNKS_MIN && limits.len() as u64 * 10 >= chunks * 9;
    let limit = limits.first().filter(|_| is_most)?.as_secs_f64();
    Some(format!(
        "\n  {} of {chunks} chunks ended at their deadline: {limit} s is less than a chunk takes; \
         give them more (`deadline` in the job file, `--deadline`)",
        limits.len()
    ))
}

/// Why an input could not be loaded.
pub(crate) fn of_input(name: &str, error: Error) -> String {
    format!("input `{name}`: {}", in_words(error, "loading it"))
}

/// Why the run could not begin.
pub(crate) fn of_run(error: Error) -> String {
    in_words(error, "the job")
}

fn in_words(error: Error, name: &str) -> String {
    let kernel = name.to_string();
    match error {
        Error::OutOfMemory { requested, available, bound, .. } => format!(
            "out of memory: {} were asked for, {} are available ({bound}); make the arrays \
             smaller, end other programs, or use a machine with more memory",
            bytes(requested),
            bytes(available)
        ),
        Error::Shape { reason, .. } | Error::Refused { reason, .. } => reason,
        Error::Panicked(panic) => Error::Panicked(Box::new(Panic { kernel, ..*panic })).to_string(),
        Error::Poisoned(mut poisoned) => {
            poisoned.kernel = kernel;
            Error::Poisoned(poisoned).to_string()
        }
        Error::FoldDied { attempts, last, .. } => {
            Error::FoldDied { kernel, attempts, last }.to_string()
        }
        Error::Damaged { what, .. } => Error::Damaged { kernel, what }.to_string(),
        Error::GivenUp { deaths, last, .. } => Error::GivenUp { kernel, deaths, last }.to_string(),
        other => other.to_string(),
    }
}

/// Why a file of a step is not there.
pub(crate) fn of_file(step: &str, path: &str, error: Error) -> String {
    match error {
        Error::Task { reason, .. } => format!("step `{step}`: writing {path}: {reason}"),
        other => format!("step `{step}`: writing {path}: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::TaskFailure;

    #[test]
    fn a_file_that_kills_its_workers_is_named() {
        let error = Error::Task { index: 1, task: "a task", reason: TaskFailure::Died(vec![]) };
        let said = of_file("slope", "slope.png", error);
        assert_eq!(said, "step `slope`: writing slope.png: killed its worker 0 times");
    }

    #[test]
    fn want_of_memory_has_a_remedy_that_jobs_can_use() {
        let (purpose, bound) = ("an array of a job", "the region".to_string());
        let error = Error::OutOfMemory { purpose, requested: 3 << 30, available: 1 << 30, bound };
        let said = of_input("elevation", error);
        assert!(
            said.starts_with("input `elevation`: out of memory: 3.00 GiB were asked"),
            "{said}"
        );
        assert!(said.contains("make the arrays smaller") && !said.contains("engine"), "{said}");
    }
}
