//! Kernels and plans as job files see them: what they say of themselves, by which names they go, and
//! how they run with their types erased.

mod arguments;
pub(super) mod benchmark;
pub(super) mod catalogue;
pub(super) mod filled;
pub(super) mod job_kernel;
pub(super) mod measured;
pub(super) mod operation;
pub(super) mod operation_plan;
pub(super) mod param;
mod partial;
pub(super) mod registry;
pub(super) mod size;
pub(super) mod underway;
pub(super) mod work;
pub(super) mod workload;
