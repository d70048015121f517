//! A checked job's run: inputs, steps in order, output files beside them, and what is said of deaths
//! and failures.

pub(super) mod deaths;
pub(super) mod failure;
pub(super) mod job;
pub(super) mod load;
pub(super) mod save;
pub(super) mod step;
