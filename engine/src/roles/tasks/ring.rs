//! The coordinator's side of one task queue, which its threads share: what lies in the ring of slots,
//! what waits for a slot, and where results go.
//!
//! Results are taken out of the slots, into ordinary memory, by whichever thread looks after the ring
//! ([`Ring::tend`]): all that wait for a result or for room do, the notifier for async code, and
//! else the supervisor, every other millisecond. So a slot is freed although nobody asks for its
//! result, and tasks that were put by tasks begin although nobody waits. Such tasks wait in ordinary
//! memory for their slots, so that no task ever waits for room.

use super::end::{End, Promise, has_bytes};
use super::state::{NotPut, Placed, State, Task};
use crate::error::{Cause, Error, Result, TaskFailure};
use crate::memory::Block;
use crate::roles::coordinator::Core;
use crate::roles::open_queue::Tend;
use crate::shared::crossing::Luggage;
use crate::shared::damage::Damage;
use crate::shared::protocol::Hardware;
use crate::shared::queue::{Queue, SLOTS};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of parameters, and of a result, for which a slot has room without asking.
pub(super) const INLINE: usize = 1024;

#[derive(Debug)]
pub(super) struct Ring {
    pub(super) core: Arc<Core>,
    pub(super) index: usize,
    pub(super) bound: usize,
    /// The tasks before this one may have been leased: what was seen of it last.
    pub(super) reached: Arc<AtomicU64>,
    pub(super) state: Mutex<State>,
}

impl Ring {
    pub(super) fn words(&self) -> &Queue<Hardware> {
        &self.core.control().block.queues[self.index]
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a task, once there is room; gives its number.
    pub(super) fn put(&self, task: Task) -> Result<u64> {
        self.core.refuse_other_processes()?;
        loop {
            if let Some(state) = self.lock_with_room() {
                return self.place_new(state, task).map_err(|not_put| not_put.0);
            }
            self.wait(|state| self.has_room(state).then_some(()));
        }
    }

    /// Puts a task if there is room for it just now.
    pub(super) fn try_put(&self, task: Task) -> Result<Option<u64>> {
        self.core.refuse_other_processes()?;
        self.tended(|_| ());
        let put = self.lock_with_room().map(|state| self.place_new(state, task));
        put.transpose().map_err(|not_put| not_put.0)
    }

    /// Puts a task if there is room for it just now; gives it back with an error.
    pub(super) fn put_or_return(&self, task: Task) -> Result<u64, NotPut> {
        self.place_new(self.lock(), task)
    }

    /// Whether a task could be put without waiting.
    pub(super) fn has_room(&self, state: &State) -> bool {
        state.unfinished() < self.bound && state.backlog.is_empty() && state.has_free_slot()
    }

    fn lock_with_room(&self) -> Option<MutexGuard<'_, State>> {
        Some(self.lock()).filter(|state| self.has_room(state))
    }

    fn place_new(&self, mut state: MutexGuard<'_, State>, mut task: Task) -> Result<u64, NotPut> {
        if let Err(error) = self.core.refuse_without_workers() {
            return Err(Box::new((error, task)));
        }
        task.number = state.next_number();
        self.place(&mut state, task)?;
        Ok(state.take_number())
    }

    /// Puts a task into the next slot, which is free; gives it back with an error.
    fn place(&self, state: &mut State, task: Task) -> Result<(), NotPut> {
        let core = &self.core;
        let base = state.room.offset() + state.next as usize % SLOTS * 2 * INLINE;
        let bytes = &task.params;
        let own = (bytes.len() > INLINE)
            .then(|| core.memory.allocate("the parameters of a task", bytes.len()))
            .transpose();
        let own = match own {
            Ok(own) => own,
            Err(error) => return Err(Box::new((error, task))),
        };
        let place = own.as_ref().map_or(base, Block::offset);
        core.region().store_bytes(place, bytes);
        let put = (self.words().count_put() == state.next).then(|| {
            self.words().put(|sequence, slot| {
                let params = [place as u64, bytes.len() as u64];
                slot.set_task(sequence, task.function.table, params);
                slot.set_room(sequence, [(base + INLINE) as u64, INLINE as u64]);
            })
        });
        if put.flatten().is_none() {
            // There is a free slot, as `has_free_slot` has said.
            core.note_damage(Damage::Queue);
        }
        let Task { number, function, promise, luggage, .. } = task;
        let placed = Placed { number, function, promise, _own: own, _luggage: luggage };
        state.slots[state.next as usize % SLOTS] = Some(placed);
        state.next += 1;
        state.placed += 1;
        core.handle.wake_for_work();
        if core.control().board().anybody_asleep() {
            core.control().ring();
        }
        Ok(())
    }

    /// Waits until `found` gives something, asked under the lock whenever tasks have ended.
    pub(super) fn wait<T>(&self, mut found: impl FnMut(&mut State) -> Option<T>) -> T {
        self.core.wait_until(|| self.tended(&mut found))
    }

    /// The same, but for no longer than this.
    pub(super) fn wait_timeout<T>(
        &self,
        timeout: Duration,
        mut found: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        self.core.wait_until_timeout(timeout, || self.tended(&mut found))
    }

