//! How often the kernel has killed for want of memory: it tells the killed process's parent nothing
//! but SIGKILL. The counts do not name who was killed, so they are read often: between two readings
//! should be no more than the one death that is to be explained.

use super::cgroup::{CgroupVersion, Cgroups, Group};
use super::tree::Tree;
use std::path::Path;
use std::time::{Duration, Instant};

/// Where the kernel counts such kills, and what it had counted when it was last looked.
#[derive(Debug)]
pub(crate) struct OomWatch {
    /// Of this process's cgroup, if it counts there.
    cgroup: Option<String>,
    seen: OomKills,
    /// The latest kill that no death has been explained by, and when it was seen.
    unexplained: Option<(Killed, Instant)>,
}

/// How long after a kill was seen it explains a death: the kernel counts first, then the process
/// ends, which takes a while where it had much memory.
const EXPLAINS: Duration = Duration::from_secs(2);

/// Counts of such kills; they only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct OomKills {
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

impl OomWatch {
    /// Of the cgroup that this process is in now.
    pub(crate) fn here() -> OomWatch {
        OomWatch::of(&Tree::new(Path::new("/")))
    }

    fn of(tree: &Tree) -> OomWatch {
        let file = |group: &Group| {
            let file = group.file(match group.version {
                CgroupVersion::V2 => "memory.events",
                CgroupVersion::V1 => "memory.oom_control",
            });
            count(tree, &file).is_some().then_some(file)
        };
        // Its own group alone: those above it count kills of others as well.
        let cgroup = Cgroups::read(tree).ancestors("memory").iter().find_map(file);
        let seen = OomKills::read(tree, cgroup.as_deref());
        OomWatch { cgroup, seen, unexplained: None }
    }

    /// Reads the counts. To be done now and then, so that a death is not explained by a kill of long
    /// before.
    pub(crate) fn look(&mut self) {
        self.look_in(&Tree::new(Path::new("/")));
    }

    /// A process of ours has died: what kill there was that can explain it, which explains no other.
    pub(crate) fn explain(&mut self) -> Option<Killed> {
        self.look();
        let (killed, seen) = self.unexplained.take()?;
        (seen.elapsed() < EXPLAINS).then_some(killed)
    }

    fn look_in(&mut self, tree: &Tree) {
        let now = OomKills::read(tree, self.cgroup.as_deref());
        let grown = now.since(std::mem::replace(&mut self.seen, now));
        self.unexplained = grown.map(|killed| (killed, Instant::now())).or(self.unexplained);
    }
}

fn count(tree: &Tree, file: &str) -> Option<u64> {
    let text = tree.text(file)?;
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

impl OomKills {
    fn read(tree: &Tree, cgroup: Option<&str>) -> OomKills {
        let of_cgroup = cgroup.and_then(|file| count(tree, file));
        OomKills { cgroup: of_cgroup, machine: count(tree, "/proc/vmstat") }
    }

    /// What has grown since `before`.
    fn since(self, before: OomKills) -> Option<Killed> {
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
        let tree = Tree::new(folder.path());
        let seen = || OomWatch::of(&tree).seen;
        assert_eq!(seen(), OomKills::default());
        write("proc/vmstat", "pgfault 17\noom_kill 4\n");
        write("proc/self/mountinfo", "30 24 0:26 / /cg rw - cgroup2 cgroup2 rw\n");
        write("proc/self/cgroup", "0::/job\n");
        write("cg/job/memory.events", "low 0\noom 2\noom_kill 1\noom_group_kill 0\n");
        assert_eq!(seen(), kills(1, 4));
        let mut watch = OomWatch::of(&tree);
        write("cg/job/memory.events", "oom_kill 2\n");
        (0..2).for_each(|_| watch.look_in(&tree));
        assert_eq!(watch.unexplained.map(|(killed, _)| killed), Some(Killed::InCgroup));
        write("proc/self/mountinfo", "30 24 0:26 / /v1 rw - cgroup none rw,memory\n");
        write("proc/self/cgroup", "4:memory:/job\n");
        write("v1/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
        assert_eq!(seen(), kills(2, 4));
    }
}
