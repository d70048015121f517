//! How a task has ended, as bytes and as values; and where whoever holds its handle finds it.

use crate::compute::{Failure, Portable};
use crate::error::{Error, Result, TaskFailure};
use crate::roles::coordinator::Core;
use crate::roles::open_queue::TaskNotes;
use crate::roles::worker::{Branched, TaskOutcome};
use crate::shared::crossing::{self, Luggage};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// How a task has ended.
#[derive(Debug)]
pub(super) enum End {
    /// The task of this function has left a result of these bytes.
    Done(&'static str, Vec<u8>),
    /// The task of this function has failed.
    Failed(&'static str, TaskFailure),
    /// It was never put.
    Refused(Error),
    /// It was lost with the engine.
    Lost,
}

impl End {
    /// The result, or the error of the task of this number.
    pub(super) fn open<R: Portable>(self, core: &Core, number: u64) -> Result<R> {
        match self {
            End::Done(task, bytes) => {
                let home = Arc::clone(&core.commons);
                let read = || postcard::from_bytes(&bytes);
                let result = crossing::receiving(home, Luggage::default(), read);
                result.map_err(|e| {
                    let reason = TaskFailure::NotPortable(e.to_string());
                    Error::Task { index: number, task, reason }
                })
            }
            End::Failed(task, reason) => Err(Error::Task { index: number, task, reason }),
            End::Refused(error) => Err(error),
            End::Lost => Err(core.lock_running().ended().expect("tasks are lost with the engine")),
        }
    }

    /// Of a task of function `task` that is settled with this outcome; with the parameters of the
    /// tasks that it has put.
    pub(super) fn settled(
        task: &'static str,
        outcome: u64,
        bytes: Vec<u8>,
        notes: TaskNotes,
    ) -> (End, Vec<Vec<u8>>) {
        let is = |one: TaskOutcome| outcome == one as u64;
        let failure = if is(TaskOutcome::Done) {
            return (End::Done(task, bytes), vec![]);
        } else if is(TaskOutcome::Branched) {
            match postcard::from_bytes::<Branched>(&bytes) {
                Ok((bytes, branches)) => return (End::Done(task, bytes), branches),
                Err(e) => TaskFailure::NotPortable(e.to_string()),
            }
        } else if is(TaskOutcome::Died) {
            TaskFailure::Died(notes.deaths)
        } else if is(TaskOutcome::NoRoom) {
            TaskFailure::NoRoom(notes.refused)
        } else if is(TaskOutcome::Cancelled) {
            TaskFailure::Cancelled
        } else {
            Failure::read(&bytes, task).map_or_else(TaskFailure::NotPortable, TaskFailure::Panicked)
        };
        (End::Failed(task, failure), vec![])
    }
}

/// Whether a task with this outcome has left bytes in its room.
pub(super) fn has_bytes(outcome: u64) -> bool {
    let written = [TaskOutcome::Done, TaskOutcome::Branched, TaskOutcome::Failed];
    written.map(|outcome| outcome as u64).contains(&outcome)
}

/// Where the end of one task is left for its handle. Whoever looks after the ring fills it, under the
/// ring's lock; if the handle is gone the end goes with it.
#[derive(Debug, Default)]
pub(super) struct Promise(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    end: Option<End>,
    /// It has ended, and perhaps was taken already.
    is_over: bool,
    waker: Option<Waker>,
}

impl Promise {
    /// The task has ended: gives the waker that waits for it.
    pub(super) fn keep(&self, end: End) -> Option<Waker> {
        let mut kept = self.lock();
        kept.end = Some(end);
        kept.is_over = true;
        kept.waker.take()
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// The end, if it is there; once.
    ///
    /// # Panics
    ///
    /// If it was taken before.
    pub(super) fn take(&self) -> Option<End> {
        let mut kept = self.lock();
        kept.is_over.then(|| kept.end.take().expect("the result of this task was taken before"))
    }

    /// To be woken at the end; gives what was there before.
    pub(super) fn wake_by(&self, waker: Option<Waker>) -> Option<Waker> {
        std::mem::replace(&mut self.lock().waker, waker)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
