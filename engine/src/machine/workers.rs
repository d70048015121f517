//! How many workers to start, and what decided it.
//!
//! Every bound is kept with its reason, the least one decides. Knows nothing of what a user asks
//! for, nor of CPUs that other engines have claimed.

use std::fmt;

use super::cgroup::{CgroupVersion, Cgroups, Group};
use super::cpulist::CpuList;
use super::cpus::Restrictions;
use super::tree::Tree;

/// A bound on the number of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct WorkerBound {
    /// At most so many, at least 1.
    pub(crate) workers: usize,
    /// Why.
    pub(crate) reason: WorkerReason,
}

/// Why there should be no more workers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum WorkerReason {
    /// The affinity mask, less the CPUs that are off line.
    Affinity {
        /// What it allows.
        cpus: CpuList,
    },
    /// A cgroup's cpuset.
    Cpuset {
        /// The cgroup's path.
        cgroup: String,
        /// What it allows.
        cpus: CpuList,
    },
    /// Affinity mask and cpusets, none of which alone allows so few.
    Together {
        /// What all of them allow.
        cpus: CpuList,
    },
    /// A cgroup's share of CPU time.
    Quota {
        /// The cgroup's path.
        cgroup: String,
        /// Which files say so.
        version: CgroupVersion,
        /// The time that it may use in each period.
        quota_us: u64,
        /// The period.
        period_us: u64,
    },
    /// `std::thread::available_parallelism()` says so.
    AvailableParallelism,
    /// `num_cpus::get()` says so.
    NumCpus,
}

impl fmt::Display for WorkerBound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.workers)?;
        match &self.reason {
            WorkerReason::Affinity { cpus } => write!(out, "affinity mask allows CPUs {cpus}"),
            WorkerReason::Cpuset { cgroup, cpus } => {
                write!(out, "cpuset of cgroup {cgroup} allows CPUs {cpus}")
            }
            WorkerReason::Together { cpus } => {
                write!(out, "affinity mask and cpusets together allow CPUs {cpus}")
            }
            WorkerReason::Quota { cgroup, version, quota_us, period_us } => {
                let cpus = format!("{:.2}", *quota_us as f64 / *period_us as f64);
                let cpus = cpus.trim_end_matches('0').trim_end_matches('.');
                write!(out, "cgroup {cgroup} allows {cpus} CPUs ")?;
                match version {
                    CgroupVersion::V2 => write!(out, "(cpu.max {quota_us} {period_us})"),
                    CgroupVersion::V1 => {
                        write!(out, "(cpu.cfs_quota_us {quota_us}, cpu.cfs_period_us {period_us})")
                    }
                }
            }
            WorkerReason::AvailableParallelism => {
                write!(out, "std::thread::available_parallelism() says so")
            }
            WorkerReason::NumCpus => write!(out, "num_cpus::get() says so"),
        }
    }
}

/// Every bound, in the order in which they decide if several are equal: the narrow cause before the
/// wide one. A cpuset shows in the affinity mask as well, so it is named first, and only if it
/// excludes a CPU that is online.
pub(crate) fn bounds(
    tree: &Tree,
    cgroups: &Cgroups,
    restrictions: &Restrictions,
    num_cpus: Option<usize>,
    available_parallelism: Option<usize>,
) -> Vec<WorkerBound> {
    let Restrictions { online, affinity, cpusets, allowed } = restrictions;
    let mut bounds = Vec::new();
    let mut add =
        |workers: usize, reason| bounds.push(WorkerBound { workers: workers.max(1), reason });
    for (cgroup, cpus) in cpusets {
        let cpus = cpus.intersection(online);
        if !cpus.is_empty() && cpus.len() < online.len() {
            add(cpus.len(), WorkerReason::Cpuset { cgroup: cgroup.clone(), cpus });
        }
    }
    let cpus = affinity.intersection(online);
    let cpus = if cpus.is_empty() { affinity.clone() } else { cpus };
    add(cpus.len(), WorkerReason::Affinity { cpus });
    add(allowed.len(), WorkerReason::Together { cpus: allowed.clone() });
    for group in cgroups.ancestors("cpu") {
        if let Some((quota_us, period_us)) = quota(tree, &group) {
            let reason = WorkerReason::Quota {
                cgroup: group.name,
                version: group.version,
                quota_us,
                period_us,
            };
            // Rounded down: of 1.5 CPUs, two workers would be stopped for a quarter of every
            // period, and a step waits for the slower one; the half that is left over serves the
            // coordinator and the relay of stderr.
            add(usize::try_from(quota_us / period_us).unwrap_or(usize::MAX), reason);
        }
    }
    if let Some(count) = available_parallelism {
        add(count, WorkerReason::AvailableParallelism);
    }
    if let Some(count) = num_cpus {
        add(count, WorkerReason::NumCpus);
    }
    bounds
}

/// The quota and period of one cgroup, in microseconds; `None` if it has no limit.
pub(super) fn quota(tree: &Tree, group: &Group) -> Option<(u64, u64)> {
    let (path, text) = match group.version {
        CgroupVersion::V2 => {
            let path = group.file("cpu.max");
            let text = tree.text(&path)?;
            (path, text)
        }
        CgroupVersion::V1 => {
            let path = group.file("cpu.cfs_quota_us");
            let quota = tree.text(&path)?;
            let period = tree.text(&group.file("cpu.cfs_period_us")).unwrap_or_default();
            (path, format!("{quota} {period}"))
        }
    };
    let mut fields = text.split_whitespace();
    let quota = fields.next().unwrap_or("");
    if quota == "max" || quota == "-1" {
        return None;
    }
    // The kernel's own default, where the file leaves the period out.
    let period = fields.next().unwrap_or("100000");
    match (quota.parse(), period.parse()) {
        (Ok(quota_us), Ok(period_us)) if quota_us > 0 && period_us > 0 => {
            Some((quota_us, period_us))
        }
        _ => {
            tree.malformed(&path, &text, &"no quota and period in microseconds");
            None
        }
    }
}
