//! What the engine's threads have of the supervisor: how to tell it something, and a hold on each
//! worker, by which any of them can stop a worker or end it for a reason.
//!
//! The reason is written down before the kill, for the process that is there then, and becomes the
//! death's cause if that process did die of SIGKILL: one that crashed meanwhile died of its crash.

use crate::error::{Cause, Error, Result};
use crate::machine::clock;
use crate::process::{Child, Pidfd};
use crate::shared::seat::{CHILDREN_MAX, WORKERS_MAX};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::Signal;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How the engine's threads reach the supervisor and its workers.
pub(crate) struct Handle {
    pub(crate) stop: AtomicBool,
    /// The supervisor waits without an end, as nothing is out that it has to look at.
    pub(crate) sleeps: AtomicBool,
    pub(crate) event: EventFd,
    /// By place: workers by rank, then child processes by number. None where no process is.
    held: Mutex<Vec<Option<Held>>>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().iter().flatten()).finish()
    }
}

/// A worker process, and why it was ended, if somebody has.
#[derive(Debug)]
struct Held {
    pid: i32,
    process: Pidfd,
    ended: Option<End>,
}

/// Why and when a worker was ended.
#[derive(Debug)]
struct End {
    cause: Cause,
    /// Just before the kill, by the monotonic clock.
    at_ns: u64,
}

impl Handle {
    pub(crate) fn new() -> Result<Handle> {
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|e| Error::system("making the supervisor's event", e))?;
        let held = (0..WORKERS_MAX + CHILDREN_MAX).map(|_| None).collect();
        let (stop, sleeps) = Default::default();
        Ok(Handle { stop, sleeps, event, held: Mutex::new(held) })
    }

    /// Lets the supervisor look around.
    pub(crate) fn wake(&self) {
        // Should the event fail, the supervisor still looks at its next occasion.
        let _ = self.event.write(1);
    }

    /// A task has been put, or a plan with a deadline issued: from now on there is something to look at.
    /// The supervisor says that it sleeps, then looks for work; this looks at that after the work is
    /// there.
    pub(crate) fn wake_for_work(&self) {
        fence(Ordering::SeqCst);
        if self.sleeps.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Ends the worker of a rank, with what shall be the cause of its death. Gives its process id;
    /// none if there is none, or somebody else has ended it already.
    pub(crate) fn end(&self, rank: usize, cause: Cause) -> Option<i32> {
        let mut held = self.lock();
        let held = held.get_mut(rank)?.as_mut().filter(|held| held.ended.is_none())?;
        held.ended = Some(End { cause, at_ns: clock::monotonic_ns() });
        held.process.send(Signal::SIGKILL);
        Some(held.pid)
    }

    /// Sends a signal to the worker of a rank. Gives its process id, if there is one.
    pub(crate) fn signal(&self, rank: usize, signal: Signal) -> Option<i32> {
        let held = self.lock();
        let held = held.get(rank)?.as_ref()?;
        held.process.send(signal);
        Some(held.pid)
    }

    /// The process of each of so many ranks.
    pub(super) fn pids(&self, workers: usize) -> Vec<Option<i32>> {
        self.lock()[..workers].iter().map(|held| held.as_ref().map(|held| held.pid)).collect()
    }

    /// Starts the worker of a rank. Nobody who looks meanwhile finds a process that is not held.
    pub(super) fn start(
        &self,
        rank: usize,
        spawn: impl FnOnce() -> Result<Child>,
    ) -> Result<Child> {
        let mut held = self.lock();
        let child = spawn()?;
        held[rank] = Some(Held { pid: child.pid, process: child.pidfd.clone(), ended: None });
        Ok(child)
    }

    /// The worker of a rank has been reaped. `cause` is how it ended, and becomes why if it was ended
    /// by [`end`](Handle::end). Gives the time of its end by the monotonic clock, as far as is known.
    pub(super) fn let_go(&self, rank: usize, cause: &mut Cause) -> u64 {
        let ended = self.lock()[rank].take().and_then(|held| held.ended);
        match (&*cause, ended) {
            (Cause::Signal { number: libc::SIGKILL, .. }, Some(end)) => {
                *cause = end.cause;
                end.at_ns
            }
            _ => clock::monotonic_ns(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    fn sleeper(handle: &Handle) -> Child {
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = child.id() as i32;
        let process = Pidfd::open(pid).unwrap();
        handle.lock()[0] = Some(Held { pid, process, ended: None });
        child
    }

    #[test]
    fn a_worker_dies_of_its_end_or_of_what_came_before_it() {
        let handle = Handle::new().unwrap();
        let killed =
            || Cause::Signal { number: 9, name: "SIGKILL".into(), address: None, fault: None };
        let deaths = [
            (true, killed(), Cause::Disturbed),
            (true, Cause::Exit { status: 3 }, Cause::Exit { status: 3 }),
            (false, killed(), killed()),
        ];
        for (is_ended, cause, why) in deaths {
            let mut child = sleeper(&handle);
            if is_ended {
                assert_eq!(handle.end(0, Cause::Disturbed), Some(child.id() as i32));
                assert_eq!(handle.end(0, Cause::Unknown), None, "the first reason counts");
            } else {
                assert_eq!(handle.signal(0, Signal::SIGKILL), Some(child.id() as i32));
            }
            let status = child.wait().unwrap();
            assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
            let mut cause = cause;
            handle.let_go(0, &mut cause);
            assert_eq!(cause, why);
        }
        assert_eq!(handle.end(0, Cause::Disturbed), None, "nobody is there");
        assert_eq!(handle.signal(9999, Signal::SIGKILL), None, "there is no such rank");
    }
}
