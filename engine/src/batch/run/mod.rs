//! A checked job's run: inputs, steps in order, output files beside them, and what is said of deaths
//! and failures. And the same again up to one chunk, which is run alone.

pub(super) mod deaths;
pub(super) mod failure;
pub(super) mod job;
pub(super) mod load;
pub(super) mod measured;
pub(super) mod replay;
pub(super) mod save;
pub(super) mod step;
