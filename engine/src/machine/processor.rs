//! What /proc/cpuinfo says of the processor.

use super::tree::Tree;
use std::path::Path;

/// Whether this machine's CPUs say that they are virtual ones. An x86 CPU does; elsewhere nobody
/// says, which counts as no.
pub(crate) fn is_virtual() -> bool {
    has_flag(&Tree::new(Path::new("/")), "hypervisor")
}

/// Whether the first CPU has this flag.
pub(super) fn has_flag(tree: &Tree, flag: &str) -> bool {
    let text = tree.text("/proc/cpuinfo").unwrap_or_default();
    let flags = text.lines().find_map(|line| field(line, "flags"));
    flags.is_some_and(|flags| flags.split(' ').any(|has| has == flag))
}

/// The frequency of each of these CPUs, as far as it is told.
pub(super) fn frequencies_hz(tree: &Tree, cpus: &[usize]) -> Vec<f64> {
    let text = tree.text("/proc/cpuinfo").unwrap_or_default();
    let mut cpu = None;
    let mut all = vec![];
    for line in text.lines() {
        if let Some(number) = field(line, "processor") {
            cpu = number.parse().ok();
        } else if let Some(mhz) = field(line, "cpu MHz")
            && cpu.is_some_and(|cpu| cpus.contains(&cpu))
        {
            all.extend(mhz.parse::<f64>().ok().filter(|mhz| *mhz > 0.0).map(|mhz| mhz * 1e6));
        }
    }
    all
}

/// `name   : value`
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (before, value) = line.split_once(':')?;
    (before.trim_end() == name).then(|| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Synthetic: the form of x86-64, with the names of two flags that begin alike.
    const CPUINFO: &str = "processor\t: 0\ncpu MHz\t\t: 2600.000\n\
        flags\t\t: fpu hypervisors avx\n\n\
        processor\t: 3\ncpu MHz\t\t: 3100.500\nflags\t\t: fpu hypervisors avx\n";

    fn tree(cpuinfo: &str) -> Tree {
        Tree::of_files([("/proc/cpuinfo".to_owned(), cpuinfo.to_owned())].into())
    }

    #[test]
    fn a_flag_is_a_whole_word() {
        assert!(has_flag(&tree(CPUINFO), "avx"));
        assert!(!has_flag(&tree(CPUINFO), "hypervisor"));
        assert!(has_flag(&tree("flags : a hypervisor\n"), "hypervisor"));
        assert!(!has_flag(&Tree::of_files([].into()), "hypervisor"));
    }

    #[test]
    fn frequencies_are_of_the_cpus_that_are_asked_for() {
        assert_eq!(frequencies_hz(&tree(CPUINFO), &[3, 7]), [3.1005e9]);
        assert_eq!(frequencies_hz(&tree(CPUINFO), &[0, 3]), [2.6e9, 3.1005e9]);
        assert_eq!(frequencies_hz(&tree("processor : 0\ncpu MHz : unknown\n"), &[0]), [0.0; 0]);
    }
}
