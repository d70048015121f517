//! The caches of the allowed CPUs: level, size, line and who shares them.
//!
//! Reads /sys/devices/system/cpu/cpuN/cache/indexM and measures nothing. Chooses no block sizes:
//! kernels do.

use super::cpulist::CpuList;
use super::tree::Tree;
use std::path::Path;
use std::sync::OnceLock;

/// More than any CPU has: a bound on the walk over indexM.
const CACHES_PER_CPU_MAX: usize = 16;

/// What a cache keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CacheKind {
    /// Data only: L1d.
    Data,
    /// Instructions only: L1i.
    Instruction,
    /// Both: L2 and L3 almost everywhere.
    Unified,
}

/// One cache.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Cache {
    /// 1 is nearest to the core.
    pub(crate) level: u8,
    /// What it keeps.
    pub(crate) kind: CacheKind,
    /// Its capacity.
    pub(crate) size_bytes: u64,
    /// The length of a line.
    pub(crate) line_bytes: u64,
    /// The CPUs that share it, allowed or not.
    pub(crate) cpus: CpuList,
}

/// Whether so many bytes are more than the last cache holds, of the CPU that asks first.
///
/// /sys is asked rather than the C library, which multiplies the cache by threads that a virtual
/// machine does not have. And of a cache as large as a whole socket's, which is what a virtual
/// machine of a few CPUs shows, only the part is counted that its CPUs could have for themselves.
pub(crate) fn exceeds_caches(bytes: usize) -> bool {
    /// No last cache is smaller: most steps need no look.
    const LEAST: usize = 1 << 20;
    static LAST: OnceLock<usize> = OnceLock::new();
    bytes > LEAST && bytes > *LAST.get_or_init(|| last_cache_bytes(&Tree::new(Path::new("/"))))
}

fn last_cache_bytes(tree: &Tree) -> usize {
    /// Where nobody says.
    const USUAL: usize = 32 << 20;
    let cpu = nix::sched::sched_getcpu().unwrap_or(0);
    let caches = read(tree, &[cpu].into_iter().collect());
    let last = caches.iter().rfind(|cache| cache.kind != CacheKind::Instruction);
    last.map_or(USUAL, |cache| cache.own_bytes() as usize)
}

impl Cache {
    /// What the CPUs that share it can count on.
    pub(crate) fn own_bytes(&self) -> u64 {
        /// No CPU has a larger share of its last cache when all are at work: 2 to 4 MiB are usual,
        /// 12 are stacked.
        const SHARE_MAX: u64 = 16 << 20;
        self.size_bytes.min(SHARE_MAX * self.cpus.len() as u64)
    }
}

/// Each cache of `allowed` once, by level, kind and first CPU.
pub(crate) fn read(tree: &Tree, allowed: &CpuList) -> Vec<Cache> {
    let mut caches: Vec<Cache> = Vec::new();
    for cpu in allowed.iter() {
        for index in 0..CACHES_PER_CPU_MAX {
            let directory = format!("/sys/devices/system/cpu/cpu{cpu}/cache/index{index}");
            let Some(level) = tree.parsed(&format!("{directory}/level")) else {
                break;
            };
            if let Some(cache) = read_one(tree, &directory, level, cpu)
                && !caches.contains(&cache)
            {
                caches.push(cache);
            }
        }
    }
    caches.sort_by_key(|cache| (cache.level, cache.kind, cache.cpus.iter().next()));
    if caches.is_empty() {
        tree.note("/sys says nothing of caches: their sizes are unknown".to_owned());
    }
    caches
}

fn read_one(tree: &Tree, directory: &str, level: u8, cpu: usize) -> Option<Cache> {
    let kind = match tree.text(&format!("{directory}/type"))?.as_str() {
        "Data" => CacheKind::Data,
        "Instruction" => CacheKind::Instruction,
        "Unified" => CacheKind::Unified,
        other => {
            tree.malformed(&format!("{directory}/type"), other, &"no known type of cache");
            return None;
        }
    };
    let size_path = format!("{directory}/size");
    let size = tree.text(&size_path)?;
    let Some(size_bytes) = bytes(&size) else {
        tree.malformed(&size_path, &size, &"no size such as 32K");
        return None;
    };
    let cpus = tree
        .parsed(&format!("{directory}/shared_cpu_list"))
        .unwrap_or_else(|| CpuList::from_iter([cpu]));
    // 64 bytes on every x86-64 and nearly every aarch64 there is.
    let line_bytes = tree.parsed(&format!("{directory}/coherency_line_size")).unwrap_or(64);
    Some(Cache { level, kind, size_bytes, line_bytes, cpus })
}

/// "48K", "32M" or plain bytes.
fn bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 1 << 10),
        b'M' => (&text[..text.len() - 1], 1 << 20),
        b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_s_cache_is_not_that_of_two_cpus() {
        let shared_by = |cpus: usize, size_bytes: u64| {
            let kind = CacheKind::Unified;
            let cpus = (0..cpus).collect();
            Cache { level: 3, kind, size_bytes, line_bytes: 64, cpus }.own_bytes()
        };
        assert_eq!(shared_by(2, 260 << 20), 32 << 20);
        assert_eq!(shared_by(128, 260 << 20), 260 << 20);
        assert_eq!(shared_by(16, 96 << 20), 96 << 20);
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(super::bytes("48K"), Some(48 * 1024));
        assert_eq!(super::bytes("32M"), Some(32 * 1024 * 1024));
        assert_eq!(super::bytes("512"), Some(512));
        for odd in ["", "K", "-1K", "32 K", "18446744073709551615K", "3é"] {
            assert_eq!(super::bytes(odd), None, "{odd}");
        }
    }
}
