//! How long each worker has been at the same thing, as far as somebody has looked. Time in which chaos
//! holds it is not held against it.

use crate::compute::Control;
use crate::shared::protocol::Pulse;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// By rank.
#[derive(Debug)]
pub(crate) struct Paces(Mutex<Vec<Place>>);

/// A rank.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// None before the first look at its worker.
    pace: Option<Pace>,
    /// What its worker was at when it was decided that it had hung.
    condemned: Option<Look>,
    held: Held,
}

/// How long chaos has held the workers of a rank.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    before: Duration,
    since: Option<Instant>,
}

impl Held {
    fn total(self) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// What a worker is at, and since when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(super) look: Look,
    /// When it was first seen so.
    pub(super) since: Instant,
    /// For how long of that it is held against the worker; none before the supervisor has seen it.
    pub(super) still: Option<Duration>,
    /// How long chaos had held the workers of this rank when the supervisor last looked.
    held: Duration,
}

/// A worker, seen from outside; equal to an earlier look if it has not got on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(super) pulse: Pulse,
    /// Of the chunk in its hands.
    pub(super) stage: usize,
    pub(super) task: Option<TaskLook>,
}

impl Look {
    fn of(control: Control<'_>, rank: usize, task: Option<TaskLook>) -> Look {
        Look { pulse: control.board().pulse(rank), stage: control.stage(rank), task }
    }

    /// Whether it was at the same chunk, or the same task.
    fn is_at_the_same(&self, before: &Look) -> bool {
        self.pulse.is_at_the_same(&before.pulse)
            && self.stage == before.stage
            && self.task == before.task
    }
}

/// A task that a worker has leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TaskLook {
    pub(super) queue: usize,
    pub(super) sequence: u64,
    /// Its result waits for room, which is for the coordinator to give.
    pub(super) waits: bool,
}

impl Pace {
    fn excuse(&mut self) {
        self.still = None;
    }
}

impl Paces {
    pub(super) fn new(workers: usize) -> Paces {
        Paces(Mutex::new(vec![Place::default(); workers]))
    }

    /// The worker of this rank is no more, but its words have not been touched. True if it had been
    /// condemned for something and was at something else when it died.
    pub(super) fn forget(&self, rank: usize, control: Control<'_>) -> bool {
        let last = Look::of(control, rank, leased_tasks(control)[rank]);
        let place = &mut self.lock()[rank];
        place.pace = None;
        place.condemned.take().is_some_and(|look| !last.is_at_the_same(&look))
    }

    /// The worker of this rank is to be ended for what it is at.
    pub(super) fn condemn(&self, rank: usize, look: Look) {
        self.lock()[rank].condemned = Some(look);
    }

    /// What this worker has been at until now is not held against it.
    pub(super) fn excuse(&self, rank: usize) {
        self.lock()[rank].pace.iter_mut().for_each(Pace::excuse);
    }

    /// The same for all workers.
    pub(super) fn excuse_all(&self) {
        self.lock().iter_mut().filter_map(|place| place.pace.as_mut()).for_each(Pace::excuse);
    }

    /// A queue is opened, whose tasks are counted from 0 once more: those of the queue that had this
    /// place before are over.
    pub(super) fn begin_queue(&self, queue: usize) {
        for place in self.lock().iter_mut() {
            let task = place.pace.and_then(|pace| pace.look.task);
            place.pace = place.pace.filter(|_| task.is_none_or(|task| task.queue != queue));
        }
    }

    /// Chaos holds the worker of this rank from now on, or lets it go on.
    pub(super) fn hold(&self, rank: usize, holds: bool) {
        let held = &mut self.lock()[rank].held;
        *held = Held { before: held.total(), since: holds.then(Instant::now) };
    }

    /// Looks at all workers. For the supervisor `passed` is what is held against those that have not
    /// got on since its last look.
    pub(super) fn look(&self, control: Control<'_>, passed: Option<Duration>) -> Vec<Pace> {
        let tasks = leased_tasks(control);
        let now = Instant::now();
        let look_again = |(rank, place): (usize, &mut Place)| {
            let look = Look::of(control, rank, tasks[rank]);
            let same = place.pace.filter(|pace| pace.look == look);
            let held = place.held.total();
            let mut next = same.unwrap_or(Pace { look, since: now, still: None, held });
            if let Some(passed) = passed {
                let own = passed.saturating_sub(held - next.held);
                next.still = Some(next.still.map_or(Duration::ZERO, |still| still + own));
                next.held = held;
            }
            *place.pace.insert(next)
        };
        self.lock().iter_mut().enumerate().map(look_again).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By rank, the task that a worker has leased.
fn leased_tasks(control: Control<'_>) -> Vec<Option<TaskLook>> {
    let mut tasks = vec![None; control.board().workers()];
    for (queue, words) in control.open_queues() {
        for (rank, sequence, waits) in words.leased() {
            if let Some(task) = tasks.get_mut(rank) {
                *task = Some(TaskLook { queue, sequence, waits });
            }
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_stage_of_a_chunk_is_something_else_to_be_at() {
        let engine = crate::Engine::builder().workers(1).build().unwrap();
        let before = Look::of(engine.core.control(), 0, None);
        let next = Look { stage: before.stage + 1, ..before };
        assert!(next != before && !next.is_at_the_same(&before));
        assert!(before.is_at_the_same(&before));
    }

    #[test]
    fn a_rank_is_held_for_as_long_as_chaos_holds_it() {
        let paces = Paces::new(2);
        paces.hold(1, true);
        let held = || -> Vec<_> { paces.lock().iter().map(|place| place.held.total()).collect() };
        let before = held();
        while held()[1] == before[1] {
            std::hint::spin_loop();
        }
        paces.hold(1, false);
        let after = held();
        paces.hold(1, false);
        assert_eq!((held(), after[0]), (after, Duration::ZERO));
    }
}
