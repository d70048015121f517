//! What the system says of a process: /proc/PID/status.

#[cfg(feature = "cli")]
use super::memory::kilobytes;

/// The text; empty if there is no such process.
#[derive(Debug, Default)]
pub(crate) struct ProcessStatus(String);

impl ProcessStatus {
    pub(crate) fn of(pid: i32) -> ProcessStatus {
        ProcessStatus(std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default())
    }

    /// The first word behind a name such as `State:`.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        let rest = self.0.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_whitespace().next()
    }

    /// An amount of memory such as `RssAnon:`, in bytes.
    #[cfg(feature = "cli")]
    pub(crate) fn bytes(&self, name: &str) -> Option<u64> {
        kilobytes(&self.0, name)
    }
}
