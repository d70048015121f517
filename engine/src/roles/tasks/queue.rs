//! One joinable task queue: put, next, join, close; submit with a handle.

use super::end::End;
use super::handle::TaskHandle;
use super::results::Unordered;
use super::sent;
use super::table::Function;
use super::{open::OpenRing, state::Task};
use crate::compute::Portable;
use crate::error::Result;
use crate::roles::engine::Engine;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A bounded queue of tasks that the engine's workers run, each until it has a result.
///
/// A worker leases a task and settles it when it is done; if the worker dies its lease returns to
/// the queue, and another runs the task. A task that kills its worker each time fails alone.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// let engine = gristmill::Engine::builder().workers(2).build()?;
/// let mut queue = engine.tasks().queue(|text: String| text.len())?;
/// for word in ["a", "joinable", "queue"] {
///     queue.put(&word.to_string())?;
/// }
/// queue.join(); // all tasks are done
/// let mut lengths: Vec<usize> = queue.close().map(|(_, len)| len.unwrap()).collect();
/// lengths.sort();
/// assert_eq!(lengths, [1, 5, 8]);
/// # Ok(()) }
/// ```
///
/// Where Python's `JoinableQueue.join` waits for ever once a consumer was killed before its
/// `task_done`, here the lease settles it. Dropping the queue withdraws the tasks that nobody has
/// begun, once no handle of [`submit`](TaskQueue::submit) is left either, and waits for the others.
#[derive(Debug)]
pub struct TaskQueue<'e, P, R> {
    pub(super) ring: Arc<OpenRing>,
    function: Function,
    engine: PhantomData<&'e Engine>,
    types: PhantomData<fn(P) -> R>,
}

impl<P: Portable, R: Portable> TaskQueue<'_, P, R> {
    pub(super) fn new(ring: OpenRing, function: Function) -> Self {
        let ring = Arc::new(ring);
        TaskQueue { ring, function, engine: PhantomData, types: PhantomData }
    }

    /// Puts a task; gives its number, counted from 0. Waits while the queue is full, which results
    /// that come meanwhile relieve: they are kept until [`next`](TaskQueue::next) takes them.
    ///
    /// # Errors
    ///
    /// [`Error::NotPortable`](crate::Error::NotPortable) if the parameters cannot be sent;
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory);
    /// [`Error::NoWorkers`](crate::Error::NoWorkers);
    /// [`Error::InsideWorker`](crate::Error::InsideWorker) and
    /// [`Error::Forked`](crate::Error::Forked) in other processes.
    pub fn put(&mut self, params: &P) -> Result<u64> {
        let (bytes, luggage) = sent(&self.ring.core, params)?;
        self.ring.put(Task::new(self.function, bytes, luggage))
    }

    /// Puts a task unless the queue is full: then none.
    ///
    /// # Errors
    ///
    /// As [`put`](TaskQueue::put).
    pub fn try_put(&mut self, params: &P) -> Result<Option<u64>> {
        let (bytes, luggage) = sent(&self.ring.core, params)?;
        self.ring.try_put(Task::new(self.function, bytes, luggage))
    }

    /// Puts a task whose result its handle alone gets. Waits while the queue is full.
    ///
    /// # Errors
    ///
    /// As [`put`](TaskQueue::put).
    pub fn submit(&self, params: &P) -> Result<TaskHandle<R>> {
        let (bytes, luggage) = sent(&self.ring.core, params)?;
        TaskHandle::submit(&self.ring, Task::new(self.function, bytes, luggage))
    }

    /// The result of any task that is done, with the task's number; waits for one. None once all
    /// results were taken.
    #[allow(clippy::should_implement_trait, reason = "more tasks can be put after None")]
    pub fn next(&mut self) -> Option<(u64, Result<R>)> {
        let next = self.ring.wait(|state| {
            let next = state.ended().pop_front();
            (next.is_some() || state.unfinished() == 0).then_some(next)
        });
        next.map(|next| self.open(next))
    }

    /// The result of any task that is done; none if there is none just now.
    pub fn try_next(&mut self) -> Option<(u64, Result<R>)> {
        let next = self.ring.tended(|state| state.ended().pop_front());
        next.map(|next| self.open(next))
    }

    /// The same as [`next`](TaskQueue::next), but waits for no longer than this; none, too, if nothing
    /// is done by then.
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<(u64, Result<R>)> {
        let next = self.ring.wait_timeout(timeout, |state| {
            let next = state.ended().pop_front();
            (next.is_some() || state.unfinished() == 0).then_some(next)
        });
        next.flatten().map(|next| self.open(next))
    }

    fn open(&self, (number, end): (u64, End)) -> (u64, Result<R>) {
        (number, end.open(&self.ring.core, number))
    }

    /// Waits until all tasks are done, those included that tasks have put. Their results stay to be
    /// taken.
    pub fn join(&mut self) {
        self.ring.wait(|state| (state.unfinished() == 0).then_some(()));
    }

    /// The same, but for no longer than this; true if all are done.
    pub fn join_timeout(&mut self, timeout: Duration) -> bool {
        let done = self.ring.wait_timeout(timeout, |state| (state.unfinished() == 0).then_some(()));
        done.is_some()
    }

    /// Tasks whose results have not been taken; of those that were submitted, only the unfinished.
    pub fn len(&self) -> usize {
        let mut state = self.ring.lock();
        state.unfinished() + state.ended().len()
    }

    /// Whether all results have been taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes the queue: nothing more is put; gives the results that are left, as they come.
    pub fn close(self) -> Unordered<Self> {
        Unordered::new(self)
    }
}
