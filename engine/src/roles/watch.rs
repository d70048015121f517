//! Looking at an engine from other threads while it works, and disturbing it.

use super::coordinator::Core;
use super::engine::Engine;
use super::handle::Handle;
use super::pace::Pace;
use crate::compute::{Issued, Named, Serve};
use crate::error::{Cause, ChunkPlace};
use crate::shared::protocol::Blame;
use nix::sys::signal::Signal;
use std::time::Duration;

/// What one worker is about: see [`Engine::activities`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerActivity {
    /// The worker's rank.
    pub rank: usize,
    /// Its process id; none while there is none.
    pub pid: Option<i32>,
    /// What it is about.
    pub activity: Activity,
    /// For how long it has been seen at that. Nothing is known from before somebody looked: this
    /// method, or the supervisor for a deadline.
    pub since: Duration,
}

/// What a worker may be about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// It has not come as far as the protocol yet.
    Starting,
    /// It waits for work.
    Idle,
    /// It takes part in a step, between two chunks.
    Claiming,
    /// It runs a chunk.
    Chunk {
        /// The kernel.
        kernel: &'static str,
        /// Which chunk.
        place: ChunkPlace,
    },
    /// It merges what it has accumulated.
    Merge {
        /// The kernel.
        kernel: &'static str,
    },
    /// It folds the results of a step, or evaluates a condition.
    Fold,
    /// It runs a task.
    Task {
        /// The function.
        task: &'static str,
        /// The task's number in its queue, from 0.
        index: u64,
    },
}

/// What may happen to a worker, done on purpose: see [`Engine::disturb`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disturbance {
    /// It is killed (SIGKILL).
    Kill,
    /// It is stopped (SIGSTOP), and makes no progress.
    Stop,
    /// It goes on after a stop (SIGCONT).
    Continue,
}

impl Handle {
    /// Does this to the worker of a rank. Gives its process id; none if there is no such worker, or it
    /// is about to end already.
    pub(super) fn disturb(&self, rank: usize, disturbance: Disturbance) -> Option<i32> {
        match disturbance {
            Disturbance::Kill => self.end(rank, Cause::Disturbed),
            Disturbance::Stop => self.signal(rank, Signal::SIGSTOP),
            Disturbance::Continue => self.signal(rank, Signal::SIGCONT),
        }
    }
}

impl Engine {
    /// The deadline of what is launched from now on, and of task queues that are opened from now on:
    /// see [`Builder::deadline`](crate::Builder::deadline), which sets the first.
    pub fn set_deadline(&self, deadline: Option<Duration>) {
        self.core.set_deadline(deadline);
    }

    /// The deadline of what is launched now.
    pub fn deadline(&self) -> Option<Duration> {
        self.core.deadline()
    }

