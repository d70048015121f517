//! Tasks, as users hold them: map, queues, pools, handles.

mod end;
mod handle;
mod open;
mod pool;
mod queue;
mod results;
mod ring;
mod state;
mod table;

use super::coordinator::Core;
use super::engine::Engine;
use crate::compute::{Alike, Portable, encode};
use crate::error::Result;
use crate::shared::crossing::{self, Luggage, Way};
use crate::shared::queue::SLOTS;
use crate::toolbox::address;
pub use handle::TaskHandle;
use open::OpenRing;
pub use pool::TaskPool;
pub use queue::TaskQueue;
pub use results::{TaskResults, Unordered};
use std::time::Duration;
pub use table::Branches;
use table::Function;

/// Where irregular work begins: [`Engine::tasks`].
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(2).build()?;
/// // At most 8 at once, each of which may take a second.
/// let tasks = engine.tasks().bound(8).deadline(Some(std::time::Duration::from_secs(1)));
/// let lengths = tasks.map(|word: String| word.len(), ["one", "three"].map(String::from))?;
/// assert!(lengths.map(|length| length.unwrap()).eq([3, 5]));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Tasks<'e> {
    engine: &'e Engine,
    bound: usize,
    deadline: Option<Duration>,
}

impl<'e> Tasks<'e> {
    pub(super) fn new(engine: &'e Engine) -> Tasks<'e> {
        Tasks { engine, bound: SLOTS, deadline: engine.deadline() }
    }

    /// At most this many tasks wait or run at once: 1 to 256, which is the default. A `put` beyond that
    /// waits for a result, and keeps it in ordinary memory until it is taken: take results while you
    /// put.
    pub fn bound(mut self, tasks: usize) -> Tasks<'e> {
        self.bound = tasks.clamp(1, SLOTS);
        self
    }

    /// How long one attempt at a task may take; by default what
    /// [`Builder::deadline`](crate::Builder::deadline) says of chunks.
    pub fn deadline(mut self, deadline: Option<Duration>) -> Tasks<'e> {
        self.deadline = deadline;
        self
    }

    /// Runs `f` on each of the parameters; results come in order of the parameters, or as they
    /// come with [`unordered`](TaskResults::unordered). Parameters are taken as room is there.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// fn collatz(mut n: u64) -> u32 {
    ///     let mut steps = 0;
    ///     while n != 1 {
    ///         n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
    ///         steps += 1;
    ///     }
    ///     steps
    /// }
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let steps = engine.tasks().map(collatz, 1..1000)?;
    /// let longest = steps.map(|s| s.unwrap()).enumerate().max_by_key(|&(_, s)| s).unwrap();
    /// assert_eq!(longest, (870, 178));
    /// # Ok(()) }
    /// ```
    ///
    /// The function is sent by its place in the program, so a closure must capture nothing. What
    /// it needs is among the parameters:
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let factor = 3;
    /// let params = (0..4).map(|n| (n, factor));
    /// let products = engine.tasks().map(|(n, factor): (u64, u64)| n * factor, params)?;
    /// assert!(products.map(|product| product.unwrap()).eq([0, 3, 6, 9]));
    /// # Ok(()) }
    /// ```
    ///
    /// A closure that captures does not compile:
    ///
    /// ```compile_fail,E0080
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let factor = 3;
    /// let products = engine.tasks().map(|n: u64| n * factor, 0..4)?;
    /// assert!(products.map(|product| product.unwrap()).eq([0, 3, 6, 9]));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`queue`](Tasks::queue). What goes wrong in a task is the value of that task:
    /// [`Error::Task`](crate::Error::Task).
    pub fn map<P, R, F, I>(self, f: F, params: I) -> Result<TaskResults<'e, P, R, I::IntoIter>>
    where
        P: Portable,
        R: Portable,
        F: Fn(P) -> R + Copy + Send + Sync + 'static,
        I: IntoIterator<Item = P>,
    {
        let _ = f;
        let function = Function::plain::<P, R, F>()?;
        Ok(TaskResults::new(self.open()?, function, params.into_iter(), self.bound))
    }

    /// Opens a queue whose tasks run `f`, a function or a closure that captures nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`](crate::Error::Limit) if all of the engine's task queues are in use;
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory);
    /// [`Error::InsideWorker`](crate::Error::InsideWorker) and
    /// [`Error::Forked`](crate::Error::Forked) in other processes.
    pub fn queue<P, R, F>(self, f: F) -> Result<TaskQueue<'e, P, R>>
    where
        P: Portable,
        R: Portable,
        F: Fn(P) -> R + Copy + Send + Sync + 'static,
    {
        let _ = f;
        Ok(TaskQueue::new(self.open()?, Function::plain::<P, R, F>()?))
    }

    /// Opens a queue whose tasks may put further tasks: `f` is a function or a closure that captures
    /// nothing, of the parameters and of what it puts with.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// use gristmill::Branches;
    ///
    /// /// Counts the ways to part `n` into summands of at most `most`, a task for each first one.
    /// fn ways((n, most): (u32, u32), branches: &Branches<(u32, u32)>) -> u64 {
    ///     for first in 1..=most.min(n) {
    ///         branches.put(&(n - first, first)).unwrap();
    ///     }
    ///     u64::from(n == 0)
    /// }
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let mut queue = engine.tasks().branching(ways)?;
    /// queue.put(&(10, 10))?;
    /// assert_eq!(queue.close().map(|(_, ways)| ways.unwrap()).sum::<u64>(), 42);
    /// # Ok(()) }
    /// ```
    ///
    /// What a task puts travels with its result, and is there once the task is settled: so it is put
    /// exactly once, however often the task is tried, and not at all if it fails. Its results come as
    /// all others do, under numbers of their own. It waits in the coordinator's ordinary memory for
    /// its turn, so that a task never waits for room; and [`put`](TaskQueue::put) waits until nothing
    /// is left of it there.
    ///
    /// In Python a task that calls its own pool, and waits, can use up all workers and hang.
    ///
    /// # Errors
    ///
    /// As [`queue`](Tasks::queue).
    pub fn branching<P, R, F>(self, f: F) -> Result<TaskQueue<'e, P, R>>
    where
        P: Portable,
        R: Portable,
        F: Fn(P, &Branches<P>) -> R + Copy + Send + Sync + 'static,
    {
        let _ = f;
        Ok(TaskQueue::new(self.open()?, Function::branching::<P, R, F>()?))
    }

    /// Opens a pool, to which tasks of any functions are submitted.
    ///
    /// # Errors
    ///
    /// As [`queue`](Tasks::queue).
    pub fn pool(self) -> Result<TaskPool<'e>> {
        Ok(TaskPool::new(self.open()?))
    }

    fn open(&self) -> Result<OpenRing> {
        OpenRing::open(&self.engine.core, self.bound, self.deadline)
    }
}

/// A task's parameters as they are sent, and what is kept for them.
fn sent<P: Portable>(core: &Core, params: &P) -> Result<(Vec<u8>, Luggage)> {
    let (bytes, luggage) =
        crossing::sending(Way::Task, address(core.region()), || encode(params, Alike::Bytes));
    Ok((bytes?, luggage))
}
