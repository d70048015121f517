//! Launching a plan on threads of this process, instead of workers: see `Builder::on_threads`.

use super::{Launchpad, Running};
use crate::compute::{Frame, Issued, Job, Plan, Program, State, Threads};
use crate::error::Result;
use crate::roles::coordinator::Core;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A launch that is about to begin.
pub(super) struct First {
    pub(super) program: Arc<Program>,
    pub(super) issued: Issued,
    pub(super) state: State,
    /// It is the engine's own work on arrays.
    pub(super) is_own: bool,
}

impl Launchpad {
    /// Runs a plan to its end; gives the state with its scalars and roles.
    pub(super) fn run_on_threads(
        &mut self,
        core: &Core,
        threads: &Threads,
        plan: &mut Plan<'_>,
        First { program, issued, state, is_own }: First,
    ) -> Result<State> {
        self.plans += 1;
        let number = self.plans;
        let mut running = core.lock_running();
        let (launched, end) = (running.launched, running.end.take());
        *running = Running {
            plan: number,
            launched: launched + u64::from(!is_own),
            program: Arc::clone(&program),
            names: plan.names.clone(),
            // That it has no workers.
            end,
            ..Running::default()
        };
        drop(running);
        core.counters.launches.fetch_add(1, Ordering::Relaxed);
        let control = core.control();
        let (region, cancelled) = (core.region(), &control.cancelled);
        let job = Job { plan: number, program: &program, region, cancelled };
        let mut frame = Frame { plan: number, issued, state, ..Frame::at_rest(1) };
        let ran = threads.run(&job, &mut frame);
        plan.write_back(&frame.state.order);
        ran.map_err(|failed| {
            let running = core.lock_running();
            running.tell(running.step_at(&frame.state), failed.at, failed.failure)
        })?;
        Ok(frame.state)
    }
}
