//! What the coordinator keeps of an open task queue beside its slots: deaths of its tasks, and room
//! for results that are too large for their slots.
//!
//! A worker asks for room and waits. Whichever thread of the coordinator waits for anything answers
//! it, and if none waits the supervisor does; so no launch and no other queue can be held up by it.
//! All answers are given under one lock, which burials of leases take too.

use super::coordinator::Core;
use super::worker::TaskOutcome;
use crate::error::DeathRecord;
use crate::memory::Block;
use crate::shared::damage::Damage;
use crate::shared::protocol::Hardware;
use crate::shared::queue::Queue;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Of one open queue.
#[derive(Debug)]
pub(crate) struct OpenQueue {
    pub(super) deadline: Option<Duration>,
    /// By the tasks' sequence numbers.
    pub(super) notes: HashMap<u64, TaskNotes>,
    /// The queue is being dropped: nobody wants its results.
    pub(crate) forsaken: bool,
    /// Up to which task the queue's words had been leased before a lease was given back.
    reached: Arc<AtomicU64>,
    /// What becomes of results.
    ring: Weak<dyn Tend>,
}

/// What is to be known of a task that did not simply run.
#[derive(Debug, Default)]
pub(super) struct TaskNotes {
    pub(super) deaths: Vec<DeathRecord>,
    /// Memory of a result that its slot does not hold.
    pub(super) room: Option<Block>,
    /// Why the result could not be given room.
    pub(super) refused: String,
    /// Its worker is ended for it, and it is not to be tried again.
    pub(super) is_cancelled: bool,
}

/// Who takes results out of the slots, and puts into them what waits.
pub(super) trait Tend: fmt::Debug + Send + Sync {
    /// Looks after the slots, if nobody else does just now. Does not wake tasks of async code, which
    /// `notifier` does.
    fn tend_aside(&self);
    /// The same, and wakes them.
    fn tend_and_wake(&self);
}

impl OpenQueue {
    pub(super) fn of(
        deadline: Option<Duration>,
        reached: Arc<AtomicU64>,
        ring: Weak<dyn Tend>,
    ) -> OpenQueue {
        OpenQueue { deadline, notes: HashMap::new(), forsaken: false, reached, ring }
    }
}

impl Core {
    /// Those who look after the open queues.
    pub(super) fn rings(&self) -> Vec<Arc<dyn Tend>> {
        self.lock_queues().iter().flatten().filter_map(|open| open.ring.upgrade()).collect()
    }

    /// Damage to what workers are told of the open queues, or to their words.
    pub(crate) fn damaged_queue(&self) -> Option<Damage> {
        let queues = self.lock_queues();
        let control = self.control();
        let bits = control.open_queues.load(Ordering::Relaxed);
        let open = || queues.iter().enumerate().filter(|(_, open)| open.is_some());
        if bits != open().fold(0, |bits, (at, _)| bits | 1 << at) {
            return Some(Damage::Queue);
        }
        open().find_map(|(at, _)| control.block.queues[at].damage(self.workers))
    }

    /// Answers all workers that ask for room. Costs a look at one word if none has asked since.
    pub(crate) fn answer_wishes(&self) {
        let asked = self.control().wishes.0.load(Ordering::Acquire);
        if asked == self.wishes_answered.load(Ordering::Relaxed) {
            return;
        }
        let mut queues = self.lock_queues();
        self.wishes_answered.store(asked, Ordering::Relaxed);
        for (words, open) in self.control().queues.iter().zip(queues.iter_mut()) {
            if let Some(open) = open {
                self.answer(words, open);
            }
        }
        drop(queues);
        self.answer_children();
        self.announce_answers();
    }

    /// A dead worker's leases return to their queues, or fail: those that were cancelled, and others
    /// after too many attempts (`death` if it counts as one). Gives whether there were any.
    pub(crate) fn return_leases(&self, rank: usize, death: Option<&DeathRecord>) -> bool {
        let mut any = false;
        let control = self.control();
        let mut open = self.lock_queues();
        for (words, open) in control.queues.iter().zip(open.iter_mut()) {
            let Some(open) = open else { continue };
            for sequence in words.leases_of(rank) {
                any = true;
                let notes = open.notes.entry(sequence).or_default();
                notes.deaths.extend(death.cloned());
                let fail = |outcome: TaskOutcome| {
                    words.slot(sequence).set_outcome(sequence, outcome as u64);
                    words.fail(sequence);
                };
                if notes.is_cancelled {
                    fail(TaskOutcome::Cancelled);
                } else if notes.deaths.len() as u32 >= self.attempts_max {
                    fail(TaskOutcome::Died);
                    self.counters.poisoned.fetch_add(1, Ordering::Relaxed);
                } else {
                    open.reached.fetch_max(words.give_back(sequence), Ordering::AcqRel);
                    self.counters.retries.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        any
    }

    /// Nobody wants the results of queue `index` any more: whoever asks for room is let go.
    pub(crate) fn forsake(&self, index: usize) {
        if let Some(open) = &mut self.lock_queues()[index] {
            open.forsaken = true;
            self.answer(&self.control().block.queues[index], open);
        }
        self.announce_answers();
    }

    /// To the workers who asked; and to whoever waits for their tasks, some of which may be done.
    fn announce_answers(&self) {
        self.control().ring();
        self.control().announce_finish();
    }

    fn answer(&self, words: &Queue<Hardware>, open: &mut OpenQueue) {
        for sequence in words.wishes() {
            if open.forsaken {
                words.forgo(sequence);
                continue;
            }
            let slot = words.slot(sequence);
            let notes = open.notes.entry(sequence).or_default();
            match self.memory.allocate("the result of a task", slot.wanted()) {
                Ok(block) => {
                    slot.set_room(sequence, [block.offset() as u64, block.len() as u64]);
                    notes.room = Some(block);
                    words.grant(sequence);
                }
                Err(error) => {
                    notes.refused = error.to_string();
                    slot.set_outcome(sequence, TaskOutcome::NoRoom as u64);
                    words.forgo(sequence);
                }
            }
        }
    }
}
