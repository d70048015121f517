//! Floor 7: job files and the folder that their results go to.
//!
//! A job file is parsed, then checked as a whole against the kernels there are, before anything
//! starts; then its steps run one after the other, while the files of earlier ones are written.

mod catalogue;
mod check;
mod check_input;
mod check_memory;
mod check_output;
mod check_param;
mod check_step;
mod checked;
mod deaths;
mod diagnose;
mod directory;
mod failure;
mod filled;
mod job_kernel;
mod load;
mod operation;
mod operation_plan;
mod param;
mod registry;
mod run;
mod run_step;
mod save;
mod underway;

mod folder;
mod folder_error;
mod job;
mod marker;

mod order;
mod output_path;
mod parse;
#[cfg(test)]
pub(crate) mod tests;
mod value;
mod whole_file;
mod wire;

pub(crate) use catalogue::{ArrayMeta, Catalogue, KernelInfo, NamedMeta, ResultKind};
#[cfg(test)]
pub(crate) use catalogue::{At, InputInfo, ParamInfo, ParamType, Prepared, Refusal};
#[cfg(test)]
pub(crate) use check::check_text;
pub(crate) use check::{CheckError, check_file};
pub(crate) use check_input::nearest_file;
pub(crate) use checked::CheckedJob;
#[cfg(test)]
pub(crate) use checked::Source;
pub(crate) use diagnose::{JobErrors, counted, unknown};
pub(crate) use folder::OutputFolder;
#[cfg(test)]
pub(crate) use folder_error::FolderError;
pub(crate) use job::FORMAT;
pub use job_kernel::{JobKernel, JobPlan, JobScalar, chunks_of};
pub(crate) use output_path::OutputPath;
pub use param::Param;
pub use registry::Registry;
pub(crate) use run::{Ended, run};
pub(crate) use value::is_name;
#[cfg(test)]
pub(crate) use whole_file::WholeFile;
