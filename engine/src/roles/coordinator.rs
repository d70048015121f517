//! What the coordinator's threads share: the launching threads, and the supervisor.

use super::children::Children;
use super::handle::Handle;
use super::notifier::Notifier;
use super::open_queue::OpenQueue;
use super::pace::Paces;
use super::recovery_times::Recoveries;
#[cfg(feature = "cli")]
use crate::compute::Threads;
use crate::compute::{AccessSpec, Areas, Control, FailedAt, Frame, Issued, Program, QUEUES, Start};
use crate::error::{ChunkPlace, DeathRecord, Error, Result};
use crate::machine::futex;
use crate::memory::{Memory, Region};
use crate::shared::damage::Damage;
use crate::shared::protocol::{CrashPoint, Surroundings};
use crate::toolbox::Commons;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Turns to spin where a worker may want the CPU: as long as a tiny step takes.
pub(crate) const SPINS_SHARED: u32 = 200;

/// Shared by the coordinator's threads.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) memory: Arc<Memory>,
    /// What its processes share beside arrays.
    pub(crate) commons: Arc<Commons>,
    /// How to reach the supervisor and its workers.
    pub(super) handle: Handle,
    pub(crate) workers: usize,
    /// What runs its launches instead of workers, where it is to.
    #[cfg(feature = "cli")]
    pub(crate) threads: Option<Threads>,
    pub(crate) start: Start,
    /// What kind of lock the cell's is, as it was made.
    pub(crate) lock_kind: u32,
    /// The count of forks when the engine was started.
    pub(crate) forks: u32,
    /// Attempts that a chunk or a task gets.
    pub(crate) attempts_max: u32,
    pub(crate) running: Mutex<Running>,
    /// Of what is launched from now on; in nanoseconds, 0 for none.
    pub(super) deadline_ns: AtomicU64,
    /// How long each worker has been at the same thing.
    pub(super) paces: Paces,
    pub(crate) queues: Mutex<[Option<OpenQueue>; QUEUES]>,
    /// The wishes for room that have been answered.
    pub(crate) wishes_answered: AtomicU64,
    pub(super) notifier: Notifier,
    pub(super) children: Children,
    /// The supervisor is to start some of them.
    pub(super) children_asked: AtomicBool,
    pub(crate) counters: Counters,
    /// What a thread of the coordinator has found written over, for the supervisor: see [`Damage`].
    pub(crate) found_damaged: AtomicU64,
    /// The latest deaths, for whoever wants to tell of each.
    pub(crate) buried: Mutex<VecDeque<Buried>>,
    /// How long the places of dead workers were empty.
    pub(super) recoveries: Recoveries,
    /// Turns that a waiting thread spins before it sleeps.
    pub(crate) spins: u32,
    /// The CPU of each worker, or thread instead, if they are pinned.
    pub(crate) cpus: Vec<Option<usize>>,
}

/// What is known of the plan that runs, or ran last.
#[derive(Debug, Default)]
pub(crate) struct Running {
    pub(crate) plan: u64,
    pub(crate) first_serial: u64,
    pub(crate) program: Arc<Program>,
    pub(crate) names: Vec<&'static str>,
    pub(crate) accesses: Vec<&'static [AccessSpec]>,
    pub(crate) deadline: Option<Duration>,
    /// Launches so far, this one included, the engine's own work on arrays left out.
    pub(super) launched: u64,
    /// A chunk that is to be run alone.
    pub(super) hold: Option<Hold>,
    /// Deaths by step serial and place.
    pub(crate) deaths: HashMap<(u64, FailedAt), Vec<DeathRecord>>,
    /// Deaths in folds and conditions, by step serial.
    pub(crate) fold_deaths: HashMap<u64, Vec<DeathRecord>>,
    /// Deaths that nothing could be blamed for, by step serial: how many, and the last.
    pub(crate) unblamed: HashMap<u64, (u64, Option<DeathRecord>)>,
    /// Chunks that were set aside, by step serial and place.
    pub(crate) poisoned: BTreeMap<(u64, FailedAt), Vec<DeathRecord>>,
    /// Why nothing will run any more, if nothing will.
    pub(crate) end: Option<End>,
}

/// Why an engine has ended before it was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// No worker is left and none can be started, for this reason.
    NoWorkers(String),
    /// The control block was written over.
    Damaged(Damage),
}

