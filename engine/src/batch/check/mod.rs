//! From a job file's text to a job that can run: every mistake with its place, all at once, before
//! anything starts.

pub(super) mod checked;
pub(super) mod diagnose;
pub(super) mod disk;
pub(super) mod input;
pub(super) mod job;
pub(super) mod memory;
pub(super) mod order;
pub(super) mod output;
pub(super) mod params;
pub(super) mod parse;
pub(super) mod quantity;
pub(super) mod step;
pub(super) mod value;
pub(super) mod whole;
pub(super) mod wire;
