//! What a thread has of a launch that runs on threads, as a worker process has it of any: the plan,
//! its kernels made anew of their parameters, and an accumulator of its own.

use super::bound::Loaded;
use super::failure::{FailedAt, Failure};
use super::frame::{Frame, Issued};
use super::private::Private;
use super::program::Program;
use crate::memory::{Permit, Region};
use std::sync::atomic::{AtomicU64, Ordering};

/// A launch, as all threads see it.
pub(crate) struct Job<'a> {
    /// Number of the plan.
    pub(crate) plan: u64,
    pub(crate) program: &'a Program,
    pub(crate) region: &'a Region,
    /// Holds the plan's number once it is cancelled.
    pub(crate) cancelled: &'a AtomicU64,
}

impl Job<'_> {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) == self.plan
    }
}

/// What one thread has at a time. Only its accumulator's memory is kept from launch to launch.
#[derive(Default)]
pub(super) struct Hand {
    loaded: Option<Loaded>,
    private: Private,
    /// Serial of the step that was bound last, and if it could not be, at which stage and why.
    serial: u64,
    unbound: Option<(usize, Failure)>,
}

// SAFETY: its pointers lead into the region, which is mapped for as long as the engine lives, and
// into buffers that it owns; kernels are `Send` (`Runner` is). It is used by one thread at a time,
// and what may be reached through those pointers says a permit, not the thread.
unsafe impl Send for Hand {}

impl Hand {
    /// Takes up the plan, and its step, as far as it has not yet: no user code.
    pub(super) fn take_up(&mut self, job: &Job<'_>, frame: &Frame) {
        if self.loaded.as_ref().is_none_or(|loaded| loaded.plan != job.plan) {
            self.loaded = Some(Loaded::of(job.plan, job.program.clone()));
            self.serial = 0;
        }
        if self.serial == frame.serial {
            return;
        }
        self.serial = frame.serial;
        self.unbound = None;
        let Issued::Step(step) = frame.issued else { return };
        let loaded = self.loaded.as_mut().expect("loaded above");
        for stage in job.program.stages(step) {
            if let Err(failure) = loaded.bind(job.region, &frame.state, stage) {
                self.unbound = Some((stage - step, failure));
                return;
            }
        }
    }

    /// Runs a chunk through the stages of the step that it has taken up.
    pub(super) fn run(
        &mut self,
        permit: &Permit,
        job: &Job<'_>,
        step: usize,
        chunk: usize,
    ) -> Result<(), (FailedAt, Failure)> {
        let failed = |stage, failure| (FailedAt { stage, chunk }, failure);
        if job.is_cancelled() {
            return Err(failed(0, Failure::Cancelled));
        }
        if let Some((stage, failure)) = &self.unbound {
            return Err(failed(*stage, failure.clone()));
        }
        let loaded = self.loaded.as_mut().expect("a step is of a plan");
        for stage in loaded.program.stages(step) {
            loaded
                .run(permit, job.region, stage, &mut self.private, chunk)
                .map_err(|failure| failed(stage - step, failure))?;
        }
        Ok(())
    }

    /// Whether it has accumulated what is not merged yet.
    pub(super) fn holds(&self) -> bool {
        self.private.holds()
    }

    /// Merges what it has accumulated into the step's arrays, which hold nothing yet if `first`.
    pub(super) fn merge(
        &mut self,
        permit: &Permit,
        step: usize,
        first: bool,
    ) -> Result<(), Failure> {
        let loaded = self.loaded.as_ref().expect("what accumulates has taken up a plan");
        loaded.merge(permit, step, &mut self.private, first)
    }

    /// Folds the step of the frame, and goes on to the next one: see [`Loaded::lead`].
    pub(super) fn lead(
        &mut self,
        permit: &Permit,
        job: &Job<'_>,
        frame: &mut Frame,
        cell_is_empty: bool,
    ) -> Result<Issued, Failure> {
        let loaded = self.loaded.as_mut().expect("whoever leads has taken up the plan");
        loaded.lead(permit, job.region, frame, cell_is_empty, || job.is_cancelled())
    }

    /// Lets go of the plan: what its kernels refer to is kept for a launch alone.
    pub(super) fn let_go(&mut self) {
        self.loaded = None;
        self.private.discard();
    }
}