/// A chunk that is to be run alone, in a launch to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    /// How many launches come before.
    pub(super) launch: u64,
    pub(super) steps_before: u64,
    pub(super) chunk: usize,
}

/// Counters since the engine's start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) launches: AtomicU64,
    pub(crate) deaths: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) poisoned: AtomicU64,
    pub(crate) reissues: AtomicU64,
}

/// A death that was buried, and what the worker was about.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only jobs tell of each death"))]
pub(crate) struct Buried {
    pub(crate) death: DeathRecord,
    pub(crate) about: About,
    /// How much of it is tried again; the rest is set aside.
    pub(crate) retries: u64,
}

/// What a worker was about when it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// This chunk, or the first of these.
    Chunk(usize),
    /// What follows a step.
    Fold,
    /// A task.
    Task,
    Nothing,
}

/// What an engine has seen since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Launches: maps, reductions, kernels, plans.
    pub launches: u64,
    /// Workers that died, for whatever reason.
    pub deaths: u64,
    /// Chunks and tasks that were blamed for a death and tried again.
    pub retries: u64,
    /// Chunks and tasks that were set aside.
    pub poisoned: u64,
    /// Steps that were issued again after a death.
    pub reissues: u64,
}

/// How far the running plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Chunks of the current step that are done.
    pub done: usize,
    /// Chunks of the current step.
    pub chunks: usize,
    /// Steps that were begun before, in loops each time anew. Those that a plan runs together count
    /// as one: see [`Plan`](crate::Plan).
    pub steps: u64,
}

impl Core {
    pub(crate) fn region(&self) -> &Region {
        self.memory.region()
    }

    pub(crate) fn control(&self) -> Control<'_> {
        Control::of(self.region(), self.start)
    }

    pub(crate) fn lock_running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many compute: its workers, or the threads instead of them.
    pub(crate) fn computing(&self) -> usize {
        #[cfg(feature = "cli")]
        if let Some(threads) = &self.threads {
            return threads.count();
        }
        self.workers
    }

    /// Whether the calling thread runs kernels.
    fn is_inside_launch(&self) -> bool {
        #[cfg(feature = "cli")]
        if self.threads.as_ref().is_some_and(Threads::is_inside) {
            return true;
        }
        crate::process::is_worker()
    }

    /// An error in a process that cannot launch: a worker, or a child that was forked.
    pub(crate) fn refuse_other_processes(&self) -> Result<()> {
        match crate::process::forks::count() {
            _ if self.is_inside_launch() => Err(Error::InsideWorker),
            forks if forks != self.forks => Err(Error::Forked),
            _ => Ok(()),
        }
    }

    /// An error where nothing will run any more.
    pub(crate) fn refuse_without_workers(&self) -> Result<()> {
        self.lock_running().ended().map_or(Ok(()), Err)
    }

    /// Nothing will run any more: whoever waits is told why.
    pub(crate) fn give_up(&self, end: End) {
        self.lock_running().end = Some(end);
        self.control().announce_finish();
    }

    /// Somebody has found damage, for which the supervisor is to end the engine.
    pub(crate) fn note_damage(&self, what: Damage) {
        self.found_damaged.store(what as u64, Ordering::Release);
        self.handle.wake();
    }

    /// Somebody has found damage: the error, once the supervisor has ended the engine for it, so that
    /// no worker writes any more what the caller takes back.
    pub(crate) fn end_damaged(&self, what: Damage) -> Error {
        self.note_damage(what);
        self.wait_until(|| self.lock_running().ended())
    }

    /// Remembers a death, and forgets the oldest: nobody may ever ask.
    pub(crate) fn note_death(&self, buried: Buried) {
        const KEPT: usize = 1024;
        let mut latest = self.buried.lock().unwrap_or_else(PoisonError::into_inner);
        latest.truncate(KEPT - 1);
        latest.push_front(buried);
    }

    pub(crate) fn lock_queues(&self) -> MutexGuard<'_, [Option<OpenQueue>; QUEUES]> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            launches: read(&self.counters.launches),
            deaths: read(&self.counters.deaths),
            retries: read(&self.counters.retries),
            poisoned: read(&self.counters.poisoned),
            reissues: read(&self.counters.reissues),
        }
    }

    pub(crate) fn progress(&self) -> Option<Progress> {
        let (_, frame) = self.control().current();
        let frame = frame?;
        let remaining = self.control().board().remaining() as usize;
        let first = self.lock_running().first_serial;
        matches!(frame.issued, Issued::Step(_)).then(|| Progress {
            done: frame.chunks.saturating_sub(remaining),
            chunks: frame.chunks,
            steps: frame.serial.saturating_sub(first),
        })
    }

    /// The same for a thread that runs where it does: on a worker's CPU it keeps that worker from
    /// its work.
    fn spins(&self) -> u32 {
        let cpu = nix::sched::sched_getcpu().ok();
        if cpu.is_some() && self.cpus.contains(&cpu) {
            self.spins.min(SPINS_SHARED)
        } else {
            self.spins
        }
    }

    /// Waits until `done` gives something; it is asked again at every end of a plan, task or process.
    /// Answers wishes for room meanwhile: a worker that waits for room takes part in nothing else.
    pub(crate) fn wait_until<T>(&self, done: impl FnMut() -> Option<T>) -> T {
        self.wait_until_timeout(Duration::MAX, done).expect("that time is never over")
    }

    /// The same, but for no longer than this.
    pub(crate) fn wait_until_timeout<T>(
        &self,
        timeout: Duration,
        mut done: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        for _ in 0..self.spins() {
            if let Some(value) = done() {
                return Some(value);
            }
            self.answer_wishes();
            std::hint::spin_loop();
        }
        let until = Instant::now().checked_add(timeout);
        let control = self.control();
        control.waiting.fetch_add(1, Ordering::SeqCst);
        let value = loop {
            let seen = control.finish.0.load(Ordering::SeqCst);
            if let Some(value) = done() {
                break Some(value);
            }
            self.answer_wishes();
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break None;
            }
            // Ends and deaths announce themselves; the timeout is for what was written over.
            let sleep = left.unwrap_or(Duration::MAX).min(Duration::from_millis(500));
            let waited = futex::wait(&control.finish.0, seen, Some(sleep));
            if waited == futex::Waited::TimedOut {
                // What takes long is to be audited: the supervisor sleeps as long as nothing does.
                self.handle.wake();
            }
        };
        control.waiting.fetch_sub(1, Ordering::SeqCst);
        value
    }
}

