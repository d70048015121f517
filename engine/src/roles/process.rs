//! Child processes, as users hold them.

use super::children::{Record, Stage, Terms};
use super::coordinator::Core;
use super::engine::{Engine, refuse_captures};
use super::errand::Errand;
use crate::compute::{Failure, Portable};
use crate::error::{DeathRecord, Error, ProcessFailure, Result};
use crate::shared::child::ChildOutcome;
use crate::shared::crossing::{self, Luggage};
use crate::shared::seat::{CHILDREN_MAX, Seat, WORKERS_MAX};
use nix::sys::signal::Signal;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes for which a result has room without asking.
const INLINE: usize = 1024;

/// How a child process is to be: [`Engine::process`].
///
/// Several children can be started alike:
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let alike = engine.process().nice(10).memory(64 << 20);
/// let squares = [3, 4].map(|n: u64| alike.clone().spawn(|n: u64| n * n, n));
/// let [nine, sixteen] = squares;
/// assert_eq!((nine?.join()?, sixteen?.join()?), (9, 16));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is started until `spawn`"]
pub struct Spawn<'e> {
    engine: &'e Engine,
    name: Option<String>,
    terms: Terms,
}

/// A child process of an engine, and the result of type `R` that it will have: [`Engine::spawn`].
///
/// It runs a function in a process of its own, which shares the engine's memory with this one. It
/// is killed at the latest when the engine ends, so join it (or [`wait`](Process::wait)) if what it does
/// matters. Dropping this value lets it go on by itself until then.
///
/// ```
/// use gristmill::Engine;
///
/// fn fibonacci(n: u32) -> u64 {
///     if n < 2 { n.into() } else { fibonacci(n - 1) + fibonacci(n - 2) }
/// }
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?; // child processes alone
/// let process = engine.spawn(fibonacci, 20)?;
/// assert_eq!(process.join()?, 6765);
/// # Ok(()) }
/// ```
///
/// Whatever becomes of the child is a value here:
///
/// ```
/// # use gristmill::{Engine, Error, ProcessFailure};
/// # fn main() -> gristmill::Result<()> {
/// # let engine = Engine::builder().workers(0).build()?;
/// let process = engine.spawn(|code: i32| -> u8 { std::process::exit(code) }, 3)?;
/// let Err(Error::Process { reason: ProcessFailure::Died(death), .. }) = process.join() else {
///     panic!("it has no result")
/// };
/// assert_eq!(death.to_string(), format!("process 1 (pid {}) exited with status 3", death.pid));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Process<R> {
    core: Arc<Core>,
    place: usize,
    number: u64,
    name: String,
    pid: i32,
    types: PhantomData<fn() -> R>,
}

impl Engine {
    /// Starts a child process that runs `f` on `args`: a function, or a closure that captures
    /// nothing. Several arguments are a tuple.
    ///
    /// The child is this executable, started anew, as with Python's "spawn": **nothing is
    /// inherited**. No variable of this process is there, statics have their first values, threads,
    /// open files and locks are not there; what `f` needs are its arguments. They can be of any type
    /// of serde's, and handles of what the engine shares (queues, locks…), which are passed without a
    /// copy; as are arrays: an [`Array`](crate::Array) moves into the child, which alone has it then,
    /// and back as a part of the result; a [`Frozen`](crate::Frozen) one all can read. The environment and the working folder are this process's, but that the
    /// threads of numeric libraries (`OMP_NUM_THREADS` and the like) are set to 1, core dumps are off,
    /// and SIGINT is ignored, as Ctrl-C is the coordinator's. `main` does not run
    /// in it. Its standard output is this process's, its standard error is passed on line by line,
    /// standard input is empty.
    ///
    /// A closure that captures does not compile:
    ///
    /// ```compile_fail,E0080
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let factor = 2;
    /// let process = engine.spawn(|x: i32| factor * x, 21)?;
    /// assert_eq!(process.join()?, 42);
    /// # Ok(()) }
    /// ```
    ///
    /// as an argument it arrives:
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let factor = 2;
    /// let process = engine.spawn(|(factor, x): (i32, i32)| factor * x, (factor, 21))?;
    /// assert_eq!(process.join()?, 42);
    /// # Ok(()) }
    /// ```
    ///
    /// An array goes there and comes back, and its elements stay where they are:
    ///
    /// ```
    /// # use gristmill::Array;
    /// # use ndarray::Ix1;
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let x = engine.from_fn(1000, |i| i as f64)?;
    /// let negate = |mut x: Array<f64, Ix1>| {
    ///     x.view_mut().mapv_inplace(|x| -x);
    ///     x
    /// };
    /// let x = engine.spawn(negate, x)?.join()?;
    /// assert_eq!(x[999], -999.0);
    /// # Ok(()) }
    /// ```
    ///
    /// (If the child dies, so does the array: what it had half written is nobody's.)
    ///
    /// # Errors
    ///
    /// [`Error::NotPortable`] if the arguments cannot be sent; [`Error::Start`] with the reason if
    /// the process cannot be started; [`Error::Limit`] beyond 512 at once; [`Error::OutOfMemory`];
    /// [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn spawn<A, R, F>(&self, f: F, args: A) -> Result<Process<R>>
    where
        A: Portable,
        R: Portable,
        F: Fn(A) -> R + Copy + Send + Sync + 'static,
    {
        refuse_captures!(F);
        self.process().spawn(f, args)
    }

