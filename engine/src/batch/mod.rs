//! Floor 7: job files and the folder that their results go to.
//!
//! A job file is parsed, then checked as a whole against the kernels there are, before anything
//! starts. Running it is not done here.

mod catalogue;
mod check;
mod check_input;
mod check_output;
mod check_param;
mod check_step;
mod checked;
mod diagnose;
mod directory;
mod load;
mod operation;
mod registry;
mod run;
mod save;

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
pub(crate) use catalogue::{At, InputInfo, ParamInfo, ParamType, Refusal};
#[cfg(test)]
pub(crate) use check::check_text;
pub(crate) use check::{CheckError, check_file};
pub(crate) use checked::CheckedJob;
#[cfg(test)]
pub(crate) use checked::Source;
pub(crate) use diagnose::{JobErrors, unknown};
pub(crate) use folder::OutputFolder;
#[cfg(test)]
pub(crate) use folder_error::FolderError;
pub(crate) use job::FORMAT;
pub use operation::{JobKernel, JobScalar};
pub(crate) use output_path::OutputPath;
pub use registry::{Param, Registry};
pub(crate) use run::{Ended, run};
pub(crate) use value::is_name;
#[cfg(test)]
pub(crate) use whole_file::WholeFile;