    /// What each worker is about, and for how long; by rank. For another thread to ask, now and
    /// then: a chunk that hangs is the one that has been there for long.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// use gristmill::{Activity, Engine};
    ///
    /// let engine = Engine::builder().workers(2).build()?;
    /// for worker in engine.activities() {
    ///     println!("worker {}: {:?} for {:?}", worker.rank, worker.activity, worker.since);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn activities(&self) -> Vec<WorkerActivity> {
        if self.core.refuse_other_processes().is_err() {
            return vec![];
        }
        let pids = self.core.handle.pids(self.core.workers);
        let paces = self.core.paces.look(self.core.control(), None).into_iter();
        let tell = |(rank, pace): (usize, Pace)| WorkerActivity {
            rank,
            pid: pids[rank],
            activity: activity(&self.core, &pace),
            since: pace.since.elapsed(),
        };
        paces.enumerate().map(tell).collect()
    }

    /// How long it took from a worker's death until its replacement was ready to work, for each death
    /// since the last call, the oldest first; at most the latest 16,384. Deaths whose replacements
    /// died, or were stopped by [`chaos`](Engine::chaos), before they were ready are left out: see
    /// [`take_vacancies`](Engine::take_vacancies) for these.
    ///
    /// The death is the moment of the kill where [`disturb`](Engine::disturb),
    /// [`chaos`](Engine::chaos) or the engine itself ended the worker, else the moment at which the
    /// engine noticed it.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// use gristmill::{Disturbance, Engine};
    ///
    /// let engine = Engine::builder().workers(1).build()?;
    /// engine.disturb(0, Disturbance::Kill);
    /// let took = loop {
    ///     match engine.take_recoveries().pop() {
    ///         Some(took) => break took,
    ///         None => std::thread::yield_now(),
    ///     }
    /// };
    /// println!("its replacement was there after {took:?}");
    /// # Ok(()) }
    /// ```
    pub fn take_recoveries(&self) -> Vec<Duration> {
        if self.core.refuse_other_processes().is_err() {
            return vec![];
        }
        self.core.recoveries.take(&self.core.control().ready_ns)
    }

    /// How long places of workers were empty, for each since the last call, the oldest first; at most the
    /// latest 16,384: from a worker's death until somebody there was ready to work. Nothing is left
    /// out: where replacements died as they started it counts from the first death, and where they
    /// were stopped that counts as well. Apart from that it is as
    /// [`take_recoveries`](Engine::take_recoveries).
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// use gristmill::{Disturbance, Engine};
    ///
    /// let engine = Engine::builder().workers(1).build()?;
    /// for _ in 0..3 {
    ///     engine.disturb(0, Disturbance::Kill); // the worker, or a replacement that starts
    /// }
    /// let empty = loop {
    ///     match engine.take_vacancies().pop() {
    ///         Some(empty) => break empty,
    ///         None => std::thread::yield_now(),
    ///     }
    /// };
    /// println!("nobody was there for {empty:?}");
    /// # Ok(()) }
    /// ```
    pub fn take_vacancies(&self) -> Vec<Duration> {
        if self.core.refuse_other_processes().is_err() {
            return vec![];
        }
        self.core.recoveries.take_vacancies(&self.core.control().ready_ns)
    }

    /// Does something to the worker of a rank, to try what happens then; for another thread to
    /// call while the engine works. Results must stay the same. A death that comes of it is counted
    /// in [`stats`](Engine::stats) and held against no chunk and no task. A stopped worker goes on
    /// when it is told to, or is ended by a deadline if there is one.
    ///
    /// False if there is no such worker, or it is about to end already.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// use gristmill::{Disturbance, Engine};
    ///
    /// let engine = Engine::builder().workers(2).attempts(1).build()?;
    /// let x = engine.from_fn(100_000, |i| i as f64)?;
    /// engine.disturb(1, Disturbance::Kill);
    /// assert_eq!(engine.sum(&x)?, 4_999_950_000.0);
    /// # Ok(()) }
    /// ```
    pub fn disturb(&self, rank: usize, disturbance: Disturbance) -> bool {
        if self.core.refuse_other_processes().is_err() {
            return false;
        }
        self.core.handle.disturb(rank, disturbance).is_some()
    }
}

fn activity(core: &Core, pace: &Pace) -> Activity {
    let pulse = &pace.look.pulse;
    if let Some(task) = pace.look.task {
        let slot = core.control().block.queues[task.queue].slot(task.sequence);
        let table = slot.task(task.sequence).ok().and_then(|(at, _)| Named::<Serve>::at(at).ok());
        let name = table.map_or("a task", |table| table.name());
        return Activity::Task { task: name, index: task.sequence };
    }
    if !pulse.is_announced() {
        return Activity::Starting;
    }
    if pulse.busy_with().is_none() {
        return Activity::Idle;
    }
    let Some(frame) = core.control().current().1 else { return Activity::Claiming };
    let running = core.lock_running();
    let step = match frame.issued {
        Issued::Step(step) if frame.plan == running.plan => Some(step),
        _ => None,
    };
    match (pulse.blame(frame.serial), step) {
        (Some(Blame::Chunk(chunk)), Some(step)) => {
            let kernel = running.names[running.at_stage(step, pace.look.stage)];
            let place = running.place(Some(step), chunk);
            Activity::Chunk { kernel, place }
        }
        (Some(Blame::Merge), Some(step)) => Activity::Merge { kernel: running.names[step] },
        (Some(Blame::Fold | Blame::Chunk(_)), _) => Activity::Fold,
        _ => Activity::Claiming,
    }
}
