//! The CPUs that this process may use, where they lie, and the order in which to pin to them.
//!
//! How many of them to use is decided in `workers`; pinning itself is in `pin`.

use super::cgroup::{CgroupVersion, Cgroups};
use super::cpulist::CpuList;
use super::nodes::Node;
use super::tree::Tree;

/// What kind of core a CPU belongs to, on machines that mix them. Performance comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum CoreKind {
    /// The fast kind, or the only one.
    Performance,
    /// The slow kind of a hybrid machine.
    Efficiency,
}

/// One CPU (hardware thread) that this process may use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Cpu {
    /// Its number, as in /proc/cpuinfo.
    pub(crate) number: usize,
    /// Its socket.
    pub(crate) package: usize,
    /// Its physical core, as the kernel numbers it within the package.
    pub(crate) core: usize,
    /// Its place among the allowed hardware threads of its physical core, 0 for the first. If only
    /// a core's second thread is allowed, that one has rank 0: it has the core to itself.
    pub(crate) sibling_rank: usize,
    /// Its NUMA node.
    pub(crate) node: usize,
    /// The kind of its core; `None` where all cores are of one kind.
    pub(crate) kind: Option<CoreKind>,
    /// Its highest frequency, where the kernel knows it.
    pub(crate) frequency_khz_max: Option<u64>,
}

/// What restricts the CPUs.
#[derive(Clone, Debug)]
pub(crate) struct Restrictions {
    pub(crate) online: CpuList,
    pub(crate) affinity: CpuList,
    /// The cgroups that name CPUs, own group first.
    pub(crate) cpusets: Vec<(String, CpuList)>,
    /// What all of these together allow. Never empty.
    pub(crate) allowed: CpuList,
}

impl Restrictions {
    pub(crate) fn read(tree: &Tree, cgroups: &Cgroups, affinity: &[usize]) -> Restrictions {
        let online: Option<CpuList> = tree.parsed("/sys/devices/system/cpu/online");
        // An empty file says no more than none.
        let online = online.filter(|online| !online.is_empty());
        let mut affinity: CpuList = affinity.iter().copied().collect();
        if affinity.is_empty() {
            tree.note("no affinity mask: taking every CPU that is online".to_owned());
            affinity = online.clone().unwrap_or_else(|| CpuList::from_iter([0]));
        }
        let online = online.unwrap_or_else(|| {
            tree.note("/sys says nothing of CPUs: taking those of the affinity mask".to_owned());
            affinity.clone()
        });
        let cpusets = cpusets(tree, cgroups);
        let mut allowed = affinity.intersection(&online);
        for (_, cpus) in &cpusets {
            allowed = allowed.intersection(cpus);
        }
        if allowed.is_empty() {
            // The kernel never runs a process nowhere, so one of the files is wrong or stale; the
            // mask is what counts.
            tree.note(format!(
                "affinity {affinity}, online {online} and cpuset exclude each other: \
                 trusting the mask"
            ));
            allowed = affinity.clone();
        }
        Restrictions { online, affinity, cpusets, allowed }
    }
}

/// The effective cpuset of each ancestor that has one.
fn cpusets(tree: &Tree, cgroups: &Cgroups) -> Vec<(String, CpuList)> {
    let groups = cgroups.ancestors("cpuset").into_iter();
    let sets = groups.filter_map(|group| {
        // Version 1 has the effective set under another name, and its plain file is effective on
        // older kernels.
        let names: &[&str] = match group.version {
            CgroupVersion::V2 => &["cpuset.cpus.effective"],
            CgroupVersion::V1 => &["cpuset.effective_cpus", "cpuset.cpus"],
        };
        let cpus: CpuList = names.iter().find_map(|name| tree.parsed(&group.file(name)))?;
        // An empty file: nothing has been set.
        (!cpus.is_empty()).then_some((group.name, cpus))
    });
    sets.collect()
}

/// Each allowed CPU, ascending by number.
pub(crate) fn read(tree: &Tree, allowed: &CpuList, nodes: &[Node]) -> Vec<Cpu> {
    let kinds = Kinds::read(tree, allowed);
    let cpus: Vec<Cpu> =
        allowed.iter().map(|number| read_one(tree, allowed, nodes, &kinds, number)).collect();
    let first = allowed.iter().next().unwrap_or(0);
    if tree.text(&format!("{}/physical_package_id", topology(first))).is_none() {
        tree.note(
            "/sys says nothing of cores: taking each CPU as a core of one package".to_owned(),
        );
    }
    cpus
}

