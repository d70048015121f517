//! How often the kernel has killed for want of memory: it tells the killed process's parent nothing
//! but SIGKILL.

use super::cgroup::{CgroupVersion, Cgroups, Group};
use super::tree::Tree;
use std::path::Path;

/// Counts of such kills; they only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OomKills {
    /// In this process's cgroup and below.
    cgroup: Option<u64>,
    /// On the whole machine, of whatever program.
    machine: Option<u64>,
}

/// Who was killed since the counts before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Killed {
    /// Somebody of this process's cgroup.
    InCgroup,
    /// Somebody on this machine.
    OnMachine,
}

impl OomKills {
    /// The counts now.
    pub(crate) fn here() -> OomKills {
        let tree = Tree::new(Path::new("/"));
        OomKills::read(&tree, &Cgroups::read(&tree))
    }

    pub(crate) fn read(tree: &Tree, cgroups: &Cgroups) -> OomKills {
        let count = |file: &str| {
            let text = tree.text(file)?;
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
        };
        let of_group = |group: &Group| {
            count(&group.file(match group.version {
                CgroupVersion::V2 => "memory.events",
                CgroupVersion::V1 => "memory.oom_control",
            }))
        };
        // Its own group alone: those above it count kills of others as well.
        let cgroup = cgroups.ancestors("memory").iter().find_map(of_group);
        OomKills { cgroup, machine: count("/proc/vmstat") }
    }

    /// What has grown since `before`.
    pub(crate) fn since(self, before: OomKills) -> Option<Killed> {
        let grew =
            |before: Option<u64>, now: Option<u64>| before.zip(now).is_some_and(|(b, n)| n > b);
        if grew(before.cgroup, self.cgroup) {
            Some(Killed::InCgroup)
        } else if grew(before.machine, self.machine) {
            Some(Killed::OnMachine)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kills(cgroup: impl Into<Option<u64>>, machine: impl Into<Option<u64>>) -> OomKills {
        OomKills { cgroup: cgroup.into(), machine: machine.into() }
    }

    #[test]
    fn counts_that_grow_tell_whose_memory_it_was() {
        assert_eq!(kills(3, 9).since(kills(2, 8)), Some(Killed::InCgroup));
        assert_eq!(kills(3, 9).since(kills(3, 8)), Some(Killed::OnMachine));
        assert_eq!(kills(None, 9).since(kills(None, 8)), Some(Killed::OnMachine));
        assert_eq!(kills(3, 9).since(kills(3, 9)), None);
        assert_eq!(kills(3, None).since(OomKills::default()), None, "nothing was known before");
    }

    #[test]
    fn the_counts_are_read_of_both_versions_and_of_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let read = || {
            let tree = Tree::new(folder.path());
            OomKills::read(&tree, &Cgroups::read(&tree))
        };
        assert_eq!(read(), OomKills::default());
        write("proc/vmstat", "pgfault 17\noom_kill 4\n");
        write("proc/self/mountinfo", "30 24 0:26 / /cg rw - cgroup2 cgroup2 rw\n");
        write("proc/self/cgroup", "0::/job\n");
        write("cg/job/memory.events", "low 0\noom 2\noom_kill 1\noom_group_kill 0\n");
        assert_eq!(read(), kills(1, 4));
        write("proc/self/mountinfo", "30 24 0:26 / /v1 rw - cgroup none rw,memory\n");
        write("proc/self/cgroup", "4:memory:/job\n");
        write("v1/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
        assert_eq!(read(), kills(2, 4));
    }
}
