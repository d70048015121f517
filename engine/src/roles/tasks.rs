//! The joinable task queue, as users hold it: put, results, join, close; map on top.

use super::coordinator::QueueDeaths;
use super::engine::{Engine, refuse_captures};
use super::worker::TaskOutcome;
use crate::compute::{Failure, Named, Portable, QUEUES, Serve, ServeFn, conjure, encode};
use crate::error::{Error, Panic, Result, TaskFailure};
use crate::memory::{Block, Region};
use crate::shared::protocol::Hardware;
use crate::shared::queue::{Queue, SLOTS};
use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of parameters, and of a result, for which a slot has room without asking.
const INLINE: usize = 1024;

/// Where irregular work begins: [`Engine::tasks`].
#[derive(Debug)]
pub struct Tasks<'e> {
    engine: &'e Engine,
    bound: usize,
}

impl<'e> Tasks<'e> {
    pub(super) fn new(engine: &'e Engine) -> Tasks<'e> {
        Tasks { engine, bound: SLOTS }
    }

    /// At most this many tasks wait, run, or hold an untaken result at once: 1 to 256, which is
    /// the default. A `put` beyond that waits.
    pub fn bound(mut self, tasks: usize) -> Tasks<'e> {
        self.bound = tasks.clamp(1, SLOTS);
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
    /// # Errors
    ///
    /// If all of the engine's task queues are in use. What goes wrong in a task is the value of
    /// that task: [`Error::Task`].
    pub fn map<P, R, F, I>(self, f: F, params: I) -> Result<TaskResults<'e, P, R, I::IntoIter>>
    where
        P: Portable,
        R: Portable,
        F: Fn(P) -> R + Copy + Send + Sync + 'static,
        I: IntoIterator<Item = P>,
    {
        let queue = self.queue(f)?;
        Ok(TaskResults { queue, params: params.into_iter(), ended: false, next: 0 })
    }

    /// Opens a queue whose tasks run `f`, a function or a closure that captures nothing.
    ///
    /// # Errors
    ///
    /// If all of the engine's task queues are in use.
    pub fn queue<P, R, F>(self, f: F) -> Result<TaskQueue<'e, P, R>>
    where
        P: Portable,
        R: Portable,
        F: Fn(P) -> R + Copy + Send + Sync + 'static,
    {
        refuse_captures!(F);
        let _ = f;
        let table = Task::<P, R, F>::TABLE;
        let core = &self.engine.core;
        let bytes = SLOTS * 2 * INLINE;
        let room = core.memory.allocate("a task queue", bytes)?;
        let offset = table.offset()?;
        let mut open = core.lock_queues();
        let index = open.iter().position(Option::is_none).ok_or(Error::Limit {
            what: "the number of open task queues",
            asked: QUEUES as u64 + 1,
            limit: QUEUES as u64,
            remedy: "finish or drop one first",
        })?;
        open[index] = Some(QueueDeaths::default());
        let control = core.control();
        control.queues[index].reset();
        control.queue_tables[index].store(offset, Ordering::Release);
        control.open_queues.fetch_or(1 << index, Ordering::AcqRel);
        Ok(TaskQueue {
            engine: self.engine,
            index,
            bound: self.bound,
            name: table.name(),
            room,
            waiting: BTreeMap::new(),
            finished: VecDeque::new(),
            types: PhantomData,
        })
    }
}

/// The table of a task function.
struct Task<P, R, F>(PhantomData<(P, R, F)>);

impl<P: Portable, R: Portable, F: Fn(P) -> R + Copy + 'static> Task<P, R, F> {
    const TABLE: &'static Named<Serve> =
        &Named::new(std::any::type_name::<F>, serve::<P, R, F> as ServeFn);
}

fn serve<P: Portable, R: Portable, F: Fn(P) -> R + Copy>(params: &[u8]) -> Result<Vec<u8>, String> {
    let params: P = postcard::from_bytes(params)
        .map_err(|e| format!("parameters of type {}: {e}", std::any::type_name::<P>()))?;
    let result = conjure::<F>()(params);
    encode(&result).map_err(|e| e.to_string())
}

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
#[derive(Debug)]
pub struct TaskQueue<'e, P, R> {
    engine: &'e Engine,
    index: usize,
    bound: usize,
    name: &'static str,
    room: Block,
    /// Tasks that are not taken yet, with memory of their own where a slot's room is too small.
    waiting: BTreeMap<u64, Payload>,
    finished: VecDeque<(u64, Result<R>)>,
    types: PhantomData<fn(P) -> R>,
}

/// Memory of a task beyond its slot's room.
#[derive(Debug, Default)]
struct Payload {
    _params: Option<Block>,
    result: Option<Block>,
}

