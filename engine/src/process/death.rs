//! Reaps a dead worker and says how it ended.

use super::spawn::Child;
use crate::error::{Cause, DeathRecord};
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};

/// Reaps the worker if it is dead. Its memory writes are over then: whatever it had stored before
/// is visible, and nothing more will come.
pub(crate) fn reap(rank: usize, child: &mut Child) -> Option<DeathRecord> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
    let cause = loop {
        match waitid(Id::PIDFd(child.pidfd()), flags) {
            Ok(WaitStatus::StillAlive) => return None,
            Ok(WaitStatus::Exited(_, status)) => break Cause::Exit { status },
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                break Cause::Signal { number: signal as i32, name: signal.as_str().into() };
            }
            Ok(_) | Err(Errno::EINTR) => {}
            // Reaped by somebody else (SIGCHLD ignored, or a wait for any child): it is dead only
            // once its pidfd says so.
            Err(_) if is_readable(child) => break Cause::Unknown,
            Err(_) => return None,
        }
    };
    let [_, stderr_tail] = child.relays.each_mut().map(|relay| relay.finish());
    Some(DeathRecord { rank, pid: child.pid, cause, stderr_tail })
}

fn is_readable(child: &Child) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut fds = [PollFd::new(child.pidfd(), PollFlags::POLLIN)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1))
}
