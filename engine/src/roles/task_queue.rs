//! One joinable task queue: put, next, join, close.

use super::engine::Engine;
use super::tasks::Unordered;
use super::worker::TaskOutcome;
use crate::compute::{Failure, Portable, encode};
use crate::error::{Error, Panic, Result, TaskFailure};
use crate::memory::Block;
use crate::shared::crossing::{self, Luggage, Way};
use crate::shared::damage::Damage;
use crate::shared::protocol::Hardware;
use crate::shared::queue::{Queue, SLOTS};
use crate::toolbox::address;
use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of parameters, and of a result, for which a slot has room without asking.
pub(super) const INLINE: usize = 1024;

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
    pub(super) bound: usize,
    name: &'static str,
    room: Block,
    /// Tasks that are not taken yet.
    pub(super) waiting: BTreeMap<u64, Kept>,
    pub(super) finished: VecDeque<(u64, Result<R>)>,
    /// Number of the next task: in the queue's words somebody may write over it.
    next: u64,
    types: PhantomData<fn(P) -> R>,
}

/// What is kept of a task until its result is taken.
#[derive(Debug)]
pub(super) struct Kept {
    /// Memory for parameters that its slot does not hold.
    _params: Option<Block>,
    /// What its parameters refer to.
    _luggage: Luggage,
}

/// A task's parameters as they are sent, and what they refer to.
#[derive(Debug)]
pub(super) struct Sent {
    bytes: Vec<u8>,
    luggage: Luggage,
}

