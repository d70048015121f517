//! Deadlines: workers that have not got on for too long are ended, whatever they are about. Their
//! chunks and tasks are blamed as for any other death.
//!
//! The supervisor looks at the workers' words now and then, as long as something runs that has a
//! deadline. Claiming, folding and merging are covered as well as chunks; not so who waits for what
//! another must do first: the cell's lock (its owner hangs), room for a result (the coordinator gives
//! it), an old issue to be left (who is busy with that one hangs). A worker that starts has more time, as
//! long as it does start: one that somebody has stopped has not.

use super::coordinator::Core;
use super::open_queue::OpenQueue;
use super::pace::Pace;
use super::supervisor::{START_MAX, Supervisor};
use crate::compute::{Frame, Issued};
use crate::error::Cause;
use crate::machine::ProcessStatus;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Looks within the time of a deadline.
const LOOKS: u32 = 16;
const PERIOD_MIN: Duration = Duration::from_millis(1);
const PERIOD_MAX: Duration = Duration::from_secs(1);

impl Core {
    /// The deadline of what is launched from now on.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let nanos = self.deadline_ns.load(Ordering::Relaxed);
        (nanos != 0).then(|| Duration::from_nanos(nanos))
    }

    pub(super) fn set_deadline(&self, deadline: Option<Duration>) {
        let nanos = deadline.map_or(0, |deadline| deadline.as_nanos().clamp(1, u64::MAX.into()));
        self.deadline_ns.store(nanos as u64, Ordering::Relaxed);
    }
}

/// The deadlines that are in force.
struct Deadlines {
    /// A plan runs, or is being launched: that waits for workers that have not left an old issue.
    plan_runs: bool,
    /// Of that plan.
    plan: Option<Duration>,
    /// Of each queue's tasks.
    tasks: Vec<Option<Duration>>,
    /// The least of the queues in which tasks wait for a worker.
    waiting: Option<Duration>,
}

impl Deadlines {
    fn now(core: &Core) -> Deadlines {
        let control = core.control();
        let running = core.lock_running();
        let over =
            |frame: Frame| matches!(frame.issued, Issued::Rest(_)) && frame.plan == running.plan;
        let plan_runs = !control.current().1.is_none_or(over);
        let plan = running.deadline.filter(|_| plan_runs);
        drop(running);
        let queues = core.lock_queues();
        let queues = || queues.iter().zip(&control.queues);
        let deadline = |open: &Option<OpenQueue>| open.as_ref().and_then(|open| open.deadline);
        let tasks = queues().map(|(open, words)| deadline(open).filter(|_| words.is_at_work()));
        let waiting =
            queues().filter_map(|(open, words)| deadline(open).filter(|_| words.has_work()));
        Deadlines { plan_runs, plan, tasks: tasks.collect(), waiting: waiting.min() }
    }

    /// How often to look; none while nothing has a deadline.
    fn period(&self) -> Option<Duration> {
        let least = self.tasks.iter().flatten().copied().chain(self.plan).min()?;
        Some((least / LOOKS).clamp(PERIOD_MIN, PERIOD_MAX))
    }
}

impl Supervisor {
    /// The deadlines that are in force, if there can be any.
    fn deadlines(&self) -> Option<Deadlines> {
        let may_have = self.core.deadline().is_some()
            || self.core.lock_running().deadline.is_some()
            || self.core.control().open_queues.load(Ordering::Relaxed) != 0;
        may_have.then(|| Deadlines::now(&self.core))
    }

    /// How often to look, as long as anything that has a deadline is out.
    pub(super) fn look_period(&self) -> Option<Duration> {
        self.deadlines()?.period()
    }

    /// Ends the workers that are over their deadlines.
    pub(super) fn end_the_hung(&mut self) {
        let in_force = self.deadlines().and_then(|all| Some((all.period()?, all)));
        let Some((period, deadlines)) = in_force else {
            if self.looked.take().is_some() {
                self.core.paces.excuse_all();
            }
            return;
        };
        let now = Instant::now();
        let gap = self.looked.map(|before| now - before);
        if gap.is_some_and(|gap| gap < period) {
            return;
        }
        self.looked = Some(now);
        // While this thread did not run, the workers may not have run either: all were stopped, or
        // the machine was.
        let passed = gap.unwrap_or_default().min(2 * period);
        let pids = self.core.handle.pids(self.core.workers);
        let mut hung = vec![];
        for (rank, pace) in
            self.core.paces.look(self.core.control(), Some(passed)).into_iter().enumerate()
        {
            let still = pace.still.unwrap_or_default();
            match self.limit_of(rank, &pace, &deadlines, &pids) {
                Some(limit) if still > limit => {
                    let cause = Cause::Deadline { limit, ran: still };
                    hung.push((rank, pace.look, cause));
                }
                Some(_) => {}
                None => self.core.paces.excuse(rank),
            }
        }
        // Whoever publishes waits for those who are busy with an old issue.
        let oldest = hung.iter().filter_map(|(_, look, _)| look.pulse.busy_with()).min();
        for (rank, look, cause) in hung {
            let issue = look.pulse.busy_with();
            if issue.is_none() || issue == oldest {
                self.core.paces.condemn(rank, look);
                self.note_peak(rank, pids[rank]);
                self.core.handle.end(rank, cause);
            } else {
                self.core.paces.excuse(rank);
            }
        }
    }

