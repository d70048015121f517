//! Floor 1: what this machine is, and how its processes wait for and wake each other.
//!
//! Reading the machine (`topology` and the files that it puts together) never fails: what is
//! missing or malformed is replaced by the plainest assumption and noted. This floor neither maps
//! memory nor starts processes.

mod caches;
mod cgroup;
mod cpulist;
mod cpus;
mod kernel;
mod memory;
mod nodes;
mod topology;
mod tree;
mod workers;

pub(crate) mod futex;
pub(crate) mod pin;

#[cfg(test)]
mod captured;
#[cfg(test)]
mod trees;

pub use caches::{Cache, CacheKind};
pub use cgroup::CgroupVersion;
pub use cpulist::{CpuList, CpuListError};
pub use cpus::{CoreKind, Cpu};
pub use kernel::{Feature, HugePages, KERNEL_MIN, KernelVersion, KernelVersionError};
pub use memory::{Memory, MemoryBound, MemoryReason};
pub use nodes::Node;
pub use topology::{Machine, OtherCounts};
pub use workers::{WorkerBound, WorkerReason};
