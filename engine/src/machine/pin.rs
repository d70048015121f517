//! Pins the calling thread to a CPU, and claims CPUs so that two engines do not pin to the same
//! one.
//!
//! Which CPUs to pin to, and in which order, is for `cpus::pin_order` and the coordinator to say.

use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// A thread that could not be pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot pin to CPU {cpu}: {errno}; it is off line or outside this process's cpuset, \
     so choose another or start without pinning"
)]
pub(crate) struct PinError {
    cpu: usize,
    #[source]
    errno: Errno,
}

/// Lets the calling thread run on `cpu` only. Threads that it starts from now on inherit this.
pub(crate) fn pin_current_thread(cpu: usize) -> Result<(), PinError> {
    let mut set = CpuSet::new();
    set.set(cpu)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
        .map_err(|errno| PinError { cpu, errno })
}

/// A claim of this process on a CPU. Ends when it is dropped or when the process ends, however it
/// ends.
///
/// It is a bound socket in the abstract namespace (unix(7)): the kernel allows one holder per name,
/// keeps no file, and gives the name back by itself. Such names are a network namespace's, and ours
/// contain the PID namespace, so engines see each other within a container or on a host, not across.
/// A claim is a courtesy between engines: it hinders nobody from pinning.
#[derive(Debug)]
#[must_use = "dropping the claim gives the CPU back"]
pub(crate) struct CpuClaim {
    cpu: usize,
    /// `None` where the system allows no such sockets.
    _socket: Option<UnixDatagram>,
}

impl CpuClaim {
    /// Claims `cpu`; `None` if another claim on it lives.
    ///
    /// Where the system allows no such sockets (a strict sandbox), every claim succeeds, as without
    /// claims.
    pub(crate) fn take(cpu: usize) -> Option<CpuClaim> {
        let namespace =
            std::fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino());
        let name = format!("gristmill-cpu-{namespace}-{cpu}");
        let bound = SocketAddr::from_abstract_name(name)
            .and_then(|address| UnixDatagram::bind_addr(&address));
        match bound {
            Ok(socket) => Some(CpuClaim { cpu, _socket: Some(socket) }),
            Err(error) if error.kind() == ErrorKind::AddrInUse => None,
            Err(_) => Some(CpuClaim { cpu, _socket: None }),
        }
    }

    /// The CPU that is claimed.
    pub(crate) fn cpu(&self) -> usize {
        self.cpu
    }

    #[cfg(test)]
    /// Whether the claim keeps others out; not so where the system allows no such sockets.
    pub(crate) fn is_exclusive(&self) -> bool {
        self._socket.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::thread;

    use nix::sched::sched_getaffinity;

    use super::*;

    /// The CPU that the child of `a_killed_process_claims_nothing` is to claim.
    const CHILD_CPU: &str = "GRISTMILL_TEST_CLAIM";

    /// A CPU that no engine pins to, another one in each process and test.
    fn imaginary_cpu(test: usize) -> usize {
        1_000_000 + std::process::id() as usize * 10 + test
    }

    #[test]
    fn pins_to_each_cpu_that_is_allowed() {
        thread::spawn(|| {
            let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
            for cpu in (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap()) {
                pin_current_thread(cpu).unwrap();
                assert_eq!(nix::sched::sched_getcpu(), Ok(cpu));
            }
        })
        .join()
        .unwrap();
    }

    #[test]
    fn says_which_cpu_is_not_there() {
        for cpu in [CpuSet::count() - 1, 1_000_000] {
            let error = pin_current_thread(cpu).unwrap_err().to_string();
            assert!(error.starts_with(&format!("cannot pin to CPU {cpu}: EINVAL")), "{error}");
        }
    }

    #[test]
    fn a_claim_keeps_others_out_until_it_is_dropped() {
        let cpu = imaginary_cpu(1);
        let claim = CpuClaim::take(cpu).expect("nobody has it");
        assert_eq!(claim.cpu(), cpu);
        assert!(claim.is_exclusive());
        assert!(CpuClaim::take(cpu).is_none());
        assert!(CpuClaim::take(imaginary_cpu(2)).is_some());
        drop(claim);
        assert!(CpuClaim::take(cpu).is_some());
    }

    #[test]
    fn a_killed_process_claims_nothing() {
        if let Ok(cpu) = std::env::var(CHILD_CPU) {
            let _claim = CpuClaim::take(cpu.parse().unwrap()).expect("nobody has it");
            println!("\nclaimed");
            // Until it is killed; if the test has failed before that, until that has ended.
            let _ = std::io::stdin().read_line(&mut String::new());
            return;
        }
        let cpu = imaginary_cpu(3);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "machine::pin::tests::a_killed_process_claims_nothing",
                "--nocapture",
            ])
            .env(CHILD_CPU, cpu.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(
            lines.map_while(Result::ok).any(|line| line == "claimed"),
            "the child has claimed the CPU"
        );
        assert!(CpuClaim::take(cpu).is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(CpuClaim::take(cpu).is_some());
    }
}
