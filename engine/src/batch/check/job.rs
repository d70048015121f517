//! A job file as it was written: every value with its place in the text, nothing checked against
//! anything else.

use crate::report::Palette;
use std::time::Duration;
use toml::Spanned;

use crate::memory::ElementType;

/// The version of the format that this engine reads.
pub(crate) const FORMAT: i64 = 1;

/// Keys of a step that a later version of the format will know.
pub(crate) const RESERVED_IN_STEP: [&str; 5] = ["expr", "until", "max_sweeps", "stream", "command"];
/// Tables at the top that a later version of the format will know.
pub(crate) const RESERVED_AT_TOP: [&str; 1] = ["sweep"];

/// A whole job. What could not be understood is absent, and was noted as a mistake.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) name: Option<Spanned<String>>,
    /// Of each attempt at a chunk, in steps that have none of their own.
    pub(crate) deadline: Option<Duration>,
    /// The most memory of its own that a worker may have, in bytes.
    pub(crate) worker_memory: Option<u64>,
    /// In the order of the file.
    pub(crate) inputs: Vec<Input>,
    /// In the order of the file.
    pub(crate) steps: Vec<Step>,
}

/// `[inputs.NAME]`: an array that comes from a file.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) name: Spanned<String>,
    pub(crate) file: Option<Spanned<String>>,
    pub(crate) cast: Option<Spanned<ElementType>>,
    pub(crate) nodata: Option<Spanned<f64>>,
    pub(crate) cell: Option<Spanned<[f64; 2]>>,
    /// Whether all of its keys were understood; if not, nothing is concluded about its array.
    pub(crate) understood: bool,
}

/// `[steps.NAME]`: a kernel, run once or on each of a list of arrays.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: Spanned<String>,
    /// The step's own name and place, unless `kernel` says otherwise; `None` when that is no text.
    pub(crate) kernel: Option<Spanned<String>>,
    /// `None` when `in` is absent; see `understood` for when it is there and wrong.
    pub(crate) arrays: Option<Spanned<In>>,
    pub(crate) params: Vec<(Spanned<String>, Spanned<toml::Value>)>,
    pub(crate) save: Option<Spanned<String>>,
    pub(crate) picture: Option<Spanned<Palette>>,
    pub(crate) deadline: Option<Duration>,
    /// Whether all of its keys were understood; if not, the kernel itself is not asked.
    pub(crate) understood: bool,
}

/// The value of `in`.
#[derive(Debug, Clone)]
pub(crate) enum In {
    /// `in = "a"`
    One(Spanned<String>),
    /// `in = { x = "a", y = "b" }`
    Named(Vec<(Spanned<String>, Spanned<String>)>),
    /// `in = ["a", "b"]`: each of these in turn, for kernels whose result is scalars.
    Each(Vec<Spanned<String>>),
}
