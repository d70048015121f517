//! The machine as the engine sees it: CPUs, caches, NUMA nodes, limits, kernel.
//!
//! Puts the other files of this floor together. Reading is pure over a directory that holds `proc`
//! and `sys`, so a machine can be captured and read elsewhere; it never fails, and what it had to
//! guess is in `notes`.

use std::path::Path;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::caches::{self, Cache, CacheKind};
use super::cgroup::Cgroups;
use super::cpulist::CpuList;
use super::cpus::{self, Cpu, Restrictions};
use super::linux::{self, Feature, HugePages, KernelVersion};
use super::memory::{Memory, MemoryBound};
use super::nodes::{self, Node};
use super::tree::Tree;
use super::workers::{self, WorkerBound, WorkerReason};

/// What other libraries count, as further bounds on the workers. `None` leaves a bound out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OtherCounts {
    /// `num_cpus::get()`.
    pub(crate) num_cpus: Option<usize>,
    /// `std::thread::available_parallelism()`.
    pub(crate) available_parallelism: Option<usize>,
}

/// What a machine has and what this process may use of it, as it was when it was read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub(crate) struct Machine {
    /// The CPUs that are on line, allowed or not.
    pub(crate) online: CpuList,
    /// The CPUs that this process may use, ascending. Never empty.
    pub(crate) cpus: Vec<Cpu>,
    /// The caches of these CPUs, by level.
    pub(crate) caches: Vec<Cache>,
    /// The NUMA nodes. Never empty.
    pub(crate) nodes: Vec<Node>,
    /// Every bound on the number of workers, the least of which decides. Never empty.
    pub(crate) worker_bounds: Vec<WorkerBound>,
    /// Every bound on memory.
    pub(crate) memory: Memory,
    /// The settings of transparent huge pages.
    pub(crate) huge_pages: HugePages,
    /// The kernel's version, where known.
    pub(crate) kernel: Option<KernelVersion>,
    /// What was missing or malformed, and what was assumed instead.
    pub(crate) notes: Vec<String>,
}

impl OtherCounts {
    fn here() -> OtherCounts {
        OtherCounts {
            num_cpus: Some(num_cpus::get()),
            available_parallelism: std::thread::available_parallelism().ok().map(usize::from),
        }
    }
}

impl Machine {
    /// This machine, as the calling thread may use it. Call it before pinning: a pinned thread is
    /// allowed one CPU.
    pub(crate) fn here() -> Machine {
        let root = Path::new("/");
        Machine::read(root, &affinity(&Tree::new(root)), OtherCounts::here())
    }

    /// The same without what an engine's start does not depend on (caches, huge pages, the kernel's
    /// version, notes), which takes as many files again. Other libraries' counts, which read the
    /// same files once more each, are left out where the number of workers is `given`.
    pub(crate) fn for_start(given: bool) -> Machine {
        let tree = Tree::new(Path::new("/"));
        let counts = if given { OtherCounts::default() } else { OtherCounts::here() };
        Machine::read_for_start(&tree, &affinity(&tree), counts)
    }

    /// The machine whose `proc` and `sys` lie below `root`, as a process with this affinity mask
    /// may use it.
    pub(crate) fn read(root: &Path, affinity: &[usize], counts: OtherCounts) -> Machine {
        Machine::of_tree(Tree::new(root), affinity, counts)
    }

    /// The same of a tree.
    pub(crate) fn of_tree(tree: Tree, affinity: &[usize], counts: OtherCounts) -> Machine {
        let machine = Machine::read_for_start(&tree, affinity, counts);
        let allowed = machine.cpus.iter().map(|cpu| cpu.number).collect();
        Machine {
            caches: caches::read(&tree, &allowed),
            huge_pages: HugePages::read(&tree),
            kernel: linux::version(&tree),
            notes: tree.into_notes(),
            ..machine
        }
    }

