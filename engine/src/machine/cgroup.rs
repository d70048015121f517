//! Finds the directories of this process's cgroup and of all its ancestors, for version 1, version
//! 2 and both mounted together.
//!
//! Finds them only; which files say what is known to `workers`, `cpus` and `memory`. What lies
//! above the root of the cgroup namespace or above the mount is not to be seen from inside, so it
//! is not found.
//!
//! Formats: proc(5) for mountinfo, cgroups(7) for /proc/self/cgroup.

use std::fmt;

use super::tree::Tree;

/// The version of the hierarchy that a cgroup belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CgroupVersion {
    /// One hierarchy per controller.
    V1,
    /// The unified hierarchy.
    V2,
}

/// One cgroup that this process is in, directly or by a descendant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its path in the hierarchy, as /proc/self/cgroup names it.
    pub(crate) name: String,
    /// Where its files lie.
    directory: String,
    pub(crate) version: CgroupVersion,
}

impl Group {
    /// The path of one of its files.
    pub(crate) fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }
}

impl fmt::Display for Group {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)
    }
}

/// A mounted hierarchy: a line of /proc/self/mountinfo.
#[derive(Debug)]
struct Mount {
    version: CgroupVersion,
    /// The cgroup that is seen at `point`.
    root: String,
    point: String,
    /// Version 1: the controllers, among other options.
    options: String,
}

/// This process's place in one hierarchy: a line of /proc/self/cgroup.
#[derive(Debug)]
struct Membership {
    version: CgroupVersion,
    controllers: String,
    path: String,
}

/// Every hierarchy that this process is in.
#[derive(Debug)]
pub(crate) struct Cgroups {
    mounts: Vec<Mount>,
    memberships: Vec<Membership>,
}

impl Cgroups {
    pub(crate) fn read(tree: &Tree) -> Cgroups {
        let mounts = tree.text("/proc/self/mountinfo").unwrap_or_default();
        let memberships = tree.text("/proc/self/cgroup").unwrap_or_default();
        Cgroups {
            mounts: mounts.lines().filter_map(mount).collect(),
            memberships: memberships.lines().filter_map(membership).collect(),
        }
    }

    /// The cgroups that can limit this process by `controller`, from its own up to the topmost one
    /// to be seen.
    ///
    /// A controller lives in one version at a time, but which one shows only in the files that are
    /// there, so both hierarchies' cgroups are given.
    pub(crate) fn ancestors(&self, controller: &str) -> Vec<Group> {
        self.memberships
            .iter()
            .filter(|place| {
                place.version == CgroupVersion::V2 || has(&place.controllers, controller)
            })
            .flat_map(|place| self.ancestors_of(place, controller))
            .collect()
    }

    fn ancestors_of(&self, place: &Membership, controller: &str) -> Vec<Group> {
        let mut mounts: Vec<&Mount> = self
            .mounts
            .iter()
            .filter(|mount| mount.version == place.version)
            .filter(|mount| mount.version == CgroupVersion::V2 || has(&mount.options, controller))
            .collect();
        // Of several mounts, the one that shows the most ancestors.
        mounts.sort_by_key(|mount| (below(&place.path, &mount.root).is_none(), mount.root.len()));
        let Some(mount) = mounts.first() else {
            return Vec::new();
        };
        // Our own path may be out of the mount's sight (a container's files under the host's
        // names): what is mounted then stands for us.
        let mut rest = below(&place.path, &mount.root).unwrap_or("");
        let mut groups = Vec::new();
        loop {
            let name = format!("{}{rest}", mount.root.trim_end_matches('/'));
            groups.push(Group {
                name: if name.is_empty() { "/".to_owned() } else { name },
                directory: format!("{}{rest}", mount.point),
                version: mount.version,
            });
            match rest.rfind('/') {
                Some(cut) => rest = &rest[..cut],
                None => return groups,
            }
        }
    }
}

