//! The joinable task queue, as users hold it: put, results, join, close; map on top.

use super::engine::{Engine, refuse_captures};
use super::open_queue::OpenQueue;
use super::task_queue::{INLINE, Sent, TaskQueue};
use crate::compute::{Named, Portable, QUEUES, Serve, ServeFn, conjure, encode};
use crate::error::{Error, Result};
use crate::shared::queue::SLOTS;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Where irregular work begins: [`Engine::tasks`].
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

    /// At most this many tasks wait, run, or hold an untaken result in the queue at once: 1 to 256,
    /// which is the default. A `put` beyond that waits for a result, and keeps it in ordinary
    /// memory until it is taken.
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
    /// [`Error::Task`].
    pub fn map<P, R, F, I>(self, f: F, params: I) -> Result<TaskResults<'e, P, R, I::IntoIter>>
    where
        P: Portable,
        R: Portable,
        F: Fn(P) -> R + Copy + Send + Sync + 'static,
        I: IntoIterator<Item = P>,
    {
        let queue = self.queue(f)?;
        let params = params.into_iter();
        let (numbers, refused) = Default::default();
        Ok(TaskResults { queue, params, held: None, fed: 0, next: 0, numbers, refused })
    }

    /// Opens a queue whose tasks run `f`, a function or a closure that captures nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if all of the engine's task queues are in use; [`Error::OutOfMemory`];
    /// [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
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
        core.refuse_other_processes()?;
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
        core.paces.begin_queue(index);
        open[index] = Some(OpenQueue::of(offset, table.name(), self.deadline));
        let control = core.control();
        control.queues[index].reset();
        control.queue_tables[index].store(offset, Ordering::Release);
        control.open_queues.fetch_or(1 << index, Ordering::AcqRel);
        Ok(TaskQueue::new(self.engine, index, self.bound, table.name(), room))
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

/// Results of [`Tasks::map`], in order of the parameters.
#[derive(Debug)]
pub struct TaskResults<'e, P, R, I> {
    queue: TaskQueue<'e, P, R>,
    params: I,
    /// Parameters that were taken, and for which there was no memory yet.
    held: Option<Sent>,
    /// Parameters taken so far.
    fed: u64,
    /// Number of the parameters whose result is next.
    next: u64,
    /// Number of the parameters of each task that was put and not taken yet.
    numbers: BTreeMap<u64, u64>,
    /// Parameters that could not be sent, by their number.
    refused: BTreeMap<u64, Error>,
}

impl<P: Portable, R: Portable, I: Iterator<Item = P>> TaskResults<'_, P, R, I> {
    /// The same results as they come, each with the number of its parameters.
    pub fn unordered(self) -> Unordered<Self> {
        Unordered(self)
    }

    /// Puts tasks as long as there is room; parameters that cannot be sent are a result.
    fn feed(&mut self) {
        // Refused parameters take a place too, or endless ones would be taken without end.
        while self.queue.len() + self.refused.len() < self.queue.bound && self.queue.has_free_slot()
        {
            let sent = match self.held.take() {
                Some(sent) => Ok(sent),
                None => match self.params.next() {
                    Some(params) => self.queue.send(&params),
                    None => return,
                },
            };
            match sent.and_then(|sent| self.put(sent)) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    self.refused.insert(self.fed, error);
                }
            }
            self.fed += 1;
        }
    }

    /// Puts a task; false if it must wait until others have given their memory back.
    fn put(&mut self, sent: Sent) -> Result<bool> {
        match self.queue.put_sent(sent) {
            Ok(sequence) => {
                self.numbers.insert(sequence, self.fed);
                Ok(true)
            }
            Err((Error::OutOfMemory { .. }, sent)) if !self.queue.waiting.is_empty() => {
                self.held = Some(sent);
                Ok(false)
            }
            Err((error, _)) => Err(error),
        }
    }

    /// The number of a task's parameters, and its result under that number.
    fn named(&mut self, sequence: u64, mut result: Result<R>) -> (u64, Result<R>) {
        let number = self.numbers.remove(&sequence).expect("each task has parameters");
        if let Err(Error::Task { index, .. }) = &mut result {
            *index = number;
        }
        (number, result)
    }
}

impl<P: Portable, R: Portable, I: Iterator<Item = P>> Iterator for TaskResults<'_, P, R, I> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        self.feed();
        let wanted = self.next;
        self.next += 1;
        if let Some(error) = self.refused.remove(&wanted) {
            return Some(Err(error));
        }
        // Tasks are put in order of their parameters, so the first is the one.
        let (&sequence, _) = self.numbers.first_key_value()?;
        self.queue.wait_for(|queue| queue.words().is_over(sequence).then_some(sequence));
        let result = self.queue.take(sequence);
        Some(self.named(sequence, result).1)
    }
}

/// Results in the order in which tasks end, each with its task's number.
#[derive(Debug)]
pub struct Unordered<Q>(Q);

impl<Q> Unordered<Q> {
    pub(super) fn new(results: Q) -> Unordered<Q> {
        Unordered(results)
    }
}

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
        if let Some((number, error)) = self.0.refused.pop_first() {
            return Some((number, Err(error)));
        }
        let (sequence, result) = self.0.queue.next()?;
        Some(self.0.named(sequence, result))
    }
}