    /// A child process with a name, a CPU, limits of its own.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let process = engine
    ///     .process()
    ///     .name("adder")
    ///     .nice(5)
    ///     .memory(256 << 20)
    ///     .deadline(Duration::from_secs(60))
    ///     .spawn(|(a, b): (f64, f64)| a + b, (1.0, 2.0))?;
    /// assert_eq!(process.name(), "adder");
    /// assert_eq!(process.join()?, 3.0);
    /// # Ok(()) }
    /// ```
    pub fn process(&self) -> Spawn<'_> {
        Spawn { engine: self, name: None, terms: Terms::default() }
    }
}

impl Spawn<'_> {
    /// What errors, its output and `ps` call it; by default its number.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The CPU that it is pinned to, of those that this process may use. By default it runs where
    /// the system likes.
    pub fn pin(mut self, cpu: usize) -> Self {
        self.terms.cpu = Some(cpu);
        self
    }

    /// By how much it steps back behind others that want a CPU, 0 to 19.
    pub fn nice(mut self, nice: u8) -> Self {
        self.terms.limits.nice = nice.min(19);
        self
    }

    /// The most memory of its own that it may have, in bytes, at least 16 MiB; what the engine
    /// shares does not count. See [`Builder::worker_memory`](crate::Builder::worker_memory).
    pub fn memory(mut self, bytes: u64) -> Self {
        self.terms.limits.memory_bytes = Some(bytes);
        self
    }

    /// How long it may take in all. After that it is killed, and
    /// [`join`](Process::join) tells it.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.terms.deadline = Some(deadline);
        self
    }

    /// Starts it: see [`Engine::spawn`].
    ///
    /// # Errors
    ///
    /// As there; and [`Error::TooSmall`] for less than 16 MiB of memory, [`Error::Start`] for a CPU
    /// that this process may not use.
    pub fn spawn<A, R, F>(self, f: F, args: A) -> Result<Process<R>>
    where
        A: Portable,
        R: Portable,
        F: Fn(A) -> R + Copy + Send + Sync + 'static,
    {
        refuse_captures!(F);
        let core = &self.engine.core;
        core.refuse_other_processes()?;
        self.check()?;
        let Errand { table, parcel, luggage } = Errand::pack(core.region(), f, args)?;
        let (place, number, name) = self.ask(table, &parcel, luggage)?;
        let pid = core.wait_until(|| match &mut core.children.lock().at(place).stage {
            Stage::Asked => None,
            Stage::Runs { pid } => Some(Ok(*pid)),
            Stage::Over(death) => Some(Ok(death.pid)),
            Stage::NotStarted(error) => Some(Err(error.take())),
        });
        let process =
            |pid| Process { core: Arc::clone(core), place, number, name, pid, types: PhantomData };
        match pid {
            Ok(pid) => Ok(process(pid)),
            Err(error) => {
                drop(process(0));
                Err(error.expect("nobody else has asked"))
            }
        }
    }

    fn check(&self) -> Result<()> {
        let memory = self.terms.limits.memory_bytes.unwrap_or(u64::MAX);
        super::builder::refuse_small_memory(memory)?;
        self.terms.cpu.map_or(Ok(()), super::placement::refuse_foreign_cpu)
    }

    /// Tells the supervisor what to start, if it still starts anything; gives place, number and name.
    fn ask(&self, table: u64, args: &[u8], luggage: Luggage) -> Result<(usize, u64, String)> {
        let core = &self.engine.core;
        let params_bytes = args.len().next_multiple_of(128);
        let room =
            core.memory.allocate("the arguments of a child process", params_bytes + INLINE)?;
        core.region().store_bytes(room.offset(), args);
        let mut records = core.children.lock();
        let place = records.all.iter().position(Option::is_none).ok_or(Error::Limit {
            what: "the number of child processes at once",
            asked: CHILDREN_MAX as u64 + 1,
            limit: CHILDREN_MAX as u64,
            remedy: "join some first",
        })?;
        let number = records.next_number;
        records.next_number += 1;
        let params = [room.offset() as u64, args.len() as u64];
        let result = [(room.offset() + params_bytes) as u64, INLINE as u64];
        core.post(place).prepare(number, table, params, result);
        luggage.hand_over(Seat::of_child(place));
        let name = self.name.clone().unwrap_or_else(|| number.to_string());
        let ended = || core.lock_running().ended().filter(|_| core.workers > 0);
        let stage = if records.is_closed { Stage::too_late(ended()) } else { Stage::Asked };
        records.all[place] = Some(Record {
            number,
            name: name.clone(),
            terms: self.terms,
            stage,
            luggage,
            _room: room,
            large: None,
            refused: String::new(),
            is_detached: false,
        });
        core.children_asked.store(true, Ordering::Release);
        drop(records);
        core.handle.wake();
        Ok((place, number, name))
    }
}

