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
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Of one open queue, by the tasks' sequence numbers.
#[derive(Debug, Default)]
pub(crate) struct OpenQueue {
    /// The table of the task function.
    table: u64,
    /// The function that its tasks run.
    pub(super) name: &'static str,
    pub(super) deadline: Option<Duration>,
    pub(crate) deaths: HashMap<u64, Vec<DeathRecord>>,
    /// Memory of results that their slots do not hold.
    pub(crate) rooms: HashMap<u64, Block>,
    /// Why a result could not be given room.
    pub(crate) refused: HashMap<u64, String>,
    /// The queue is being dropped: nobody wants its results.
    pub(crate) forsaken: bool,
}

impl OpenQueue {
    /// A new queue of tasks that run the function of this table and name.
    pub(crate) fn of(table: u64, name: &'static str, deadline: Option<Duration>) -> OpenQueue {
        OpenQueue { table, name, deadline, ..OpenQueue::default() }
    }
}

impl Core {
    /// Damage to what workers are told of the open queues, or to their words.
    pub(crate) fn damaged_queue(&self) -> Option<Damage> {
        let queues = self.lock_queues();
        let control = self.control();
        let bits = control.open_queues.load(Ordering::Relaxed);
        let open = queues.iter().enumerate().filter_map(|(at, open)| Some((at, open.as_ref()?)));
        let expected = open.clone().fold(0, |bits, (at, _)| bits | 1 << at);
        let told = |(at, open): (usize, &OpenQueue)| {
            control.queue_tables[at].load(Ordering::Relaxed) == open.table
        };
        if bits != expected || !open.clone().all(told) {
            return Some(Damage::Queue);
        }
        let words = open.map(|(at, _)| &control.block.queues[at]);
        words.into_iter().find_map(|words| words.damage(self.workers))
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

    /// A dead worker's leases return to their queues, or fail after too many attempts (`death` if it
    /// counts as one); gives whether there were any.
    pub(crate) fn return_leases(&self, rank: usize, death: Option<&DeathRecord>) -> bool {
        let mut any = false;
        let control = self.control();
        let mut open = self.lock_queues();
        for (words, deaths) in control.queues.iter().zip(open.iter_mut()) {
            let Some(OpenQueue { deaths, .. }) = deaths else { continue };
            for sequence in words.leases_of(rank) {
                any = true;
                let deaths = deaths.entry(sequence).or_default();
                deaths.extend(death.cloned());
                if deaths.len() as u32 >= self.attempts_max {
                    words.slot(sequence).set_outcome(sequence, TaskOutcome::Died as u64);
                    words.fail(sequence);
                    self.counters.poisoned.fetch_add(1, Ordering::Relaxed);
                } else {
                    words.give_back(sequence);
                    self.counters.retries.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        any
    }

    /// Forgets a task whose result is taken; gives its deaths, and why it was refused room.
    pub(crate) fn forget_task(&self, index: usize, task: u64) -> (Vec<DeathRecord>, String) {
        let mut queues = self.lock_queues();
        let Some(open) = &mut queues[index] else { return Default::default() };
        open.rooms.remove(&task);
        let deaths = open.deaths.remove(&task).unwrap_or_default();
        (deaths, open.refused.remove(&task).unwrap_or_default())
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
            match self.memory.allocate("the result of a task", slot.wanted()) {
                Ok(block) => {
                    slot.set_room(sequence, [block.offset() as u64, block.len() as u64]);
                    open.rooms.insert(sequence, block);
                    words.grant(sequence);
                }
                Err(error) => {
                    open.refused.insert(sequence, error.to_string());
                    slot.set_outcome(sequence, TaskOutcome::NoRoom as u64);
                    words.forgo(sequence);
                }
            }
        }
    }
}
