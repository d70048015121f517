//! What a check that finds no mistake hands on: a job in which every name
//! is resolved and every default filled in.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::input::CheckedInput;
use crate::batch::kernels::catalogue::ArrayMeta;
use crate::batch::output::output_path::OutputPath;
use crate::report::Palette;

/// A job that can run: every name resolved, every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CheckedJob {
    /// Its name.
    pub(crate) name: String,
    /// The output folder: as asked for, or out/NAME under the current folder.
    pub(crate) folder: PathBuf,
    /// Where it was read, and the SHA-256 of its text.
    pub(crate) file: PathBuf,
    pub(crate) sha256: String,
    /// Of each attempt at a chunk, in steps that have none of their own.
    pub(crate) deadline: Option<Duration>,
    /// The most memory of its own that a worker may have, in bytes.
    pub(crate) worker_memory: Option<u64>,
    /// In the order of the file.
    pub(crate) inputs: Vec<CheckedInput>,
    /// In the order in which they can run.
    pub(crate) steps: Vec<CheckedStep>,
    /// Every file that the job writes, the report last.
    pub(crate) outputs: Vec<OutputPath>,
}

impl CheckedJob {
    /// The last step that reads an array, if any does.
    pub(crate) fn last_reader(&self, source: Source) -> Option<usize> {
        let reads = |step: &CheckedStep| step.runs.iter().flatten().any(|b| b.source == source);
        self.steps.iter().rposition(reads)
    }
}

/// A step that can run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CheckedStep {
    /// Its name; its array's name as well.
    pub(crate) name: String,
    /// The kernel.
    pub(crate) kernel: String,
    /// Whether `in` was a list: then the scalars are those of each array in turn.
    pub(crate) each: bool,
    /// The arrays of each run of the kernel, in the order of the kernel's inputs: one run, or one
    /// per entry of the list.
    pub(crate) runs: Vec<Vec<Binding>>,
    /// All parameters, defaults filled in, whole numbers made floats where the kernel wants
    /// numbers.
    pub(crate) params: toml::Table,
    /// Where the result's array is written.
    pub(crate) save: Option<OutputPath>,
    /// Where its picture is written, and in which colours.
    pub(crate) picture: Option<(Palette, OutputPath)>,
    /// Of each attempt at a chunk.
    pub(crate) deadline: Option<Duration>,
    /// The result's array, if it has one.
    pub(crate) result: Option<ArrayMeta>,
    /// Chunks that its inputs are cut into, over all runs.
    pub(crate) chunks: u64,
    /// Bytes that a run needs beside its inputs and its result, at least.
    pub(crate) spare_bytes: u64,
}

/// An array, bound to an input of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    /// The kernel's input.
    pub(crate) input: String,
    /// The array's name.
    pub(crate) array: String,
    /// Where the array comes from.
    pub(crate) source: Source,
    /// Where the job file says so.
    pub(crate) span: Range<usize>,
}

/// Where an array comes from. Indices are those of [`CheckedJob`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file.
    Input(usize),
    /// The result of an earlier step.
    Step(usize),
}
