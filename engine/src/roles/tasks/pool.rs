//! A pool of tasks, each with a function of its own.

use super::handle::TaskHandle;
use super::sent;
use super::table::Function;
use super::{open::OpenRing, state::Task};
use crate::compute::Portable;
use crate::error::Result;
use crate::roles::engine::Engine;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// Where tasks of any functions are submitted, each for a handle: what `concurrent.futures` calls an
/// executor. Threads of the coordinator may share it.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// let engine = gristmill::Engine::builder().workers(2).build()?;
/// let pool = engine.tasks().pool()?;
/// let power = pool.submit(|(base, exponent): (u64, u32)| base.pow(exponent), &(7, 3))?;
/// let shout = pool.submit(|text: String| text.to_uppercase(), &"mill".to_string())?;
/// assert_eq!(shout.join()?, "MILL");
/// assert_eq!(power.join()?, 343);
/// # Ok(()) }
/// ```
///
/// What `multiprocessing` cannot pickle (a lambda, a function within a function) runs here; a closure
/// that captures, which could not, does not compile:
///
/// ```compile_fail,E0080
/// # fn main() -> gristmill::Result<()> {
/// let engine = gristmill::Engine::builder().workers(2).build()?;
/// let pool = engine.tasks().pool()?;
/// let exponent = 3;
/// let power = pool.submit(|base: u64| base.pow(exponent), &7)?;
/// # Ok(()) }
/// ```
///
/// A handle is a future, too:
///
/// ```
/// # use std::{pin::pin, task::{Context, Poll, Wake, Waker}, thread::Thread, sync::Arc};
/// # struct Unpark(Thread);
/// # impl Wake for Unpark { fn wake(self: Arc<Self>) { self.0.unpark() } }
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
/// #     let mut future = pin!(future);
/// #     loop {
/// #         match future.as_mut().poll(&mut Context::from_waker(&waker)) {
/// #             Poll::Ready(output) => return output,
/// #             Poll::Pending => std::thread::park(),
/// #         }
/// #     }
/// # }
/// # fn main() -> gristmill::Result<()> {
/// let engine = gristmill::Engine::builder().workers(2).build()?;
/// let pool = engine.tasks().pool()?;
/// let seven = async {
///     let three = pool.submit(|n: u64| n + 1, &2)?.await?;
///     pool.submit(|n: u64| n + 4, &three)?.await
/// };
/// assert_eq!(block_on(seven)?, 7); // of any async runtime
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TaskPool<'e> {
    ring: Arc<OpenRing>,
    engine: PhantomData<&'e Engine>,
}

impl TaskPool<'_> {
    pub(super) fn new(ring: OpenRing) -> Self {
        TaskPool { ring: Arc::new(ring), engine: PhantomData }
    }

    /// Puts a task that runs `f`, a function or a closure that captures nothing. Waits while the pool
    /// is full, which it is only of tasks that have not ended.
    ///
    /// # Errors
    ///
    /// [`Error::NotPortable`](crate::Error::NotPortable) if the parameters cannot be sent;
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory);
    /// [`Error::NoWorkers`](crate::Error::NoWorkers);
    /// [`Error::InsideWorker`](crate::Error::InsideWorker) and
    /// [`Error::Forked`](crate::Error::Forked) in other processes.
    pub fn submit<P, R, F>(&self, f: F, params: &P) -> Result<TaskHandle<R>>
    where
        P: Portable,
        R: Portable,
        F: Fn(P) -> R + Copy + Send + Sync + 'static,
    {
        let _ = f;
        let function = Function::plain::<P, R, F>()?;
        let (bytes, luggage) = sent(&self.ring.core, params)?;
        TaskHandle::submit(&self.ring, Task::new(function, bytes, luggage))
    }

    /// Tasks that have not ended.
    pub fn unfinished(&self) -> usize {
        self.ring.lock().unfinished()
    }

    /// Waits until no task is unfinished, detached ones included.
    pub fn join(&self) {
        self.ring.wait(|state| (state.unfinished() == 0).then_some(()));
    }

    /// The same, but for no longer than this; true if all have ended.
    pub fn join_timeout(&self, timeout: Duration) -> bool {
        let over = self.ring.wait_timeout(timeout, |state| (state.unfinished() == 0).then_some(()));
        over.is_some()
    }
}
