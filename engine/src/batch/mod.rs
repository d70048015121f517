//! Floor 7: job files and the folder that their results go to.
//!
//! A job file is parsed, then checked as a whole against the kernels there are, before anything
//! starts. Running it is not done here.

mod catalogue;
mod load;
mod operation;
mod registry;
mod run;
mod save;
mod check;
mod check_input;
mod check_output;
mod check_param;
mod check_step;
mod checked;
mod diagnose;
mod directory;

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

pub(crate) use catalogue::{
    ArrayMeta, At, Catalogue, InputInfo, KernelInfo, NamedMeta, ParamInfo, ParamType, Refusal,
    ResultKind,
};
pub(crate) use check::{CheckError, check_file, check_text};
pub(crate) use check_input::CheckedInput;
pub(crate) use checked::{Binding, CheckedJob, CheckedStep, Source};
pub(crate) use diagnose::{JobError, JobErrors, unknown};
pub(crate) use crate::memory::{ElementType, NpyHeader};
pub(crate) use folder::OutputFolder;
pub(crate) use folder_error::FolderError;
pub(crate) use job::{FORMAT, Palette};

pub use operation::{JobKernel, JobScalar};
pub use registry::{Param, Registry};
pub(crate) use run::{Ended, run};
pub(crate) use output_path::{OutputPath, OutputPathError, REPORT};
pub(crate) use value::is_name;
pub(crate) use whole_file::WholeFile;
