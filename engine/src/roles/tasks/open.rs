//! Opening a ring, and closing it.

use super::ring::{INLINE, Ring};
use super::state::State;
use crate::compute::QUEUES;
use crate::error::{Error, Result};
use crate::roles::coordinator::Core;
use crate::roles::open_queue::{OpenQueue, Tend};
use crate::shared::queue::SLOTS;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// A ring that is open as long as anybody has this of it.
#[derive(Debug)]
pub(super) struct OpenRing(Arc<Ring>);

impl OpenRing {
    /// Opens a queue.
    pub(super) fn open(
        core: &Arc<Core>,
        bound: usize,
        deadline: Option<Duration>,
    ) -> Result<OpenRing> {
        core.refuse_other_processes()?;
        let room = core.memory.allocate("a task queue", SLOTS * 2 * INLINE)?;
        let mut open = core.lock_queues();
        let index = open.iter().position(Option::is_none).ok_or(Error::Limit {
            what: "the number of open task queues",
            asked: QUEUES as u64 + 1,
            limit: QUEUES as u64,
            remedy: "finish or drop one first",
        })?;
        core.paces.begin_queue(index);
        let core = Arc::clone(core);
        let reached = Arc::new(AtomicU64::new(0));
        let state = Mutex::new(State::new(room));
        let ring = Arc::new(Ring { core, index, bound, reached: Arc::clone(&reached), state });
        let tend: Weak<dyn Tend> = Arc::downgrade(&(Arc::clone(&ring) as Arc<dyn Tend>));
        open[index] = Some(OpenQueue::of(deadline, reached, tend));
        let control = ring.core.control();
        control.queues[index].reset();
        control.open_queues.fetch_or(1 << index, Ordering::AcqRel);
        drop(open);
        Ok(OpenRing(ring))
    }
}

impl std::ops::Deref for OpenRing {
    type Target = Ring;

    fn deref(&self) -> &Ring {
        &self.0
    }
}

impl Drop for OpenRing {
    /// Withdraws what nobody has begun, and waits for what somebody has.
    fn drop(&mut self) {
        let core = &self.core;
        if core.refuse_other_processes().is_err() {
            return;
        }
        let (control, words) = (core.control(), self.words());
        let mut state = self.lock();
        state.closed = true;
        let is_out = |sequence: &u64| state.slots[*sequence as usize % SLOTS].is_some();
        let out = (state.oldest..state.next).filter(is_out);
        let begun: Vec<u64> = out.filter(|&sequence| !words.withdraw(sequence)).collect();
        drop(state);
        core.forsake(self.index);
        core.wait_until(|| {
            let all = begun.iter().all(|&sequence| words.is_over(sequence));
            (all || core.lock_running().end.is_some()).then_some(())
        });
        let mut open = core.lock_queues();
        control.open_queues.fetch_and(!(1 << self.index), Ordering::AcqRel);
        open[self.index] = None;
    }
}
