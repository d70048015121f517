//! How much memory there is for arrays, in all and now, and what decided it.
//!
//! Reads RAM, every ancestor cgroup's limit and RLIMIT_AS. Swap is not counted: a region that swaps
//! is no use. Whether a request fits is for the region to decide.

use std::fmt;
use std::path::Path;

use super::cgroup::{CgroupVersion, Cgroups, Group};
use super::tree::Tree;

/// Version 1 writes "no limit" as the greatest multiple of a page that fits; pages have up to 64
/// KiB.
const V1_UNLIMITED_BYTES: u64 = i64::MAX as u64 - 0xffff;

/// A bound on memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct MemoryBound {
    /// At most so much.
    pub(crate) bytes: u64,
    /// Why.
    pub(crate) reason: MemoryReason,
}

/// Why there is no more memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum MemoryReason {
    /// The machine has no more: MemTotal.
    Physical,
    /// The machine has no more to give now: MemAvailable.
    Free,
    /// A cgroup's limit.
    Cgroup {
        /// The cgroup's path.
        cgroup: String,
        /// The file that says so.
        file: &'static str,
        /// What it says.
        limit_bytes: u64,
        /// What the cgroup uses, without file pages that the kernel gives up when asked; 0 in a
        /// bound on the capacity.
        used_bytes: u64,
    },
    /// RLIMIT_AS, the limit on the address space of a process.
    AddressSpace {
        /// The limit.
        limit_bytes: u64,
        /// What this process has mapped; 0 in a bound on the capacity.
        used_bytes: u64,
    },
    /// The same limit, for what a region may take of it.
    ShareOfAddressSpace {
        /// The limit.
        limit_bytes: u64,
        /// How often processes map the region.
        mappings: u64,
    },
}

impl fmt::Display for MemoryBound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (limit, used) = match &self.reason {
            MemoryReason::Physical => {
                return write!(out, "{}: the machine has no more", Size(self.bytes));
            }
            MemoryReason::Free => {
                return write!(out, "{}: the machine has no more free", Size(self.bytes));
            }
            MemoryReason::ShareOfAddressSpace { limit_bytes, mappings } => {
                let (bytes, limit) = (Size(self.bytes), Size(*limit_bytes));
                let twice =
                    if *mappings > 1 { ", and with fences workers map arrays twice" } else { "" };
                return write!(
                    out,
                    "{bytes}: RLIMIT_AS (`ulimit -v`) allows {limit} of address space, of which the \
                     rest of each process needs its part{twice}"
                );
            }
            MemoryReason::Cgroup { cgroup, file, limit_bytes, used_bytes } => {
                write!(
                    out,
                    "{}: cgroup {cgroup} allows {} ({file})",
                    Size(self.bytes),
                    Size(*limit_bytes)
                )?;
                (limit_bytes, used_bytes)
            }
            MemoryReason::AddressSpace { limit_bytes, used_bytes } => {
                write!(
                    out,
                    "{}: RLIMIT_AS allows {} of address space",
                    Size(self.bytes),
                    Size(*limit_bytes)
                )?;
                (limit_bytes, used_bytes)
            }
        };
        if self.bytes < *limit { write!(out, " and {} is in use", Size(*used)) } else { Ok(()) }
    }
}

/// Bytes in the unit that suits them.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..0x10_0000 => return write!(out, "{} bytes", self.0),
            0x10_0000..0x4000_0000 => (1 << 20, "MiB"),
            _ => (1 << 30, "GiB"),
        };
        write!(out, "{:.2} {name}", self.0 as f64 / f64::from(unit))
    }
}

/// Every bound on memory as it was when this was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Memory {
    /// Bounds on what arrays can ever have.
    pub(crate) capacity: Vec<MemoryBound>,
    /// Bounds on what they could have had when this was read.
    pub(crate) available: Vec<MemoryBound>,
}

impl Memory {
    /// The bounds on this process now. Reads a dozen small files; what is odd about them is in
    /// [`Machine::notes`](super::Machine::notes).
    pub(crate) fn here() -> Memory {
        let tree = Tree::new(Path::new("/"));
        Memory::read(&tree, &Cgroups::read(&tree))
    }

    pub(crate) fn read(tree: &Tree, cgroups: &Cgroups) -> Memory {
        let mut memory = Memory::default();
        let meminfo = tree.text("/proc/meminfo").unwrap_or_default();
        let total = |name, reason, bounds: &mut Vec<MemoryBound>| match kilobytes(&meminfo, name) {
            Some(bytes) => bounds.push(MemoryBound { bytes, reason }),
            None => {
                tree.note(format!("/proc/meminfo has no {name}: no bound on memory from there"))
            }
        };
        total("MemTotal:", MemoryReason::Physical, &mut memory.capacity);
        total("MemAvailable:", MemoryReason::Free, &mut memory.available);
        let groups = cgroups.ancestors("memory");
        for group in &groups {
            memory.add_cgroup(tree, group);
        }
        // After all that are in sight, so that of equal limits the one that can be looked up decides.
        for group in &groups {
            memory.add_hidden_limit(tree, group);
        }
        memory.add_address_space(tree);
        memory
    }

