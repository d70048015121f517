//! What the threads of the coordinator share of a ring: its tasks, and the ends of those that are over.

use super::end::{End, Promise};
use super::table::Function;
use crate::error::Error;
use crate::memory::Block;
use crate::shared::crossing::Luggage;
use crate::shared::queue::SLOTS;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

/// What the threads share.
#[derive(Debug)]
pub(super) struct State {
    /// The slots' memory for parameters and results.
    pub(super) room: Block,
    /// The tasks in the slots.
    pub(super) slots: Vec<Option<Placed>>,
    /// Sequence numbers: of the oldest task in a slot, and of the next to be put. In the queue's words
    /// somebody may write over that.
    pub(super) oldest: u64,
    pub(super) next: u64,
    pub(super) placed: usize,
    /// What waits for a slot.
    pub(super) backlog: VecDeque<Task>,
    /// Number of the next task, in order of `put`.
    number: u64,
    /// Ends that no handle waits for.
    ended: VecDeque<(u64, End)>,
    /// Who is to be woken for an end.
    pub(super) due: Vec<Waker>,
    pub(super) closed: bool,
}

/// A task before it has a slot.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) function: Function,
    pub(super) params: Vec<u8>,
    /// Keeps what its parameters refer to, until its result is taken.
    pub(super) luggage: Luggage,
    pub(super) promise: Option<Arc<Promise>>,
    pub(super) number: u64,
}

/// A task that could not be put, and why.
pub(super) type NotPut = Box<(Error, Task)>;

/// A task in a slot.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) number: u64,
    pub(super) function: Function,
    pub(super) promise: Option<Arc<Promise>>,
    /// Memory for parameters that the slot does not hold.
    pub(super) _own: Option<Block>,
    pub(super) _luggage: Luggage,
}

impl Task {
    pub(super) fn new(function: Function, params: Vec<u8>, luggage: Luggage) -> Task {
        Task { function, params, luggage, promise: None, number: 0 }
    }
}

impl State {
    pub(super) fn new(room: Block) -> State {
        State {
            room,
            slots: (0..SLOTS).map(|_| None).collect(),
            oldest: 0,
            next: 0,
            placed: 0,
            backlog: VecDeque::new(),
            number: 0,
            ended: VecDeque::new(),
            due: vec![],
            closed: false,
        }
    }

    /// Tasks that have not ended.
    pub(super) fn unfinished(&self) -> usize {
        self.placed + self.backlog.len()
    }

    /// Ends that no handle waits for.
    pub(super) fn ended(&mut self) -> &mut VecDeque<(u64, End)> {
        &mut self.ended
    }

    pub(super) fn next_number(&self) -> u64 {
        self.number
    }

    /// A number for a task.
    pub(super) fn take_number(&mut self) -> u64 {
        self.number += 1;
        self.number - 1
    }

    pub(super) fn has_free_slot(&self) -> bool {
        // A ring: the slot of the next task is free once the task 256 before it is taken.
        self.slots[self.next as usize % SLOTS].is_none()
    }

    pub(super) fn deliver(&mut self, number: u64, promise: Option<Arc<Promise>>, end: End) {
        match promise {
            Some(promise) => self.due.extend(promise.keep(end)),
            None => self.ended.push_back((number, end)),
        }
    }

    pub(super) fn deliver_placed(&mut self, sequence: u64, end: End) {
        if let Some(placed) = self.slots[sequence as usize % SLOTS].take() {
            self.placed -= 1;
            self.deliver(placed.number, placed.promise, end);
        }
    }

    /// Nothing will run any more.
    pub(super) fn lose_all(&mut self) {
        (self.oldest..self.next).for_each(|sequence| self.deliver_placed(sequence, End::Lost));
        for task in std::mem::take(&mut self.backlog) {
            self.deliver(task.number, task.promise, End::Lost);
        }
    }
}