impl<P: Portable, R: Portable> TaskQueue<'_, P, R> {
    /// Puts a task; gives its number, counted from 0. Waits while the queue is full, which results
    /// that come meanwhile relieve: they are kept until [`next`](TaskQueue::next) takes them.
    ///
    /// # Errors
    ///
    /// [`Error::NotPortable`] if the parameters cannot be sent; [`Error::OutOfMemory`].
    pub fn put(&mut self, params: &P) -> Result<u64> {
        let bytes = encode(params)?;
        while self.waiting.len() >= self.bound || !self.has_free_slot() {
            let sequence = self.wait_for_any();
            let result = self.take(sequence);
            self.finished.push_back((sequence, result));
        }
        self.put_bytes(&bytes)
    }

    /// The result of any task that is done, with the task's number; waits for one. None once all
    /// results were taken.
    #[allow(clippy::should_implement_trait, reason = "more tasks can be put after None")]
    pub fn next(&mut self) -> Option<(u64, Result<R>)> {
        if let Some(finished) = self.finished.pop_front() {
            return Some(finished);
        }
        if self.waiting.is_empty() {
            return None;
        }
        let sequence = self.wait_for_any();
        let result = self.take(sequence);
        Some((sequence, result))
    }

    /// Waits until all tasks are done. Their results stay to be taken.
    pub fn join(&mut self) {
        while !self.waiting.is_empty() {
            let sequence = self.wait_for_any();
            let result = self.take(sequence);
            self.finished.push_back((sequence, result));
        }
    }

    /// Tasks whose results have not been taken.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.finished.len()
    }

    /// Whether all results have been taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn words(&self) -> &Queue<Hardware> {
        &self.engine.core.control().queues[self.index]
    }

    fn has_free_slot(&self) -> bool {
        // A ring: the slot of the next task is free once the task 256 before it is taken.
        let next = self.words().count_put();
        next.checked_sub(SLOTS as u64).is_none_or(|before| !self.waiting.contains_key(&before))
    }

    fn put_bytes(&mut self, bytes: &[u8]) -> Result<u64> {
        let core = &self.engine.core;
        let next = self.words().count_put();
        let base = self.room.offset() + next as usize % SLOTS * 2 * INLINE;
        let mut payload = Payload::default();
        let place = if bytes.len() <= INLINE {
            base
        } else {
            let block = core.memory.allocate("the parameters of a task", bytes.len())?;
            payload._params.insert(block).offset()
        };
        store_bytes(core.region(), place, bytes);
        let sequence = self.words().put(|_, slot| {
            slot.params[0].store(place as u64, Ordering::Relaxed);
            slot.params[1].store(bytes.len() as u64, Ordering::Relaxed);
            slot.result[0].store((base + INLINE) as u64, Ordering::Relaxed);
            slot.result[1].store(INLINE as u64, Ordering::Relaxed);
        });
        let sequence = sequence.expect("has_free_slot was asked");
        self.waiting.insert(sequence, payload);
        if core.control().board().anybody_asleep() {
            core.control().ring();
        }
        Ok(sequence)
    }

    /// Waits until some task is done; gives its number.
    fn wait_for_any(&mut self) -> u64 {
        self.wait_for(|queue| {
            let words = queue.words();
            queue.waiting.keys().copied().find(|&sequence| words.is_done(sequence))
        })
    }

    fn wait_for(&mut self, done: impl Fn(&Self) -> Option<u64>) -> u64 {
        let core = std::sync::Arc::clone(&self.engine.core);
        core.wait_until(|| {
            self.grant_room();
            done(self).or_else(|| self.give_up())
        })
    }

    /// With no worker left every task fails.
    fn give_up(&self) -> Option<u64> {
        self.engine.core.lock_running().no_workers.as_ref()?;
        self.waiting.keys().next().copied()
    }

    /// Gives room to results that are larger than their slots.
    fn grant_room(&mut self) {
        let core = &self.engine.core;
        let words = &core.control().queues[self.index];
        for (&sequence, payload) in &mut self.waiting {
            if !words.wants_room(sequence) {
                continue;
            }
            let slot = words.slot(sequence);
            let len = slot.result[2].load(Ordering::Relaxed) as usize;
            // Without memory the result cannot be had; its task waits until some is freed.
            if let Ok(block) = core.memory.allocate("the result of a task", len) {
                slot.result[0].store(block.offset() as u64, Ordering::Relaxed);
                slot.result[1].store(block.len() as u64, Ordering::Relaxed);
                payload.result = Some(block);
                words.grant(sequence);
                core.control().ring();
            }
        }
    }

    /// Takes the result of a task that is done.
    fn take(&mut self, sequence: u64) -> Result<R> {
        let payload = self.waiting.remove(&sequence);
        let words = self.words();
        if !words.is_done(sequence) {
            let reason = self.engine.core.lock_running().no_workers.clone().unwrap_or_default();
            return Err(Error::NoWorkers { reason });
        }
        let slot = words.slot(sequence);
        let [offset, _, len] = slot.result.each_ref().map(|word| word.load(Ordering::Relaxed));
        let outcome = slot.outcome.load(Ordering::Relaxed);
        let died = outcome == TaskOutcome::Died as u64;
        let len = if died { 0 } else { len as usize };
        let bytes = load_bytes(self.engine.core.region(), offset as usize, len);
        words.take(sequence);
        drop(payload);
        let failed = |reason| Err(Error::Task { index: sequence, reason });
        if outcome == TaskOutcome::Done as u64 {
            return postcard::from_bytes(&bytes)
                .or_else(|e| failed(TaskFailure::NotPortable(e.to_string())));
        }
        if died {
            let mut queues = self.engine.core.lock_queues();
            let deaths = queues[self.index].as_mut().and_then(|q| q.deaths.remove(&sequence));
            return failed(TaskFailure::Died(deaths.unwrap_or_default()));
        }
        failed(match postcard::from_bytes(&bytes) {
            Ok(Failure::Panic { message, place, backtrace }) => TaskFailure::Panicked(Panic {
                kernel: self.name.into(),
                chunk: None,
                message,
                place,
                backtrace,
            }),
            Ok(Failure::Refused(reason)) => TaskFailure::NotPortable(reason),
            Ok(Failure::Cancelled) => TaskFailure::NotPortable("cancelled".into()),
            Err(e) => TaskFailure::NotPortable(e.to_string()),
        })
    }

    /// Closes the queue: nothing more is put; gives the results that are left, as they come.
    pub fn close(self) -> Unordered<Self> {
        self.words().close();
        Unordered(self)
    }
}

