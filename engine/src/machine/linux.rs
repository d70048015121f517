//! The kernel's version, which of the features that the engine uses it has, and its huge-page
//! settings.
//!
//! Goes by the version: a feature that a kernel was built without, or that a sandbox forbids, shows
//! only when it is called, and every caller falls back then as well.

use std::fmt;
use std::str::FromStr;

use super::tree::Tree;

/// The oldest kernel that has everything for which there is no fallback.
pub(crate) const KERNEL_MIN: KernelVersion = KernelVersion { major: 5, minor: 4 };

/// A kernel's version without its patch level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KernelVersion {
    /// 6 of 6.1.
    pub(crate) major: u32,
    /// 1 of 6.1.
    pub(crate) minor: u32,
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

/// A text that names no kernel version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no version such as 6.1.0-18-amd64")]
pub(crate) struct KernelVersionError;

impl FromStr for KernelVersion {
    type Err = KernelVersionError;

    /// Reads `uname -r`: what follows major and minor is the distribution's own.
    fn from_str(text: &str) -> Result<Self, KernelVersionError> {
        let (major, rest) = text.trim().split_once('.').ok_or(KernelVersionError)?;
        let digits = rest.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(rest.len());
        match (major.parse(), rest[..digits].parse()) {
            (Ok(major), Ok(minor)) => Ok(KernelVersion { major, minor }),
            _ => Err(KernelVersionError),
        }
    }
}

/// A feature of the kernel that the engine uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Feature {
    /// The call's name.
    pub(crate) name: &'static str,
    /// The first kernel that has it.
    pub(crate) since: KernelVersion,
    /// Whether this kernel has it, by its version.
    pub(crate) present: bool,
    /// What the engine does without it.
    pub(crate) fallback: &'static str,
}

const NO_FALLBACK: &str = "none: kernel 5.4 or newer is needed";

/// Name, first kernel, fallback.
const FEATURES: [(&str, u32, u32, &str); 5] = [
    ("futex", 2, 6, NO_FALLBACK),
    ("memfd_create with seals", 3, 17, NO_FALLBACK),
    ("pidfd_open", 5, 3, NO_FALLBACK),
    ("waitid(P_PIDFD)", 5, 4, NO_FALLBACK),
    ("MADV_COLLAPSE", 6, 1, "touching pages one by one, without huge pages"),
];

/// What `kernel` has; of an unknown kernel nothing is taken for granted.
pub(crate) fn features(kernel: Option<KernelVersion>) -> Vec<Feature> {
    FEATURES
        .into_iter()
        .map(|(name, major, minor, fallback)| {
            let since = KernelVersion { major, minor };
            Feature { name, since, present: kernel.is_some_and(|kernel| kernel >= since), fallback }
        })
        .collect()
}

/// The version in /proc/sys/kernel/osrelease.
pub(crate) fn version(tree: &Tree) -> Option<KernelVersion> {
    let version = tree.parsed("/proc/sys/kernel/osrelease");
    if version.is_none() {
        tree.note(
            "the kernel's version is unknown: taking the fallback of every feature".to_owned(),
        );
    }
    version
}

/// The settings of transparent huge pages, as the kernel names them; `None` where it has no such
/// setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct HugePages {
    /// For anonymous memory: always, madvise or never.
    pub(crate) anonymous: Option<String>,
    /// For shared memory (memfd): always, within_size, advise, never, deny or force. MADV_COLLAPSE
    /// works under 'never'.
    pub(crate) shared: Option<String>,
}

impl HugePages {
    pub(crate) fn read(tree: &Tree) -> HugePages {
        let chosen = |name: &str| {
            let path = format!("/sys/kernel/mm/transparent_hugepage/{name}");
            let text = tree.text(&path)?;
            let chosen = text
                .split_once('[')
                .and_then(|(_, rest)| rest.split_once(']'))
                .map(|(word, _)| word.to_owned());
            if chosen.is_none() {
                tree.malformed(&path, &text, &"no [choice] in it");
            }
            chosen
        };
        HugePages { anonymous: chosen("enabled"), shared: chosen("shmem_enabled") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_as_distributions_write_them() {
        for (text, major, minor) in [
            ("6.1.0-18-amd64", 6, 1),
            ("5.4.0-150-generic", 5, 4),
            ("6.18-rc3", 6, 18),
            ("4.18.0-553.el8_10.x86_64", 4, 18),
            ("6.6+", 6, 6),
        ] {
            assert_eq!(text.parse(), Ok(KernelVersion { major, minor }), "{text}");
        }
        for text in ["", "6", "six.one", "6.", ".1", "99999999999.1"] {
            assert_eq!(text.parse::<KernelVersion>(), Err(KernelVersionError), "{text}");
        }
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(KernelVersion { major: 5, minor: 14 } > KernelVersion { major: 5, minor: 4 });
        assert!(KernelVersion { major: 6, minor: 1 } > KernelVersion { major: 5, minor: 14 });
    }

    #[test]
    fn features_go_by_the_version() {
        let present = |major, minor| {
            let list = features(Some(KernelVersion { major, minor }));
            list.iter()
                .filter(|feature| feature.present)
                .map(|feature| feature.name)
                .collect::<Vec<_>>()
        };
        let minimum = ["futex", "memfd_create with seals", "pidfd_open", "waitid(P_PIDFD)"];
        assert_eq!(present(5, 4), minimum);
        assert_eq!(present(5, 15), minimum);
        assert_eq!(present(6, 1).len(), FEATURES.len());
        assert!(features(None).iter().all(|feature| !feature.present));
    }

    #[test]
    fn exactly_what_is_newer_than_the_minimum_has_a_fallback() {
        for feature in features(None) {
            assert_eq!(
                feature.fallback == NO_FALLBACK,
                feature.since <= KERNEL_MIN,
                "{}",
                feature.name
            );
        }
    }
}
