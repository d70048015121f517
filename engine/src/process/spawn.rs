//! Starts a worker or a child process: /proc/self/exe with the region as standard input.
//!
//! `Command` duplicates the region onto descriptor 0 in the child alone, so it never leaks to
//! other children that the program may start meanwhile, and needs no `fork` of our own.

use super::descriptors;
use super::entry::{Handover, VARIABLE};
use super::hygiene::THREAD_VARIABLES;
use super::pidfd::Pidfd;
use super::relay::Relay;
use crate::error::{Error, Result};
use crate::memory::Region;
use nix::sys::resource::{Resource, getrlimit};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// A started process.
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

/// Starts the worker, or child process, that errors and its output call `name`. To be called by a
/// thread that lives as long as the process shall: it dies when this thread ends.
pub(crate) fn spawn(name: &str, handover: &Handover, region: &Region) -> Result<Child> {
    let stdin = region
        .file()
        .try_clone_to_owned()
        .map_err(|e| Error::system("duplicating the region's descriptor", e))?;
    // What a child process prints is the program's output; what a worker does is not.
    let is_child = handover.seat.child().is_some();
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0(format!("gristmill {name}"))
        .env(VARIABLE, handover.encode())
        .envs(THREAD_VARIABLES.map(|variable| (variable, "1")))
        .stdin(Stdio::from(stdin))
        .stdout(if is_child { Stdio::inherit() } else { Stdio::piped() })
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| Error::Start {
        reason: format!("starting {name} from /proc/self/exe: {e}; {}", remedy(&e)),
    })?;
    let peak_at_start = own_peak_bytes();
    let pid = child.id() as i32;
    let stdout = Relay::new(name, child.stdout.take().map(OwnedFd::from));
    let stderr = Relay::new(name, child.stderr.take().map(OwnedFd::from));
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

/// An error where children of this process would find themselves in another PID namespace than it:
/// they could not see that it is their parent, and with the first of them all would end.
pub(crate) fn refuse_namespace_for_children() -> Result<()> {
    let namespace = |name: &str| std::fs::read_link(format!("/proc/thread-self/ns/{name}")).ok();
    // Before there is a process in the other namespace it has no name.
    if namespace("pid") == namespace("pid_for_children") {
        return Ok(());
    }
    Err(Error::Start {
        reason: "this process has made a PID namespace for its children (CLONE_NEWPID), in which \
                 workers would not see their coordinator; start the program itself in the \
                 namespace, as `unshare --pid --fork` does"
            .into(),
    })
}

/// What to do where no process or thread could be started.
pub(crate) fn remedy(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EMFILE) => descriptors::too_few(),
        Some(libc::EAGAIN) => {
            let limit = getrlimit(Resource::RLIMIT_NPROC).map_or(0, |(soft, _)| soft);
            format!(
                "this user may have {limit} processes and threads (`ulimit -u`), and the cgroup's \
                 pids.max may allow fewer: end some, raise the limit, or ask for fewer workers"
            )
        }
        Some(libc::ENOENT) => {
            "/proc is not mounted, or is that of another PID namespace: mount it (mount -t proc \
             proc /proc)"
                .into()
        }
        _ => "may this program be executed, and is there memory left?".into(),
    }
}

/// The most memory that this process has had in use.
fn own_peak_bytes() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss() as u64 * 1024)
}