impl<'e, P: Portable, R: Portable> TaskQueue<'e, P, R> {
    /// The open queue number `index`; `room` is its slots' memory.
    pub(super) fn new(
        engine: &'e Engine,
        index: usize,
        bound: usize,
        name: &'static str,
        room: Block,
    ) -> TaskQueue<'e, P, R> {
        TaskQueue {
            engine,
            index,
            bound,
            name,
            room,
            waiting: BTreeMap::new(),
            finished: VecDeque::new(),
            next: 0,
            types: PhantomData,
        }
    }

    /// Puts a task; gives its number, counted from 0. Waits while the queue is full, which results
    /// that come meanwhile relieve: they are kept until [`next`](TaskQueue::next) takes them.
    ///
    /// # Errors
    ///
    /// [`Error::NotPortable`] if the parameters cannot be sent; [`Error::OutOfMemory`];
    /// [`Error::NoWorkers`]; [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn put(&mut self, params: &P) -> Result<u64> {
        self.engine.core.refuse_other_processes()?;
        let sent = self.send(params)?;
        while self.waiting.len() >= self.bound || !self.has_free_slot() {
            let sequence = self.wait_for_any();
            let result = self.take(sequence);
            self.finished.push_back((sequence, result));
        }
        self.put_sent(sent).map_err(|(error, _)| error)
    }

    pub(super) fn send(&self, params: &P) -> Result<Sent> {
        let home = address(self.engine.core.region());
        let (bytes, luggage) = crossing::sending(Way::Task, home, || encode(params));
        Ok(Sent { bytes: bytes?, luggage })
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

    pub(super) fn words(&self) -> &Queue<Hardware> {
        &self.engine.core.control().block.queues[self.index]
    }

    pub(super) fn has_free_slot(&self) -> bool {
        // A ring: the slot of the next task is free once the task 256 before it is taken.
        self.next.checked_sub(SLOTS as u64).is_none_or(|before| !self.waiting.contains_key(&before))
    }

    /// Gives parameters back that could not be put.
    pub(super) fn put_sent(&mut self, sent: Sent) -> Result<u64, (Error, Sent)> {
        match self.put_bytes(&sent.bytes) {
            Ok((sequence, params)) => {
                let kept = Kept { _params: params, _luggage: sent.luggage };
                self.waiting.insert(sequence, kept);
                self.announce();
                Ok(sequence)
            }
            Err(error) => Err((error, sent)),
        }
    }

    fn put_bytes(&mut self, bytes: &[u8]) -> Result<(u64, Option<Block>)> {
        let core = &self.engine.core;
        core.refuse_without_workers()?;
        let base = self.room.offset() + self.next as usize % SLOTS * 2 * INLINE;
        let own = (bytes.len() > INLINE)
            .then(|| core.memory.allocate("the parameters of a task", bytes.len()))
            .transpose()?;
        let place = own.as_ref().map_or(base, Block::offset);
        core.region().store_bytes(place, bytes);
        let put = (self.words().count_put() == self.next).then(|| {
            self.words().put(|sequence, slot| {
                slot.set_params(sequence, [place as u64, bytes.len() as u64]);
                slot.set_room(sequence, [(base + INLINE) as u64, INLINE as u64]);
            })
        });
        // There is a free slot, as `has_free_slot` has said.
        let sequence = put.flatten().ok_or_else(|| core.end_damaged(Damage::Queue))?;
        self.next += 1;
        Ok((sequence, own))
    }

    fn announce(&self) {
        let core = &self.engine.core;
        core.handle.wake_for_work();
        if core.control().board().anybody_asleep() {
            core.control().ring();
        }
    }

    /// Waits until some task is done; gives its number.
    fn wait_for_any(&self) -> u64 {
        self.wait_for(|queue| {
            let words = queue.words();
            queue.waiting.keys().copied().find(|&sequence| words.is_over(sequence))
        })
    }

    pub(super) fn wait_for(&self, done: impl Fn(&Self) -> Option<u64>) -> u64 {
        self.engine.core.wait_until(|| done(self).or_else(|| self.give_up()))
    }

    /// With no worker left every task fails.
    fn give_up(&self) -> Option<u64> {
        self.engine.core.lock_running().end.as_ref()?;
        self.waiting.keys().next().copied()
    }

    /// Takes the result of a task that is done.
    pub(super) fn take(&mut self, sequence: u64) -> Result<R> {
        self.waiting.remove(&sequence);
        let words = self.words();
        if !words.is_done(sequence) {
            self.engine.core.refuse_without_workers()?;
            return Err(self.engine.core.end_damaged(Damage::Queue));
        }
        let result = words.slot(sequence).result(sequence);
        let (outcome, [offset, len]) = result.map_err(|what| self.engine.core.end_damaged(what))?;
        let written = [TaskOutcome::Done, TaskOutcome::Failed].map(|o| o as u64).contains(&outcome);
        let len = if written { len as usize } else { 0 };
        let bytes = self.engine.core.region().load_bytes(offset as usize, len);
        words.take(sequence);
        let (deaths, refused) = self.engine.core.forget_task(self.index, sequence);
        let failure = match outcome {
            outcome if outcome == TaskOutcome::Done as u64 => {
                let home = Arc::clone(&self.engine.core.commons);
                let read = || postcard::from_bytes(&bytes);
                match crossing::receiving(home, Luggage::default(), read) {
                    Ok(result) => return Ok(result),
                    Err(e) => TaskFailure::NotPortable(e.to_string()),
                }
            }
            outcome if outcome == TaskOutcome::Died as u64 => TaskFailure::Died(deaths),
            outcome if outcome == TaskOutcome::NoRoom as u64 => TaskFailure::NoRoom(refused),
            _ => self.failure(&bytes),
        };
        Err(Error::Task { index: sequence, task: self.name, reason: failure })
    }

    /// What a worker wrote of a task that failed.
    fn failure(&self, bytes: &[u8]) -> TaskFailure {
        match postcard::from_bytes(bytes) {
            Ok(Failure::Panic { message, place, backtrace }) => {
                let kernel = self.name.into();
                let panic = Panic { kernel, chunk: None, message, place, backtrace };
                TaskFailure::Panicked(Box::new(panic))
            }
            Ok(Failure::Refused(reason)) => TaskFailure::NotPortable(reason),
            Ok(Failure::Cancelled) => TaskFailure::NotPortable("cancelled".into()),
            Err(e) => TaskFailure::NotPortable(e.to_string()),
        }
    }

    /// Closes the queue: nothing more is put; gives the results that are left, as they come.
    pub fn close(self) -> Unordered<Self> {
        Unordered::new(self)
    }
}

impl<P, R> Drop for TaskQueue<'_, P, R> {
    /// Withdraws what nobody has begun, and waits for what somebody has.
    fn drop(&mut self) {
        let core = &self.engine.core;
        if core.refuse_other_processes().is_err() {
            return;
        }
        let control = core.control();
        let words = &control.block.queues[self.index];
        let begun: Vec<u64> =
            self.waiting.keys().copied().filter(|&s| !words.withdraw(s)).collect();
        core.forsake(self.index);
        core.wait_until(|| {
            let all = begun.iter().all(|&sequence| words.is_over(sequence));
            (all || core.lock_running().end.is_some()).then_some(())
        });
        let mut open = core.lock_queues();
        control.open_queues.fetch_and(!(1 << self.index), Ordering::AcqRel);
        open[self.index] = None;
    }
}