    /// Takes down the most memory that a worker has had in use, while it is there.
    fn note_peak(&self, rank: usize, pid: Option<i32>) {
        let words = &self.core.control().block.faults[rank];
        let peak = pid.and_then(|pid| ProcessStatus::of(pid).bytes("VmHWM:"));
        peak.iter().for_each(|&bytes| words.note_peak(bytes));
    }

    /// The deadline of what a worker is at, if it has one and it is for this worker to get on.
    fn limit_of(
        &self,
        rank: usize,
        pace: &Pace,
        deadlines: &Deadlines,
        pids: &[Option<i32>],
    ) -> Option<Duration> {
        let (pulse, control) = (&pace.look.pulse, self.core.control());
        let board = control.board();
        if let Some(task) = pace.look.task {
            return deadlines.tasks[task.queue].filter(|_| !task.waits);
        }
        let busy_with = pulse.busy_with();
        if deadlines.plan_runs && deadlines.plan.is_none() && busy_with == Some(board.epoch()) {
            return None;
        }
        if let Some(limit) = deadlines.plan.filter(|_| busy_with.is_some()) {
            let owner = control.lock.holder().filter(|_| board.may_be_merging(rank));
            let waits =
                owner.is_some_and(|owner| pids[rank] != Some(owner) && pids.contains(&Some(owner)));
            return (!waits).then_some(limit);
        }
        // It does nothing, or has not left a plan that is over; then it should take part, if there is anything to do.
        let unclaimed = deadlines.plan.filter(|_| board.has_unclaimed(rank));
        let limit = unclaimed.into_iter().chain(deadlines.waiting).min();
        limit.map(|limit| {
            let starts = !pulse.is_announced() && !Self::is_stopped_beyond(limit, pace, pids[rank]);
            if starts { limit.max(START_MAX) } else { limit }
        })
    }

    /// Whether a worker that may be starting yet is not slow to, but stopped.
    fn is_stopped_beyond(limit: Duration, pace: &Pace, pid: Option<i32>) -> bool {
        let is_stopped = |pid| ProcessStatus::of(pid).word("State:") == Some("T");
        pace.still.is_some_and(|still| still > limit) && pid.is_some_and(is_stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Disturbance, Engine};
    use std::sync::mpsc;

    /// Before the tags of claims repeat, a launch waits for whoever is stalled in an old issue.
    #[test]
    fn a_launch_that_waits_for_a_stopped_worker_ends_it_at_the_deadline() {
        // Long enough for a worker that waits for its turn on a busy machine.
        let limit = Duration::from_millis(500);
        let engine = Engine::builder().workers(2).deadline(limit).build().unwrap();
        let x = engine.filled(1000, 1.0).unwrap();
        engine.sum(&x).unwrap();
        engine.disturb(1, Disturbance::Stop);
        let core = &engine.core;
        while !core.control().board().is_asleep(1) {
            engine.disturb(1, Disturbance::Continue);
            std::thread::sleep(Duration::from_millis(5));
            engine.disturb(1, Disturbance::Stop);
        }
        core.control().board().stall(1);
        let (done, waits) = mpsc::channel();
        std::thread::scope(|scope| {
            // Lest a failure be a test that never ends.
            let engine = &engine;
            scope.spawn(move || {
                waits.recv_timeout(Duration::from_secs(300)).unwrap_or_else(|_| {
                    engine.disturb(1, Disturbance::Continue);
                });
            });
            while engine.stats().deaths == 0 && engine.stats().launches < 1 << 16 {
                assert_eq!(engine.sum(&x).unwrap(), 1000.0);
            }
            let _ = done.send(());
        });
        assert!(engine.stats().deaths > 0, "the launches went by");
        // It is counted before it is buried.
        let latest = loop {
            match core.buried.lock().unwrap().pop_back() {
                Some(buried) => break buried.death,
                None => std::thread::yield_now(),
            }
        };
        assert!(matches!(latest.cause, Cause::Deadline { .. }) && latest.rank == 1, "{latest}");
    }
}