    /// The least bound on what arrays can ever have; `None` where nothing is known.
    pub(crate) fn capacity(&self) -> Option<&MemoryBound> {
        self.capacity.iter().min_by_key(|bound| bound.bytes)
    }

    /// The least bound on what arrays could have had when this was read; `None` where nothing is
    /// known.
    pub(crate) fn available(&self) -> Option<&MemoryBound> {
        self.available.iter().min_by_key(|bound| bound.bytes)
    }

    /// The same without address space, for whoever has mapped it already.
    pub(crate) fn available_to_mapped(&self) -> Option<&MemoryBound> {
        let bounds = self.available.iter();
        let bounds = bounds.filter(|b| !matches!(b.reason, MemoryReason::AddressSpace { .. }));
        bounds.min_by_key(|bound| bound.bytes)
    }

    /// The sum of RAM, where known.
    pub(crate) fn physical_bytes(&self) -> Option<u64> {
        self.capacity
            .iter()
            .find(|bound| bound.reason == MemoryReason::Physical)
            .map(|bound| bound.bytes)
    }

    fn add_cgroup(&mut self, tree: &Tree, group: &Group) {
        let (limit_file, usage_file, reclaimable) = match group.version {
            CgroupVersion::V2 => ("memory.max", "memory.current", "inactive_file"),
            // The totals include descendants, as the usage does.
            CgroupVersion::V1 => {
                ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            }
        };
        let path = group.file(limit_file);
        let Some(text) = tree.text(&path).filter(|text| text != "max") else {
            return;
        };
        let Ok(limit_bytes) = text.parse::<u64>() else {
            tree.malformed(&path, &text, &"no number of bytes");
            return;
        };
        if limit_bytes >= V1_UNLIMITED_BYTES {
            return;
        }
        let stat = tree.text(&group.file("memory.stat")).unwrap_or_default();
        let usage: u64 = tree.parsed(&group.file(usage_file)).unwrap_or(0);
        let used = usage.saturating_sub(field(&stat, reclaimable).unwrap_or(0));
        self.add(limit_bytes, used, |used_bytes| MemoryReason::Cgroup {
            cgroup: group.name.clone(),
            file: limit_file,
            limit_bytes,
            used_bytes,
        });
    }

    /// Version 1 gives the least limit of all ancestors, also of those that a container cannot see.
    /// How much of it others use is not to be known, so it bounds the capacity alone.
    fn add_hidden_limit(&mut self, tree: &Tree, group: &Group) {
        let stat = tree.text(&group.file("memory.stat")).unwrap_or_default();
        // Version 2 has no such field.
        let Some(limit_bytes) = field(&stat, "hierarchical_memory_limit") else {
            return;
        };
        if limit_bytes < V1_UNLIMITED_BYTES {
            let reason = MemoryReason::Cgroup {
                cgroup: group.name.clone(),
                file: "memory.stat: hierarchical_memory_limit",
                limit_bytes,
                used_bytes: 0,
            };
            self.capacity.push(MemoryBound { bytes: limit_bytes, reason });
        }
    }

    /// The soft limit, of which this process's own mappings are a part.
    fn add_address_space(&mut self, tree: &Tree) {
        let limits = tree.text("/proc/self/limits").unwrap_or_default();
        let soft = limits
            .lines()
            .find_map(|line| line.strip_prefix("Max address space"))
            .and_then(|columns| columns.split_whitespace().next());
        let Some(limit_bytes) = soft.and_then(|soft| soft.parse().ok()) else {
            return;
        };
        let status = tree.text("/proc/self/status").unwrap_or_default();
        let used = kilobytes(&status, "VmSize:").unwrap_or(0);
        self.add(limit_bytes, used, |used_bytes| MemoryReason::AddressSpace {
            limit_bytes,
            used_bytes,
        });
    }

    fn add(&mut self, limit: u64, used: u64, reason: impl Fn(u64) -> MemoryReason) {
        self.capacity.push(MemoryBound { bytes: limit, reason: reason(0) });
        self.available
            .push(MemoryBound { bytes: limit.saturating_sub(used), reason: reason(used) });
    }
}

/// `MemTotal:       24684096 kB`, in bytes.
pub(crate) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    field(text, name)?.checked_mul(1024)
}

/// The number that follows `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(name)).then(|| words.next()?.parse().ok()).flatten()
    })
}
