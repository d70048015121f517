//! Launches on threads of this process, in rayon's own way: for comparing the engine with rayon, over
//! the same arrays, cut into the same chunks and folded along the same tree, so with the same bits.
//!
//! Here is none of what worker processes are for. Nothing is copied aside and nothing marked as done;
//! a kernel that crashes takes the program with it, and one that hangs, hangs.

use super::failure::{FailedAt, Failure};
use super::frame::{Frame, Issued};
use super::hand::{Hand, Job};
use crate::error::{Error, Result};
use crate::machine::pin::pin_current_thread;
use crate::memory::Permit;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the first thread of a process has by default, and so a worker: kernels find as much room.
const STACK_BYTES: usize = 8 << 20;

/// The threads of an engine, and what each has in hand.
pub(crate) struct Threads {
    pool: ThreadPool,
    racks: Vec<Rack>,
}

/// The hands of a thread that are not in use. More than one where a kernel has itself waited for
/// rayon: its thread may run another chunk meanwhile.
#[derive(Default)]
#[repr(align(128))]
struct Rack(Mutex<Hands>);

/// Boxed, as a hand is large, and is taken out and put back for each step.
type Hands = Vec<Box<Hand>>;

/// A hand in use.
struct Taken<'a> {
    rack: &'a Rack,
    /// There until it is dropped.
    hand: Option<Box<Hand>>,
}

/// Why a launch has failed, and where, if that is at a chunk.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) at: Option<FailedAt>,
    pub(crate) failure: Failure,
}

impl Threads {
    /// One for each of these, on this CPU or wherever the system puts it.
    pub(crate) fn start(cpus: &[Option<usize>]) -> Result<Threads> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(cpus.len())
            .thread_name(|index| format!("gristmill thread {index}"))
            .stack_size(STACK_BYTES)
            .build()
            .map_err(|error| Error::Start {
                reason: format!("starting rayon's threads: {error}"),
            })?;
        let pin = |index: usize| cpus[index].map_or(Ok(()), pin_current_thread);
        for pinned in pool.broadcast(|context| pin(context.index())) {
            pinned.map_err(|error| Error::Start { reason: error.to_string() })?;
        }
        Ok(Threads { pool, racks: cpus.iter().map(|_| Rack::default()).collect() })
    }

    pub(crate) fn count(&self) -> usize {
        self.racks.len()
    }

    /// Whether the calling thread is one of them, and so in the midst of a launch.
    pub(crate) fn is_inside(&self) -> bool {
        self.pool.current_thread_index().is_some()
    }

    /// Runs a launch from what the frame issues to its end; the frame's state then is its last, or
    /// tells where it has failed. Conditions and folds too are run by the threads.
    pub(crate) fn run(&self, job: &Job<'_>, frame: &mut Frame) -> Result<(), Failed> {
        let ran = self.pool.install(|| self.run_steps(job, frame));
        self.racks.iter().for_each(|rack| rack.lock().iter_mut().for_each(|hand| hand.let_go()));
        ran
    }

    fn run_steps(&self, job: &Job<'_>, frame: &mut Frame) -> Result<(), Failed> {
        loop {
            let cell_is_empty = match frame.issued {
                Issued::Step(step) => self.run_step(job, frame, step)?,
                Issued::Start => true,
                Issued::Rest(_) => return Ok(()),
            };
            let mut leader = self.take(job, frame);
            let issued = leader.lead(&step_has_ended(), job, frame, cell_is_empty);
            frame.issued = issued.map_err(Failed::behind_a_step)?;
            frame.serial += 1;
        }
    }

    /// Runs all chunks of a step; gives whether nothing was merged.
    fn run_step(&self, job: &Job<'_>, frame: &Frame, step: usize) -> Result<bool, Failed> {
        let first_failed = Mutex::<Option<(FailedAt, Failure)>>::new(None);
        let run = |hand: &mut Taken<'_>, chunk: usize| {
            // The iterator gives each chunk to one call.
            let permit = Permit::granted_by_iterator();
            let Err((at, failure)) = hand.run(&permit, job, step, chunk) else { return };
            let mut first = lock(&first_failed);
            if first.as_ref().is_none_or(|(first, _)| at < *first) {
                *first = Some((at, failure));
            }
        };
        let spec = &job.program.steps[step];
        (0..spec.partition.chunks()).into_par_iter().for_each_init(|| self.take(job, frame), run);
        let failed = first_failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, failure)) = failed {
            return Err(Failed { at: Some(at), failure });
        }
        // Whatever merges is a step by itself.
        if spec.cell { self.merge(step) } else { Ok(true) }
    }

    /// Merges what the threads have accumulated, in any order; gives whether that is nothing.
    fn merge(&self, step: usize) -> Result<bool, Failed> {
        let mut first = true;
        for rack in &self.racks {
            for hand in rack.lock().iter_mut().filter(|hand| hand.holds()) {
                let merged = hand.merge(&step_has_ended(), step, first);
                merged.map_err(Failed::behind_a_step)?;
                first = false;
            }
        }
        Ok(first)
    }

    /// A hand for the calling thread, with the frame's step in it.
    fn take(&self, job: &Job<'_>, frame: &Frame) -> Taken<'_> {
        let index = self.pool.current_thread_index().expect("launches are run by these threads");
        let rack = &self.racks[index];
        let hand = rack.lock().pop();
        let mut hand = hand.unwrap_or_default();
        hand.take_up(job, frame);
        Taken { rack, hand: Some(hand) }
    }
}

/// Leave to touch what all chunks of a step have worked on: none is being run.
fn step_has_ended() -> Permit {
    Permit::granted_by_iterator()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rack {
    fn lock(&self) -> MutexGuard<'_, Hands> {
        lock(&self.0)
    }
}

impl Failed {
    fn behind_a_step(failure: Failure) -> Failed {
        Failed { at: None, failure }
    }
}

impl Deref for Taken<'_> {
    type Target = Hand;

    fn deref(&self) -> &Hand {
        self.hand.as_ref().expect("there until it is dropped")
    }
}

impl DerefMut for Taken<'_> {
    fn deref_mut(&mut self) -> &mut Hand {
        self.hand.as_mut().expect("there until it is dropped")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.rack.lock().extend(self.hand.take());
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("pool", &self.pool).finish_non_exhaustive()
    }
}