/// Kernels by name, for an error that may be about any of them.
pub(super) fn named(kernels: &[&str]) -> String {
    let mut kernels = kernels.to_vec();
    kernels.dedup();
    kernels.join(", ")
}

impl Running {
    /// The error of whoever wants something to run, if nothing will.
    pub(crate) fn ended(&self) -> Option<Error> {
        Some(match self.end.clone()? {
            End::NoWorkers(reason) => Error::NoWorkers { reason },
            End::Damaged(what) => {
                let kernel =
                    if self.names.is_empty() { "a task".into() } else { named(&self.names) };
                Error::Damaged { kernel, what: what.to_string() }
            }
        })
    }

    /// The step that is the given stage of a step; the word that it was read from may have been
    /// written over.
    pub(super) fn at_stage(&self, step: usize, stage: usize) -> usize {
        step + stage.min(self.program.steps[step].followers)
    }

    /// The stage that a worker says it is at, of the step that this frame issues: no more than there
    /// are, as each has attempts of its own.
    pub(super) fn stage(&self, frame: &Frame, said: usize) -> usize {
        match frame.issued {
            Issued::Step(step) if frame.plan == self.plan => self.at_stage(step, said) - step,
            _ => 0,
        }
    }

    /// The indices of a chunk of a step of the plan.
    pub(crate) fn place(&self, step: Option<usize>, chunk: usize) -> ChunkPlace {
        let range = step.map(|step| self.program.steps[step].partition.range(chunk));
        let range = range.unwrap_or(chunk..chunk + 1);
        ChunkPlace { chunk, start: range.start, end: range.end }
    }

    /// Areas of the plan, for burying the dead.
    pub(crate) fn areas(&self) -> Areas {
        self.program.areas
    }
}

/// The coordinator as a publisher: no user code, no crash points.
pub(crate) struct Publisher<'a>(pub(crate) Control<'a>);

impl Surroundings for Publisher<'_> {
    type Died = Infallible;

    fn at(&mut self, _: CrashPoint) -> Result<(), Infallible> {
        Ok(())
    }

    fn wake_all(&mut self) {
        if self.0.board().anybody_asleep() {
            self.0.ring();
        }
    }
}
