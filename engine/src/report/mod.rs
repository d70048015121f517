//! Floor 7: what a run leaves for people to look at: report.json, pictures, tables and the bar that
//! shows how far it is.
//!
//! It shows what it is given. What ran, and how long it took, is for others to know.

mod activity;
mod colours;
mod hash;
mod picture;
mod poisoned;
mod progress;
#[allow(clippy::module_inception, reason = "report.json is this folder's first thing")]
mod report;
mod scalar;
mod table;

pub(crate) use activity::{activity, duration, longest};
pub(crate) use colours::Palette;
pub(crate) use hash::sha256;
pub(crate) use picture::draw;
pub(crate) use poisoned::{Attempt, Death, Poisoned, PoisonedFile, params};
pub(crate) use progress::{Progress, StepBar};
pub(crate) use report::{
    ChaosReport, InputReport, JobFile, Machine, OutputReport, Report, SCHEMA, Status, StepReport,
};
pub(crate) use scalar::{Ordered, Scalar};
pub(crate) use table::{Look, bytes, figures, listing, scalars, seconds, steps};
