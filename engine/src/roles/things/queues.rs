//! Queues.

use crate::compute::Portable;
use crate::error::Result;
use crate::roles::engine::Engine;
use crate::toolbox::{Codec, JoinableQueue, Plain, PriorityQueue, Queue};

impl Engine {
    /// A queue for at most `bound` messages at once, of any type of serde's: see [`Queue`].
    ///
    /// So many always fit if none is longer, as bytes, than 256, or 4 KiB up to a bound of 1024. Longer
    /// ones, up to 4 MiB, have 4 MiB together at least: a queue that has no room for any beyond 48 bytes
    /// counts as full, though it may take shorter ones. What is set aside for a message (64 bytes, and
    /// 272 for what does not fit there) is taken from the system as it is first used.
    ///
    /// ```
    /// use gristmill::{Engine, Queue};
    ///
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(0).build()?;
    /// let words = engine.queue::<String>(100)?;
    /// let count = |words: Queue<String>| {
    ///     let mut letters = 0;
    ///     // Until the queue is closed.
    ///     while let Ok(word) = words.get() {
    ///         letters += word.len();
    ///     }
    ///     letters
    /// };
    /// let counters = [engine.spawn(count, words.clone())?, engine.spawn(count, words.clone())?];
    /// for word in ["from", "many", "to", "many"] {
    ///     words.put(&word.to_owned())?;
    /// }
    /// words.close()?;
    /// let letters = counters.into_iter().map(|counter| counter.join());
    /// assert_eq!(letters.sum::<gristmill::Result<usize>>()?, 14);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::TooSmall`](crate::Error::TooSmall) for a bound of 0, [`Error::Limit`](crate::Error::Limit)
    /// beyond 2^24; [`Error::OutOfMemory`](crate::Error::OutOfMemory);
    /// [`Error::InsideWorker`](crate::Error::InsideWorker) and [`Error::Forked`](crate::Error::Forked)
    /// in other processes.
    pub fn queue<T: Portable>(&self, bound: usize) -> Result<Queue<T>> {
        self.core.refuse_other_processes()?;
        Queue::make(&self.core.commons, bound)
    }

    /// A queue of plain data, which travel as their bytes: of any [`Element`](crate::Element), or of
    /// slices of them. Faster than [`queue`](Self::queue).
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let numbers = engine.plain_queue::<i64>(100)?;
    /// numbers.put_all(&[1, 2, 3])?;
    /// assert_eq!(numbers.get_many(10)?, [1, 2, 3]);
    /// let rows = engine.plain_queue::<[f64]>(100)?;
    /// rows.put(&[0.5, 1.5])?;
    /// assert_eq!(rows.get()?, [0.5, 1.5]); // a Vec<f64>
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`queue`](Self::queue).
    pub fn plain_queue<T>(&self, bound: usize) -> Result<Queue<T, Plain>>
    where
        T: ?Sized + 'static,
        Plain: Codec<T>,
    {
        self.core.refuse_other_processes()?;
        Queue::make(&self.core.commons, bound)
    }

    /// A queue whose messages are leased, and of which can be known when all is done: see
    /// [`JoinableQueue`].
    ///
    /// ```
    /// use gristmill::{Engine, JoinableQueue};
    ///
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(0).build()?;
    /// let jobs = engine.joinable_queue::<u64>(100)?;
    /// let work = |jobs: JoinableQueue<u64>| {
    ///     while let Ok(job) = jobs.get() {
    ///         assert!(*job < 10);
    ///     } // done with it, as it is dropped
    /// };
    /// let worker = engine.spawn(work, jobs.clone())?;
    /// for job in 0..10 {
    ///     jobs.put(&job)?;
    /// }
    /// jobs.join()?; // all ten are done
    /// jobs.close()?;
    /// worker.join()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`queue`](Self::queue).
    pub fn joinable_queue<T: Portable>(&self, bound: usize) -> Result<JoinableQueue<T>> {
        self.core.refuse_other_processes()?;
        JoinableQueue::make(&self.core.commons, bound)
    }

    /// A joinable queue of plain data, as [`plain_queue`](Self::plain_queue).
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let jobs = engine.plain_joinable_queue::<u32>(100)?;
    /// jobs.put(&7)?;
    /// jobs.get()?.nack(); // not now
    /// assert_eq!(jobs.unfinished()?, 1);
    /// assert_eq!(jobs.get()?.into_inner(), 7);
    /// jobs.join()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`queue`](Self::queue).
    pub fn plain_joinable_queue<T>(&self, bound: usize) -> Result<JoinableQueue<T, Plain>>
    where
        T: ?Sized + 'static,
        Plain: Codec<T>,
    {
        self.core.refuse_other_processes()?;
        JoinableQueue::make(&self.core.commons, bound)
    }

    /// A queue whose messages come by their priority: see [`PriorityQueue`].
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let queue = engine.priority_queue::<String>(100)?;
    /// queue.put(2, &"later".to_owned())?;
    /// queue.put(1, &"first".to_owned())?;
    /// assert_eq!(queue.get()?, (1, "first".to_owned()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`queue`](Self::queue).
    pub fn priority_queue<T: Portable>(&self, bound: usize) -> Result<PriorityQueue<T>> {
        self.core.refuse_other_processes()?;
        PriorityQueue::make(&self.core.commons, bound)
    }
}
