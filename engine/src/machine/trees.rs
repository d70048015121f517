//! The machines in `trees/`, and how a test unpacks and reads one.
//!
//! A tree is a text file: lines that start with `#` say what the machine is, every other line is a
//! path, a tab, and the content with `\n` for a line break. A path may hold one CPU list in
//! brackets and stands for one file per CPU then.

use std::fs;
use std::path::Path;

use super::{CpuList, Machine, OtherCounts};

pub(super) const ONE_SOCKET: &str = include_str!("trees/one_socket.tree");
pub(super) const TWO_SOCKETS_SMT: &str = include_str!("trees/two_sockets_smt.tree");
pub(super) const CPUSET: &str = include_str!("trees/cpuset.tree");
pub(super) const NESTED_QUOTA: &str = include_str!("trees/nested_quota.tree");
pub(super) const V1_CONTAINER: &str = include_str!("trees/v1_container.tree");
pub(super) const HYBRID: &str = include_str!("trees/hybrid.tree");
pub(super) const BIG_LITTLE: &str = include_str!("trees/big_little.tree");
pub(super) const BARE: &str = include_str!("trees/bare.tree");
pub(super) const CAPTURED_V1_AND_V2: &str = include_str!("trees/captured_v1_and_v2.tree");
pub(super) const ALL: [&str; 9] = [
    ONE_SOCKET,
    TWO_SOCKETS_SMT,
    CPUSET,
    NESTED_QUOTA,
    V1_CONTAINER,
    HYBRID,
    BIG_LITTLE,
    BARE,
    CAPTURED_V1_AND_V2,
];

/// Path and content of each file of a tree.
pub(super) fn files(tree: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for line in tree.lines().filter(|line| !line.starts_with('#')) {
        let (path, content) = line.split_once('\t').expect("a path, a tab, the content");
        let content = content.replace("\\n", "\n");
        match path.split_once('[').and_then(|(start, rest)| Some((start, rest.split_once(']')?))) {
            None => files.push((path.to_owned(), content)),
            Some((start, (cpus, end))) => {
                let cpus: CpuList = cpus.parse().expect("a CPU list in brackets");
                files
                    .extend(cpus.iter().map(|cpu| (format!("{start}{cpu}{end}"), content.clone())));
            }
        }
    }
    files
}

pub(super) fn read_files(
    files: &[(String, String)],
    affinity: &[usize],
    counts: OtherCounts,
) -> Machine {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, content).unwrap();
    }
    Machine::read(root.path(), affinity, counts)
}

pub(super) fn read(tree: &str, affinity: impl IntoIterator<Item = usize>) -> Machine {
    read_files(&files(tree), &affinity.into_iter().collect::<Vec<_>>(), OtherCounts::default())
}