    /// Looks after the ring, then asks something under the lock, then wakes who waits for what has
    /// ended.
    pub(super) fn tended<T>(&self, ask: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        self.tend(&mut state);
        let answer = ask(&mut state);
        let due = std::mem::take(&mut state.due);
        drop(state);
        // A waker is somebody else's code: it must not run under a lock.
        for waker in due {
            self.core.notifier.forget(1);
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
        answer
    }

    /// Takes what is done out of its slots, and puts into them what waits.
    pub(super) fn tend(&self, state: &mut State) {
        if state.closed || state.unfinished() == 0 {
            return;
        }
        let collected = self.collect(state);
        if self.core.lock_running().end.is_some() {
            // What was done until then is done.
            return state.lose_all();
        }
        match collected {
            Ok(()) => self.feed(state),
            Err(what) => self.core.note_damage(what),
        }
    }

    fn collect(&self, state: &mut State) -> Result<(), Damage> {
        let words = self.words();
        let mut queues = None;
        // What nobody has leased yet is not done: that are most, and their words lie far apart.
        let reached = words.reached();
        let reached = self.reached.fetch_max(reached, Ordering::AcqRel).max(reached);
        for sequence in state.oldest..state.next.min(reached) {
            let Some(placed) = &state.slots[sequence as usize % SLOTS] else { continue };
            if !words.is_over(sequence) {
                continue;
            }
            if !words.is_done(sequence) {
                return Err(Damage::Queue);
            }
            let (outcome, [offset, len]) = words.slot(sequence).result(sequence)?;
            let len = if has_bytes(outcome) { len as usize } else { 0 };
            let bytes = self.core.region().load_bytes(offset as usize, len);
            words.take(sequence);
            let queues = queues.get_or_insert_with(|| self.core.lock_queues());
            let open = queues[self.index].as_mut();
            let notes = open.and_then(|open| open.notes.remove(&sequence)).unwrap_or_default();
            let function = placed.function;
            let (end, branches) = End::settled(function.name, outcome, bytes, notes);
            state.deliver_placed(sequence, end);
            for params in branches {
                let number = state.take_number();
                let task = Task::new(function, params, Luggage::default());
                state.backlog.push_back(Task { number, ..task });
            }
        }
        while state.oldest < state.next && state.slots[state.oldest as usize % SLOTS].is_none() {
            state.oldest += 1;
        }
        Ok(())
    }

    fn feed(&self, state: &mut State) {
        while state.has_free_slot()
            && state.placed < self.bound
            && let Some(task) = state.backlog.pop_front()
        {
            let Err((error, task)) = self.place(state, task).map_err(|not_put| *not_put) else {
                continue;
            };
            if matches!(error, Error::OutOfMemory { .. }) && state.placed > 0 {
                // Others will give their memory back.
                return state.backlog.push_front(task);
            }
            let failure = TaskFailure::NoRoom(error.to_string());
            state.deliver(task.number, task.promise, End::Failed(task.function.name, failure));
        }
    }

    /// Cancels the task that has made this promise; false if it has ended.
    ///
    /// One that runs is cancelled by the end of its worker. That may have settled it meanwhile, and be
    /// at something else: which is then tried again, without blame.
    pub(super) fn cancel(&self, promise: &Arc<Promise>) -> bool {
        self.tended(|state| {
            let is_it = |of: &Option<Arc<Promise>>| {
                of.as_ref().is_some_and(|other| Arc::ptr_eq(other, promise))
            };
            if let Some(at) = state.backlog.iter().position(|task| is_it(&task.promise))
                && let Some(task) = state.backlog.remove(at)
            {
                let end = End::Failed(task.function.name, TaskFailure::Cancelled);
                state.deliver(task.number, task.promise, end);
                return true;
            }
            let of_slot = |sequence: &u64| {
                let placed = state.slots[*sequence as usize % SLOTS].as_ref();
                placed.filter(|placed| is_it(&placed.promise)).map(|placed| placed.function.name)
            };
            let found = (state.oldest..state.next).find_map(|at| Some((at, of_slot(&at)?)));
            found.is_some_and(|(sequence, task)| self.cancel_placed(state, sequence, task))
        })
    }

    fn cancel_placed(&self, state: &mut State, sequence: u64, task: &'static str) -> bool {
        let words = self.words();
        // Under this lock leases are given back.
        let mut queues = self.core.lock_queues();
        let Some(open) = &mut queues[self.index] else { return false };
        if words.withdraw(sequence) {
            words.take(sequence);
            open.notes.remove(&sequence);
            state.deliver_placed(sequence, End::Failed(task, TaskFailure::Cancelled));
            return true;
        }
        let Some(rank) = words.worker_at(sequence) else { return false };
        open.notes.entry(sequence).or_default().is_cancelled = true;
        self.core.handle.end(rank, Cause::TaskCancelled);
        true
    }
}

impl Tend for Ring {
    fn tend_aside(&self) {
        let Ok(mut state) = self.state.try_lock() else { return };
        self.tend(&mut state);
        let is_due = !state.due.is_empty();
        drop(state);
        if is_due {
            self.core.control().announce_finish();
        }
    }

    fn tend_and_wake(&self) {
        self.tended(|_| ());
    }
}