fn read_one(tree: &Tree, allowed: &CpuList, nodes: &[Node], kinds: &Kinds, number: usize) -> Cpu {
    let directory = topology(number);
    // Kernels give -1 where the firmware does not say.
    let id = |name: &str, unknown: usize| {
        let id: Option<i64> = tree.parsed(&format!("{directory}/{name}"));
        id.and_then(|id| usize::try_from(id).ok()).unwrap_or(unknown)
    };
    // The newer name first; core ids will not do, for they repeat across packages and dies.
    let siblings: Option<CpuList> = ["core_cpus_list", "thread_siblings_list"]
        .iter()
        .find_map(|name| tree.parsed(&format!("{directory}/{name}")));
    let siblings = siblings.unwrap_or_else(|| CpuList::from_iter([number])).intersection(allowed);
    let cpufreq = format!("/sys/devices/system/cpu/cpu{number}/cpufreq/cpuinfo_max_freq");
    Cpu {
        number,
        package: id("physical_package_id", 0),
        core: id("core_id", number),
        sibling_rank: siblings.iter().position(|sibling| sibling == number).unwrap_or(0),
        node: nodes.iter().find(|node| node.cpus.contains(number)).map_or(0, |node| node.id),
        kind: kinds.of(number),
        frequency_khz_max: tree.parsed(&cpufreq),
    }
}

fn topology(cpu: usize) -> String {
    format!("/sys/devices/system/cpu/cpu{cpu}/topology")
}

/// The CPUs of either kind; both empty where there is one kind only.
struct Kinds {
    performance: CpuList,
    efficiency: CpuList,
}

impl Kinds {
    /// Intel's hybrid machines list both kinds as event sources; elsewhere the scheduler's
    /// capacities tell.
    fn read(tree: &Tree, allowed: &CpuList) -> Kinds {
        let list = |name: &str| tree.parsed::<CpuList>(&format!("/sys/devices/{name}/cpus"));
        if let (Some(performance), Some(efficiency)) = (list("cpu_core"), list("cpu_atom")) {
            return Kinds { performance, efficiency };
        }
        let capacity = |cpu: usize| {
            tree.parsed::<u64>(&format!("/sys/devices/system/cpu/cpu{cpu}/cpu_capacity"))
        };
        let capacities: Vec<(usize, u64)> =
            allowed.iter().filter_map(|cpu| Some((cpu, capacity(cpu)?))).collect();
        let largest = capacities.iter().map(|&(_, capacity)| capacity).max().unwrap_or(0);
        // Favoured cores of one kind differ by a few per cent, kinds by a factor; half lies well
        // between.
        let (fast, slow): (Vec<_>, Vec<_>) =
            capacities.into_iter().partition(|&(_, capacity)| capacity >= largest / 2);
        if slow.is_empty() {
            return Kinds { performance: CpuList::default(), efficiency: CpuList::default() };
        }
        let numbers = |list: Vec<(usize, u64)>| list.into_iter().map(|(cpu, _)| cpu).collect();
        Kinds { performance: numbers(fast), efficiency: numbers(slow) }
    }

    fn of(&self, cpu: usize) -> Option<CoreKind> {
        if self.performance.contains(cpu) {
            Some(CoreKind::Performance)
        } else if self.efficiency.contains(cpu) {
            Some(CoreKind::Efficiency)
        } else {
            None
        }
    }
}

/// The order in which workers take CPUs.
///
/// Every physical core before any sibling (two threads of one core share its arithmetic); within
/// that, performance cores before efficiency cores; within that, compactly by package, then NUMA
/// node, then CPU number, so that few workers share a cache and a node's memory.
pub(crate) fn pin_order(cpus: &[Cpu]) -> Vec<usize> {
    let mut order: Vec<&Cpu> = cpus.iter().collect();
    order.sort_by_key(|cpu| {
        let kind = cpu.kind.unwrap_or(CoreKind::Performance);
        (cpu.sibling_rank, kind, cpu.package, cpu.node, cpu.number)
    });
    order.into_iter().map(|cpu| cpu.number).collect()
}
