//! Floor 7: job files and the folder that their results go to.
//!
//! A job file is parsed, then checked as a whole against the kernels there are, before anything
//! starts; then its steps run one after the other, while the files of earlier ones are written.
//!
//! | folder | what |
//! |---|---|
//! | `kernels` | kernels and plans as job files see them, by name; suites of benchmarks |
//! | `output` | the folder that results go to, and files that are whole or absent |
//! | `text_file` | reading job files and reports, and no more than is sensible |
//! | `check` | from a job file's text to a job that can run |
//! | `run` | running it |
//! | `measurable` | what of a registry can be measured |

mod kernels;
mod measurable;
mod output;
mod text_file;

mod check;

mod run;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use check::checked::CheckedJob;
#[cfg(test)]
pub(crate) use check::checked::Source;
pub(crate) use check::diagnose::{JobErrors, counted, unknown};
pub(crate) use check::input::CheckedInput;
pub(crate) use check::input::{nearest_file, shape_in_jobs};
pub(crate) use check::job::FORMAT;
pub(crate) use check::quantity::{duration, worker_memory};
pub(crate) use check::value::is_name;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use check::whole::check_text;
pub(crate) use check::whole::{CheckError, Wanted, check_file};
pub use kernels::benchmark::{Benchmark, Check, Outcome, Suite};
pub(crate) use kernels::benchmark::{Class, Named};
pub(crate) use kernels::catalogue::{ArrayMeta, Catalogue, KernelInfo, NamedMeta, ResultKind};
#[cfg(test)]
pub(crate) use kernels::catalogue::{At, InputInfo, ParamInfo, ParamType, Prepared, Refusal};
pub use kernels::job_kernel::{JobKernel, JobPlan, JobScalar, chunks_of};
pub use kernels::param::Param;
pub use kernels::registry::Registry;
pub use kernels::size::Size;
pub use kernels::work::Work;
pub use kernels::workload::Workload;
pub(crate) use kernels::workload::{Part, Ready};
pub(crate) use measurable::{measurable, parameters, workload};
pub(crate) use output::folder::OutputFolder;
#[cfg(test)]
pub(crate) use output::folder_error::FolderError;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use output::marker::parse as parse_marker;
pub(crate) use output::output_path::OutputPath;
#[cfg(test)]
pub(crate) use output::whole_file::WholeFile;
pub(crate) use run::job::{Ended, run};
pub(crate) use run::measured::workload as job_workload;
pub(crate) use run::replay::{Replayed, replay};
pub(crate) use text_file::read as read_text;