/// `path` as seen from `root`: "" for `root` itself, "/a/b" for what lies below it, `None` for what
/// does not.
fn below<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(root.trim_end_matches('/'))?.trim_end_matches('/');
    let inside = rest.is_empty() || rest.starts_with('/');
    (inside && !rest.split('/').any(|part| part == "..")).then_some(rest)
}

fn has(list: &str, item: &str) -> bool {
    list.split(',').any(|entry| entry == item)
}

/// `36 35 98:0 /root /point options optional... - type source super-options`
fn mount(line: &str) -> Option<Mount> {
    let (place, kind) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let mut kind = kind.split(' ');
    let (root, point) = (place.next()?, place.next()?);
    let version = match kind.next()? {
        "cgroup" => CgroupVersion::V1,
        "cgroup2" => CgroupVersion::V2,
        _ => return None,
    };
    let options = kind.nth(1).unwrap_or("").to_owned();
    let point = unescaped(point).trim_end_matches('/').to_owned();
    Some(Mount { version, root: unescaped(root), point, options })
}

/// `4:cpu,cpuacct:/path`, or `0::/path` for version 2.
fn membership(line: &str) -> Option<Membership> {
    let mut fields = line.splitn(3, ':');
    let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let version = match (number, controllers) {
        ("0", "") => CgroupVersion::V2,
        _ => CgroupVersion::V1,
    };
    let path = path.strip_suffix(" (deleted)").unwrap_or(path).to_owned();
    Some(Membership { version, controllers: controllers.to_owned(), path })
}

/// Mountinfo writes blanks and backslashes as three octal digits.
fn unescaped(text: &str) -> String {
    [(r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories(mountinfo: &str, cgroup: &str, controller: &str) -> Vec<String> {
        let cgroups = Cgroups {
            mounts: mountinfo.lines().filter_map(mount).collect(),
            memberships: cgroup.lines().filter_map(membership).collect(),
        };
        cgroups
            .ancestors(controller)
            .into_iter()
            .map(|group| format!("{group} {}", group.directory))
            .collect()
    }

    #[test]
    fn walks_from_the_own_group_to_the_mount() {
        let mounts =
            "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(
            directories(mounts, "0::/a.slice/b:c", "cpu"),
            [
                "/a.slice/b:c /sys/fs/cgroup/a.slice/b:c",
                "/a.slice /sys/fs/cgroup/a.slice",
                "/ /sys/fs/cgroup"
            ]
        );
        assert_eq!(directories(mounts, "0::/", "cpu"), ["/ /sys/fs/cgroup"]);
    }

    #[test]
    fn a_container_sees_its_own_group_at_the_mount_point() {
        let mounts =
            r"41 31 0:29 /docker/ab /sys/fs/cgroup/cpu\040x ro master:1 - cgroup x rw,cpu,cpuacct";
        let cgroup = "3:cpu,cpuacct:/docker/ab/job\n2:cpuset:/docker/ab";
        assert_eq!(
            directories(mounts, cgroup, "cpu"),
            ["/docker/ab/job /sys/fs/cgroup/cpu x/job", "/docker/ab /sys/fs/cgroup/cpu x"]
        );
        assert_eq!(directories(mounts, cgroup, "cpuset"), [""; 0]);
    }

    #[test]
    fn a_path_out_of_sight_falls_back_to_the_mount_point() {
        let mounts = "41 31 0:29 /docker/ab /cg ro - cgroup2 none rw";
        for path in ["/", "/docker/abc", "/../other"] {
            assert_eq!(
                directories(mounts, &format!("0::{path}"), "cpu"),
                ["/docker/ab /cg"],
                "{path}"
            );
        }
    }

    #[test]
    fn odd_lines_are_passed_over() {
        assert_eq!(directories("- cgroup2\n\n1 2 3 - cgroup2 x", "0\n::\nx:y", "cpu"), [""; 0]);
    }
}
