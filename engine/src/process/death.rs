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
    let (cause, peak) = match wait(child) {
        Ok(None) => return None,
        Ok(Some((cause, peak))) => (cause, Some(peak)),
        // Reaped by somebody else (SIGCHLD ignored, or a wait for any child): it is dead only
        // once its pidfd says so.
        Err(()) if is_readable(child) => (Cause::Unknown, None),
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
    let cause = match child.relays[1].failed_allocation_bytes() {
        Some(bytes) if matches!(cause, Cause::Signal { number: libc::SIGABRT, .. }) => {
            Cause::AllocationFailed { bytes, limit_bytes: child.memory_bytes }
        }
        _ => cause,
    };
    let of_system = peak.filter(|peak| *peak > child.peak_at_start);
    let peak_bytes = faults.take_peak().or(of_system);
    Some(DeathRecord { rank, process: None, pid: child.pid, cause, peak_bytes, stderr_tail })
}

/// How it ended and the most memory that it had in use, if it has ended; an error where it is not ours to wait for.
///
/// Asks the system itself: nix has no value for deaths by real-time signals.
fn wait(child: &Child) -> Result<Option<(Cause, u64)>, ()> {
    let pidfd = child.pidfd.fd().as_raw_fd() as libc::id_t;
    loop {
        // SAFETY: all zeroes are a valid `siginfo_t`.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        let flags = libc::WEXITED | libc::WNOHANG;
        let (info_at, usage_at) = (&raw mut info, &raw mut usage);
        // The system call rather than the C library's, which does not give the usage.
        // SAFETY: fills in both descriptions, which outlive the call.
        let answer = unsafe {
            libc::syscall(libc::SYS_waitid, libc::P_PIDFD, pidfd, info_at, flags, usage_at)
        };
        if answer == -1 {
            match nix::errno::Errno::last() {
                nix::errno::Errno::EINTR => continue,
                _ => return Err(()),
            }
        }
        // SAFETY: filled in by `waitid`; zero where the child is still alive.
        let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
        let cause = || match info.si_code {
            libc::CLD_EXITED => Cause::Exit { status },
            _ => Cause::Signal {
                number: status,
                name: signal_name(status),
                address: None,
                fault: None,
            },
        };
        return Ok((pid != 0).then(|| (cause(), usage.ru_maxrss as u64 * 1024)));
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
