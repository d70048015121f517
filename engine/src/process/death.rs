//! Reaps a dead worker and says how it ended.

use super::fault::{Fault, FaultWords};
use super::spawn::Child;
use crate::error::{Cause, DeathRecord};
use crate::fault_place::{self as place, FaultPlace};
use crate::memory::Region;
use nix::sys::signal::Signal;
use std::os::fd::AsRawFd;

/// Reaps the worker if it is dead. Its memory writes are over then: whatever it had stored before
/// is visible, and nothing more will come.
pub(crate) fn reap(rank: usize, child: &mut Child, faults: &FaultWords) -> Option<DeathRecord> {
    let cause = match wait(child) {
        Ok(None) => return None,
        Ok(Some(cause)) => cause,
        // Reaped by somebody else (SIGCHLD ignored, or a wait for any child): it is dead only
        // once its pidfd says so.
        Err(()) if is_readable(child) => Cause::Unknown,
        Err(()) => return None,
    };
    let cause = match (cause, faults.take()) {
        (Cause::Signal { .. }, Some(Fault::StackOverflow(limit_bytes))) => {
            Cause::StackOverflow { limit_bytes }
        }
        (Cause::Signal { number, name, .. }, Some(noted @ Fault::At { address, .. })) => {
            let fault = of_region(noted).map(Box::new);
            Cause::Signal { number, name, address: Some(address), fault }
        }
        (cause, _) => cause,
    };
    let [_, stderr_tail] = child.relays.each_mut().map(|relay| relay.finish());
    Some(DeathRecord { rank, pid: child.pid, cause, stderr_tail })
}

/// How it ended, if it has; an error where it is not ours to wait for.
///
/// Asks the system itself: nix has no value for deaths by real-time signals.
fn wait(child: &Child) -> Result<Option<Cause>, ()> {
    let pidfd = child.pidfd.fd().as_raw_fd() as libc::id_t;
    loop {
        // SAFETY: all zeroes are a valid `siginfo_t`.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let flags = libc::WEXITED | libc::WNOHANG;
        // SAFETY: fills in the description, which outlives the call.
        let answer = unsafe { libc::waitid(libc::P_PIDFD, pidfd, &raw mut info, flags) };
        if answer == -1 {
            match nix::errno::Errno::last() {
                nix::errno::Errno::EINTR => continue,
                _ => return Err(()),
            }
        }
        // SAFETY: filled in by `waitid`; zero where the child is still alive.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        return Ok((pid != 0).then(|| match info.si_code {
            libc::CLD_EXITED => Cause::Exit { status },
            _ => Cause::Signal {
                number: status,
                name: signal_name(status),
                address: None,
                fault: None,
            },
        }));
    }
}

/// What is known of a fault without its step, which only roles know.
fn of_region(noted: Fault) -> Option<place::Fault> {
    let Fault::At { offset, access, fenced, .. } = noted else { return None };
    let place = match offset {
        None => FaultPlace::Elsewhere,
        Some(offset) if Region::is_guard(offset) => FaultPlace::GuardPage,
        Some(offset) if Region::is_control(offset) => FaultPlace::ControlBlock,
        Some(offset) => FaultPlace::OtherMemory { offset: offset as u64 },
    };
    Some(place::Fault { access, place, fenced })
}

fn signal_name(number: i32) -> String {
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().into(),
        Err(_) => format!("SIGRTMIN+{}", number - libc::SIGRTMIN()),
    }
}

fn is_readable(child: &Child) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut fds = [PollFd::new(child.pidfd.fd(), PollFlags::POLLIN)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1))
}
