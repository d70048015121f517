//! Floor 7: job files and the folder that their results go to.
//!
//! A job file is parsed, then checked as a whole against the kernels there are, before anything
//! starts. Running it is not done here.

mod catalogue;
mod diagnose;
mod element;
mod job;
mod npy;
mod npy_literal;
mod parse;
mod value;

pub(crate) use catalogue::{
    ArrayMeta, At, Catalogue, InputInfo, KernelInfo, NamedMeta, ParamInfo, ParamType, Refusal,
    ResultKind,
};
pub(crate) use diagnose::{JobError, JobErrors};
pub(crate) use element::ElementType;
pub(crate) use job::Palette;
pub(crate) use npy::{NpyError, NpyHeader};
