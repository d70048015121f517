//! How long to wait for another process, and how often to look before sleeping.

use nix::unistd::{SysconfVar, sysconf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Not at all.
    Now,
    At(Instant),
    Forever,
}

impl Until {
    /// A time beyond all clocks has no end.
    pub(crate) fn after(timeout: Duration) -> Until {
        Instant::now().checked_add(timeout).map_or(Until::Forever, Until::At)
    }

    /// The end of the wait, if it has one.
    pub(crate) fn end(self) -> Option<Instant> {
        match self {
            Until::Now => Some(Instant::now()),
            Until::At(end) => Some(end),
            Until::Forever => None,
        }
    }
}

/// How often to look before sleeping, of so many times: not at all where nobody else can run meanwhile.
/// That is a matter of the machine: who is pinned to one CPU waits for those on others.
pub(crate) fn looks_awake(looks: u32) -> u32 {
    static IS_ALONE: LazyLock<bool> =
        LazyLock::new(|| sysconf(SysconfVar::_NPROCESSORS_ONLN).ok().flatten() == Some(1));
    if *IS_ALONE { 0 } else { looks }
}
