//! A process by descriptor: its number may be another's once somebody has reaped it.

use crate::error::{Error, Result};
use nix::sys::signal::Signal;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;

/// A handle of a process; a clone is the same descriptor. It becomes readable when all threads of
/// the process are gone.
#[derive(Debug, Clone)]
pub(crate) struct Pidfd(Arc<OwnedFd>);

impl Pidfd {
    /// Of a child that has not been reaped.
    pub(crate) fn open(pid: i32) -> Result<Pidfd> {
        // SAFETY: a plain system call; not in nix 0.31.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if fd < 0 {
            let reason = std::io::Error::last_os_error();
            return Err(Error::system("watching a worker (pidfd_open, Linux 5.3)", reason));
        }
        // SAFETY: the kernel has just given us this descriptor.
        Ok(Pidfd(Arc::new(unsafe { OwnedFd::from_raw_fd(fd as i32) })))
    }

    /// What to poll.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Sends a signal. It fails only if the process is gone already.
    pub(crate) fn send(&self, signal: Signal) {
        let (fd, signal) = (self.0.as_raw_fd(), signal as i32);
        let no_details = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: a plain system call; not in nix 0.31.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, no_details, 0) };
    }
}