impl<R> Process<R> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id. Once it has ended the system may give it to another process.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it has not ended yet.
    pub fn is_alive(&self) -> bool {
        self.ended().is_none()
    }

    /// How it ended: its exit status, or the number of the signal that killed it, negative; none as
    /// long as it runs. 0 if its function returned, 1 if that panicked.
    pub fn exit_status(&self) -> Option<i32> {
        self.ended()?.exit_status()
    }

    /// Asks it to end, by SIGTERM, which kills it unless it handles that. Whatever it was about, the
    /// engine, its locks, queues and pipes stay whole: see [`kill`](Process::kill).
    pub fn terminate(&self) {
        self.core.handle.signal(WORKERS_MAX + self.place, Signal::SIGTERM);
    }

    /// Kills it, by SIGKILL, at any time. What it had locked tells the next owner so, what it had
    /// leased returns, its ends of pipes are told as dead to the other side, and of what it was just
    /// sending or receiving that one message is lost at most (of a batch, what it had not yet passed on).
    pub fn kill(&self) {
        self.core.handle.signal(WORKERS_MAX + self.place, Signal::SIGKILL);
    }

    /// Waits for its end.
    pub fn wait(&self) {
        self.core.wait_until(|| self.ended().map(drop));
    }

    /// Waits for its end, but not for longer than this; true if it has ended.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.core.wait_until_timeout(timeout, || self.ended().map(drop)).is_some()
    }

    fn ended(&self) -> Option<DeathRecord> {
        match &self.core.children.lock().at(self.place).stage {
            Stage::Over(death) => Some(death.clone()),
            _ => None,
        }
    }
}

impl<R: Portable> Process<R> {
    /// Waits for its end, and gives what its function returned.
    ///
    /// # Errors
    ///
    /// [`Error::Process`], with a panic of the function, the death of the process, or why the result
    /// could not be sent.
    pub fn join(self) -> Result<R> {
        self.wait();
        let death = self.ended().expect("it has ended");
        let fail = |reason| Err(Error::Process { name: self.name.clone(), reason });
        let Some(result) = self.core.post(self.place).result(self.number) else {
            return fail(ProcessFailure::Died(Box::new(death)));
        };
        let (outcome, [offset, len]) = result.map_err(|what| self.core.end_damaged(what))?;
        let mut records = self.core.children.lock();
        let record = records.at(self.place);
        let luggage = std::mem::take(&mut record.luggage);
        let refused = std::mem::take(&mut record.refused);
        drop(records);
        if outcome == ChildOutcome::NoRoom as u64 {
            return fail(ProcessFailure::NoRoom(refused));
        }
        let bytes = self.core.region().load_bytes(offset as usize, len as usize);
        if outcome == ChildOutcome::Done as u64 {
            let home = Arc::clone(&self.core.commons);
            let result = crossing::receiving(home, luggage, || postcard::from_bytes(&bytes));
            return result.or_else(|e| fail(ProcessFailure::NotPortable(e.to_string())));
        }
        let failure = Failure::read(&bytes, &format!("process {}", self.name));
        fail(failure.map_or_else(ProcessFailure::NotPortable, ProcessFailure::Panicked))
    }
}

impl<R> Drop for Process<R> {
    fn drop(&mut self) {
        let mut records = self.core.children.lock();
        let record = records.at(self.place);
        record.is_detached = true;
        let gone = if record.stage.is_over() { records.all[self.place].take() } else { None };
        drop(records);
        // What came along may take locks as it is dropped.
        drop(gone);
    }
}
