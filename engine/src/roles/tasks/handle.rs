//! The handle of one task: joined, cancelled, or awaited.

use super::end::{End, Promise};
use super::{open::OpenRing, state::Task};
use crate::compute::Portable;
use crate::error::Result;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// One task that was submitted, by [`TaskPool::submit`](crate::TaskPool::submit) or
/// [`TaskQueue::submit`](crate::TaskQueue::submit): to be joined, awaited or cancelled, in any order
/// and by any thread of the coordinator.
///
/// It is a future as well, for any executor or none in particular; one thread of the engine wakes all
/// that are awaited, as soon as a worker announces the end.
///
/// Dropping it detaches the task: that runs as before, and its result is thrown away. With the last
/// handle and the pool or queue gone, tasks that nobody has begun are withdrawn.
///
/// Python's `AsyncResult.get` waits for ever if the worker process with the task is killed, and a
/// `Future` of its `ProcessPoolExecutor` gets `BrokenProcessPool`, as all others do; here the task is
/// tried again, and fails alone.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(2).build()?;
/// let pool = engine.tasks().pool()?;
/// let sum = pool.submit(|(a, b): (u32, u32)| a + b, &(1, 2))?;
/// let text = pool.submit(|n: u32| n.to_string(), &7)?;
/// assert_eq!((sum.join()?, text.join()?), (3, "7".to_string()));
/// # Ok(()) }
/// ```
#[must_use = "dropped, it throws the task's result away"]
pub struct TaskHandle<R> {
    ring: Arc<OpenRing>,
    promise: Arc<Promise>,
    number: u64,
    types: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for TaskHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskHandle");
        debug.field("number", &self.number).field("is_over", &self.promise.is_over()).finish()
    }
}

impl<R: Portable> TaskHandle<R> {
    pub(super) fn submit(ring: &Arc<OpenRing>, mut task: Task) -> Result<TaskHandle<R>> {
        let promise = Arc::new(Promise::default());
        task.promise = Some(Arc::clone(&promise));
        let number = ring.put(task)?;
        Ok(TaskHandle { ring: Arc::clone(ring), promise, number, types: PhantomData })
    }

    /// Waits for the task's end; gives its result.
    ///
    /// # Errors
    ///
    /// [`Error::Task`](crate::Error::Task) with what became of it: it panicked, its every attempt
    /// died, its result could not be sent, it was cancelled. [`Error::NoWorkers`] if the engine ended
    /// or was dropped before. [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    ///
    /// [`Error::NoWorkers`]: crate::Error::NoWorkers
    /// [`Error::InsideWorker`]: crate::Error::InsideWorker
    /// [`Error::Forked`]: crate::Error::Forked
    ///
    /// # Panics
    ///
    /// If [`try_join`](TaskHandle::try_join) or an await has had the result.
    pub fn join(self) -> Result<R> {
        self.ring.core.refuse_other_processes()?;
        let kept = self.promise.take();
        let end = kept.unwrap_or_else(|| self.ring.wait(|_| self.promise.take()));
        self.open(end)
    }

    /// The result, if the task has ended.
    ///
    /// # Errors
    ///
    /// # Panics
    ///
    /// Both as [`join`](TaskHandle::join).
    pub fn try_join(&mut self) -> Result<Option<R>> {
        self.ring.core.refuse_other_processes()?;
        let end = self.ring.tended(|_| self.promise.take());
        end.map(|end| self.open(end)).transpose()
    }

    /// Waits for the task's end, but not for longer than this.
    ///
    /// # Errors
    ///
    /// # Panics
    ///
    /// Both as [`join`](TaskHandle::join).
    pub fn join_timeout(&mut self, timeout: Duration) -> Result<Option<R>> {
        self.ring.core.refuse_other_processes()?;
        let end = self.ring.wait_timeout(timeout, |_| self.promise.take());
        end.map(|end| self.open(end)).transpose()
    }

    fn open(&self, end: End) -> Result<R> {
        end.open(&self.ring.core, self.number)
    }
}

impl<R> TaskHandle<R> {
    /// The task's number in its pool or queue, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the task has ended, in whatever way.
    pub fn is_done(&self) -> bool {
        let ask = || self.ring.tended(|_| self.promise.is_over());
        self.ring.core.refuse_other_processes().is_ok() && (self.promise.is_over() || ask())
    }

    /// Cancels the task; false if it has ended already. One that nobody has begun is withdrawn. One
    /// that runs is ended with its worker, for which another starts, and not tried again; what it has
    /// done until then is done, and a shared lock that it held tells its next owner. Either way its
    /// result is [`TaskFailure::Cancelled`](crate::TaskFailure::Cancelled), unless it ends by itself
    /// just before.
    ///
    /// ```
    /// use gristmill::{Error, TaskFailure};
    ///
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(1).build()?;
    /// let pool = engine.tasks().pool()?;
    /// let endless = |(): ()| -> u32 { loop { std::thread::yield_now() } };
    /// let endless = pool.submit(endless, &())?;
    /// assert!(endless.cancel());
    /// let Err(Error::Task { reason, .. }) = endless.join() else { panic!("it came to an end") };
    /// assert_eq!(reason, TaskFailure::Cancelled);
    /// # Ok(()) }
    /// ```
    ///
    /// In Python `Future.cancel` gives up on a task that has begun, and the only way to end one is to
    /// end the pool.
    pub fn cancel(&self) -> bool {
        self.ring.core.refuse_other_processes().is_ok() && self.ring.cancel(&self.promise)
    }
}

impl<R: Portable> Future for TaskHandle<R> {
    type Output = Result<R>;

    /// # Panics
    ///
    /// Once it has given the result.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R>> {
        let core = &self.ring.core;
        if let Err(error) = core.refuse_other_processes() {
            return Poll::Ready(Err(error));
        }
        // Of the two wakers both are somebody else's code, which must not run under a lock.
        let mut waker = Some(context.waker().clone());
        let end = self.ring.tended(|_| {
            let end = self.promise.take();
            if end.is_none() {
                waker = self.promise.wake_by(waker.take());
                core.notifier.expect_one_unless(waker.is_some());
            }
            end
        });
        drop(waker);
        match end {
            Some(end) => Poll::Ready(self.open(end)),
            None => core.notify().map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending),
        }
    }
}

impl<R> Drop for TaskHandle<R> {
    fn drop(&mut self) {
        if self.promise.wake_by(None).is_some() {
            self.ring.core.notifier.forget(1);
        }
    }
}