impl<P, R> Drop for TaskQueue<'_, P, R> {
    /// Withdraws what nobody has begun, and waits for what somebody has.
    fn drop(&mut self) {
        let core = &self.engine.core;
        let control = core.control();
        let words = &control.queues[self.index];
        let begun: Vec<u64> =
            self.waiting.keys().copied().filter(|&s| !words.withdraw(s)).collect();
        core.wait_until(|| {
            let all = begun.iter().all(|&sequence| {
                if words.wants_room(sequence) {
                    // Nobody wants the result.
                    words.forgo(sequence);
                }
                words.is_done(sequence)
            });
            (all || core.lock_running().no_workers.is_some()).then_some(())
        });
        control.open_queues.fetch_and(!(1 << self.index), Ordering::AcqRel);
        core.lock_queues()[self.index] = None;
    }
}

/// Results of [`Tasks::map`], in order of the parameters.
#[derive(Debug)]
pub struct TaskResults<'e, P, R, I> {
    queue: TaskQueue<'e, P, R>,
    params: I,
    ended: bool,
    next: u64,
}

impl<P: Portable, R: Portable, I: Iterator<Item = P>> TaskResults<'_, P, R, I> {
    /// The same results as they come, each with the number of its parameters.
    pub fn unordered(self) -> Unordered<Self> {
        Unordered(self)
    }

    /// Puts tasks as long as there is room; a parameter that cannot be sent is a result.
    fn feed(&mut self) {
        while !self.ended && self.queue.len() < self.queue.bound && self.queue.has_free_slot() {
            match self.params.next() {
                None => self.ended = true,
                Some(params) => {
                    let put = encode(&params).and_then(|bytes| self.queue.put_bytes(&bytes));
                    if let Err(error) = put {
                        self.ended = true;
                        let number = self.queue.words().count_put();
                        self.queue.finished.push_back((number, Err(error)));
                    }
                }
            }
        }
    }
}

impl<P: Portable, R: Portable, I: Iterator<Item = P>> Iterator for TaskResults<'_, P, R, I> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        self.feed();
        let wanted = self.next;
        self.next += 1;
        if self.queue.waiting.contains_key(&wanted) {
            self.queue.wait_for(|queue| queue.words().is_done(wanted).then_some(wanted));
            return Some(self.queue.take(wanted));
        }
        self.queue.finished.pop_front().map(|(_, result)| result)
    }
}

/// Results in the order in which tasks end, each with its task's number.
#[derive(Debug)]
pub struct Unordered<Q>(Q);

impl<P: Portable, R: Portable> Iterator for Unordered<TaskQueue<'_, P, R>> {
    type Item = (u64, Result<R>);

    fn next(&mut self) -> Option<(u64, Result<R>)> {
        self.0.next()
    }
}

impl<P: Portable, R: Portable, I: Iterator<Item = P>> Iterator
    for Unordered<TaskResults<'_, P, R, I>>
{
    type Item = (u64, Result<R>);

    fn next(&mut self) -> Option<(u64, Result<R>)> {
        self.0.feed();
        self.0.queue.next()
    }
}

/// Copies bytes into the region, in whole words.
pub(super) fn store_bytes(region: &Region, offset: usize, bytes: &[u8]) {
    let words = region.slice::<AtomicU64>(offset, bytes.len().div_ceil(8));
    for (word, bytes) in words.iter().zip(bytes.chunks(8)) {
        let mut whole = [0; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        word.store(u64::from_ne_bytes(whole), Ordering::Relaxed);
    }
}

/// Copies bytes out of the region.
pub(super) fn load_bytes(region: &Region, offset: usize, len: usize) -> Vec<u8> {
    let words = region.slice::<AtomicU64>(offset, len.div_ceil(8));
    let mut bytes: Vec<u8> =
        words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
    bytes.truncate(len);
    bytes
}
