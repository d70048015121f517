//! The NUMA nodes: their CPUs and their memory.
//!
//! Reads /sys/devices/system/node. Distances between nodes are not read: pages lie where they are
//! first touched, and pinning keeps neighbours together.

use super::cpulist::CpuList;
use super::tree::Tree;

/// One NUMA node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Node {
    /// Its number.
    pub(crate) id: usize,
    /// Its CPUs, allowed or not; none for memory without CPUs.
    pub(crate) cpus: CpuList,
    /// Its memory, where known.
    pub(crate) memory_bytes: Option<u64>,
}

/// All nodes, ascending; where /sys says nothing, node 0 with all `online` CPUs and all of the
/// machine's memory.
pub(crate) fn read(tree: &Tree, online: &CpuList, memory_bytes: Option<u64>) -> Vec<Node> {
    let ids = tree.parsed::<CpuList>("/sys/devices/system/node/online").unwrap_or_default();
    let nodes: Vec<Node> = ids.iter().filter_map(|id| read_one(tree, id)).collect();
    if !nodes.is_empty() {
        return nodes;
    }
    tree.note("/sys says nothing of NUMA nodes: taking the machine as one node".to_owned());
    vec![Node { id: 0, cpus: online.clone(), memory_bytes }]
}

fn read_one(tree: &Tree, id: usize) -> Option<Node> {
    let directory = format!("/sys/devices/system/node/node{id}");
    let cpus = tree.parsed(&format!("{directory}/cpulist"))?;
    let meminfo = tree.text(&format!("{directory}/meminfo")).unwrap_or_default();
    let memory_bytes = meminfo.lines().find_map(|line| {
        let (_, kilobytes) = line.split_once("MemTotal:")?;
        kilobytes.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    Some(Node { id, cpus, memory_bytes })
}
