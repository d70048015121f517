//! Starts a worker: /proc/self/exe with the region as standard input.
//!
//! `Command` duplicates the region onto descriptor 0 in the child alone, so it never leaks to
//! other children that the program may start meanwhile, and needs no `fork` of our own.

use super::entry::{Handover, VARIABLE};
use super::hygiene::THREAD_VARIABLES;
use super::pidfd::Pidfd;
use super::relay::Relay;
use crate::error::{Error, Result};
use crate::memory::Region;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// A started worker process.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: i32,
    pub(crate) pidfd: Pidfd,
    pub(crate) relays: [Relay; 2],
    /// Its limit of memory of its own.
    pub(super) memory_bytes: Option<u64>,
    /// What the system takes for its use of memory before it has begun: the coordinator's.
    pub(super) peak_at_start: u64,
}

/// Starts a worker. To be called by a thread that lives as long as the worker shall: it dies when
/// this thread ends.
pub(crate) fn spawn(handover: &Handover, region: &Region) -> Result<Child> {
    let stdin = region
        .file()
        .try_clone_to_owned()
        .map_err(|e| Error::system("duplicating the region's descriptor", e))?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0(format!("gristmill worker {}", handover.rank))
        .env(VARIABLE, handover.encode())
        .envs(THREAD_VARIABLES.map(|variable| (variable, "1")))
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| Error::Start {
        reason: format!(
            "starting worker {} from /proc/self/exe: {e}; is /proc mounted, and are processes \
             (`ulimit -u`) and descriptors (`ulimit -n`) left?",
            handover.rank
        ),
    })?;
    let peak_at_start = own_peak_bytes();
    let pid = child.id() as i32;
    let stdout = Relay::new(handover.rank, OwnedFd::from(child.stdout.take().expect("piped")));
    let stderr = Relay::new(handover.rank, OwnedFd::from(child.stderr.take().expect("piped")));
    match Pidfd::open(pid) {
        Ok(pidfd) => Ok(Child {
            pid,
            pidfd,
            relays: [stdout, stderr],
            memory_bytes: handover.limits.memory_bytes,
            peak_at_start,
        }),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

/// The most memory that this process has had in use.
fn own_peak_bytes() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss() as u64 * 1024)
}