    fn read_for_start(tree: &Tree, affinity: &[usize], counts: OtherCounts) -> Machine {
        let cgroups = Cgroups::read(tree);
        let restrictions = Restrictions::read(tree, &cgroups, affinity);
        let memory = Memory::read(tree, &cgroups);
        let nodes = nodes::read(tree, &restrictions.online, memory.physical_bytes());
        Machine {
            cpus: cpus::read(tree, &restrictions.allowed, &nodes),
            caches: vec![],
            nodes,
            worker_bounds: workers::bounds(
                tree,
                &cgroups,
                &restrictions,
                counts.num_cpus,
                counts.available_parallelism,
            ),
            memory,
            huge_pages: HugePages::default(),
            kernel: None,
            online: restrictions.online,
            notes: vec![],
        }
    }

    /// The order in which workers take CPUs: every physical core before any sibling; within that,
    /// performance cores before efficiency cores; within that, compactly by package, NUMA node and
    /// CPU number.
    pub(crate) fn pin_order(&self) -> Vec<usize> {
        cpus::pin_order(&self.cpus)
    }

    /// How many workers to start, and what decided it.
    pub(crate) fn worker_count(&self) -> WorkerBound {
        let least = self.worker_bounds.iter().min_by_key(|bound| bound.workers);
        least.cloned().unwrap_or_else(|| WorkerBound {
            workers: self.cpus.len().max(1),
            reason: WorkerReason::Affinity {
                cpus: self.cpus.iter().map(|cpu| cpu.number).collect(),
            },
        })
    }

    /// How many CPUs' time the narrowest quota of a cgroup allows; `None` where there is none.
    #[cfg(feature = "cli")]
    pub(crate) fn quota_cpus(&self) -> Option<f64> {
        let quotas = self.worker_bounds.iter().filter_map(|bound| match bound.reason {
            WorkerReason::Quota { quota_us, period_us, .. } => {
                Some(quota_us as f64 / period_us as f64)
            }
            _ => None,
        });
        quotas.reduce(f64::min)
    }

    /// How much memory arrays can ever have, and what decided it; `None` where nothing is known.
    pub(crate) fn memory_capacity(&self) -> Option<&MemoryBound> {
        self.memory.capacity()
    }

    /// How much memory arrays could have had when the machine was read, and what decided it; `None`
    /// where nothing is known. [`Memory::here`] reads it anew.
    pub(crate) fn memory_available(&self) -> Option<&MemoryBound> {
        self.memory.available()
    }

    /// The cache that `cpu` keeps data in at this level: 1, 2 or 3.
    pub(crate) fn data_cache(&self, cpu: usize, level: u8) -> Option<&Cache> {
        self.caches.iter().find(|cache| {
            cache.level == level && cache.kind != CacheKind::Instruction && cache.cpus.contains(cpu)
        })
    }

    /// Bytes of the last caches of all these CPUs together, each as large as it says it is; 0 where
    /// nothing is known.
    #[cfg(feature = "cli")]
    pub(crate) fn last_cache_bytes(&self) -> u64 {
        let of_cpu = |cpu: &Cpu| (1..=4).rev().find_map(|level| self.data_cache(cpu.number, level));
        let mut caches: Vec<&Cache> = self.cpus.iter().filter_map(of_cpu).collect();
        caches.sort_by_key(|cache| cache.cpus.iter().next());
        caches.dedup();
        caches.iter().map(|cache| cache.size_bytes).sum()
    }

    /// The kernel's features that the engine uses, and what it does without them.
    pub(crate) fn features(&self) -> Vec<Feature> {
        linux::features(self.kernel)
    }
}

/// The calling thread's mask; empty if it is not to be had.
fn affinity(tree: &Tree) -> Vec<usize> {
    match sched_getaffinity(Pid::from_raw(0)) {
        Ok(set) => (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).collect(),
        // A kernel for more CPUs than the C library's set holds; its own list has no such bound.
        Err(_) => {
            let status = tree.text("/proc/thread-self/status").unwrap_or_default();
            let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
            let list: Option<CpuList> = list.and_then(|list| list.parse().ok());
            list.unwrap_or_default().iter().collect()
        }
    }
}
