//! Floor 1: what this machine is, and how its processes wait for and wake each other.
//!
//! Reading the machine (`topology` and the files that it puts together) never fails: what is
//! missing or malformed is replaced by the plainest assumption and noted. This floor neither maps
//! memory nor starts processes.

mod caches;
mod cgroup;
#[cfg(feature = "cli")]
mod counters;
#[cfg(feature = "cli")]
mod cpu_time;
mod cpulist;
mod cpus;
#[cfg(feature = "cli")]
mod disturbance;
mod linux;
mod memory;
mod nodes;
mod oom;
mod patience;
mod status;
mod topology;
mod tree;
mod workers;

pub(crate) mod clock;
pub(crate) mod futex;
pub(crate) mod pin;
#[cfg(feature = "cli")]
pub(crate) mod processor;

#[cfg(test)]
mod captured;
#[cfg(feature = "cli")]
#[cfg(test)]
pub(crate) mod heap;
#[cfg(test)]
mod trees;

#[cfg(feature = "cli")]
pub(crate) use caches::CacheKind;
pub(crate) use caches::exceeds_caches;
#[cfg(feature = "cli")]
pub use counters::{Counters, Counts};
#[cfg(feature = "cli")]
pub(crate) use cpu_time::cpu_time_ns;
pub(crate) use cpulist::{CpuList, in_order as cpus_in_order};
#[cfg(test)]
pub(crate) use cpus::CoreKind;
#[cfg(feature = "cli")]
pub(crate) use disturbance::{Disturbance, Gauges, Readings, TICK_S};
#[cfg(any(test, feature = "cli"))]
pub(crate) use linux::KERNEL_MIN;
#[cfg(test)]
pub(crate) use linux::KernelVersion;
pub(crate) use memory::{Memory, MemoryBound, MemoryReason, kilobytes};
#[cfg(feature = "cli")]
pub(crate) use nodes::Node;
pub(crate) use oom::{Killed, OomWatch};
pub(crate) use patience::{Until, looks_awake};
pub(crate) use status::ProcessStatus;
pub(crate) use topology::Machine;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use topology::OtherCounts;
#[cfg(all(feature = "cli", any(test, feature = "fuzzing")))]
pub(crate) use tree::Tree;
