//! Floor 7: the engine's shortest paths, each by itself and in one process, so that their
//! instructions can be counted: claims, thefts, settling and counting; the reduction cell's commit;
//! the robust lock; the task queue. For `engine/benches/instructions.rs`, which says what each is
//! worth; no part of the library's interface.
//!
//! What the protocol asks of its surroundings does next to nothing here: no kernel is run, nothing
//! is copied. So what is counted is the protocol's own.

use crate::compute::{Control, Start};
use crate::memory::{ARRAYS, Permit, Region};
use crate::shared::cell::{CellHost, CellRepairer, Owner, Record};
use crate::shared::damage::Damage;
use crate::shared::lock::RobustLock;
use crate::shared::protocol::{CrashPoint, Hardware, Host, Outcome, Step, Surroundings, Turn};
use std::convert::Infallible;
use std::sync::atomic::AtomicU64;

/// The control block of an engine without processes, and the words of a step's chunks.
#[derive(Debug)]
pub struct Words {
    region: Region,
    start: Start,
}

/// What a step's chunks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They have results of their own.
    Map,
    /// They are updated in place, after a copy.
    InPlace,
    /// They are merged into the reduction cell.
    Cell,
}

impl Words {
    /// Of an engine of so many workers, at rest.
    pub fn new(workers: usize) -> Words {
        let region = Region::create(16 << 20).expect("a small region");
        let words = Words { region, start: Start { nonce: 1, workers, spins: 0, fences: false } };
        words.control().initialise().expect("a lock");
        words
    }

    fn control(&self) -> Control<'_> {
        Control::of(&self.region, self.start)
    }

    fn lock(&self) -> RobustLock {
        RobustLock::over(&self.control().block.lock).expect("it was initialised")
    }

    /// A step of so many chunks, all done by the first worker, to the publication of a rest after
    /// it; how many times a chunk was run. Each other worker's range is there to be stolen from.
    pub fn step(&self, kind: Kind, chunks: usize) -> usize {
        let board = self.control().board();
        let step = Step {
            serial: board.oldest() + 1,
            in_place: kind == Kind::InPlace,
            cell: kind == Kind::Cell,
            careful: false,
        };
        let marks = self.region.slice(ARRAYS, chunks);
        let mut worker = Worker { words: self, lock: self.lock(), step, marks, runs: 0 };
        let Ok(()) = board.issue(&mut worker, chunks);
        let Ok(turn) = board.take_part(&mut worker, 0, board.epoch());
        assert_eq!(turn, Turn::Led, "it does everything, so it leads");
        worker.runs
    }

    /// The robust lock, taken and released so many times.
    pub fn locks(&self, times: usize) {
        let lock = self.lock();
        for _ in 0..times {
            assert_eq!(lock.lock(), Ok(Owner::Released));
            lock.unlock();
        }
    }

    /// So many tasks, each put, leased, settled and taken; how many of them.
    pub fn tasks(&self, times: usize) -> usize {
        let queue = &self.control().block.queues[0];
        let marks = self.region.slice(ARRAYS, 0);
        let (lock, step) =
            (self.lock(), Step { serial: 0, in_place: false, cell: false, careful: false });
        let mut worker = Worker { words: self, lock, step, marks, runs: 0 };
        for task in 0..times as u64 {
            let put = queue.put(|sequence, slot| slot.set_task(sequence, 1, [ARRAYS as u64, 8]));
            assert_eq!(put, Some(task));
            let Ok(lease) = queue.lease(&mut worker, 0);
            let lease = lease.expect("a task was put");
            let slot = queue.slot(lease.sequence);
            let params = slot.task(lease.sequence).map(|(_, params)| params);
            slot.set_len(8);
            slot.set_outcome(lease.sequence, 0);
            let Ok(()) = queue.settle(&mut worker, lease);
            if params.is_ok() && queue.is_done(task) {
                queue.take(task);
                worker.runs += 1;
            }
        }
        worker.runs
    }
}

/// The first worker's surroundings.
struct Worker<'w> {
    words: &'w Words,
    lock: RobustLock,
    step: Step,
    marks: &'w [AtomicU64],
    runs: usize,
}

impl Surroundings for Worker<'_> {
    type Died = Infallible;

    #[inline(always)]
    fn at(&mut self, _: CrashPoint) -> Result<(), Infallible> {
        Ok(())
    }

    fn wake_all(&mut self) {
        if self.words.control().board().anybody_asleep() {
            self.words.control().ring();
        }
    }
}

impl Host<Hardware> for Worker<'_> {
    fn bind(&mut self, _: u64) -> Step {
        self.step
    }

    fn mark(&self, chunk: usize) -> &AtomicU64 {
        &self.marks[chunk]
    }

    fn keep_undo(&mut self, _: &Permit, _: usize) {}

    fn run(&mut self, _: &Permit, _: usize) -> Outcome {
        self.runs += 1;
        Outcome::Done
    }

    fn discard(&mut self) {}

    fn lead(&mut self, _: &Permit, _: u64, _: bool) -> usize {
        0
    }
}

impl CellRepairer<Hardware> for Worker<'_> {
    fn record(&self) -> &Record<Hardware> {
        &self.words.control().block.cell
    }

    fn cell_mark(&self, chunk: usize) -> Option<&AtomicU64> {
        self.marks.get(chunk)
    }

    fn lock(&mut self) -> Result<Owner, Infallible> {
        Ok(self.lock.lock().expect("nobody scribbles here"))
    }

    fn damaged(&mut self, what: Damage) -> Infallible {
        panic!("nobody scribbles here: {what}")
    }

    fn consistent(&mut self) {}

    fn unlock(&mut self) {
        self.lock.unlock();
    }

    fn put_pre_image_back(&mut self, _: &Permit) {}
}

impl CellHost<Hardware> for Worker<'_> {
    fn keep_pre_image(&mut self, _: &Permit) {}

    fn merge(&mut self, _: &Permit, _: bool) -> Outcome {
        Outcome::Done
    }

    fn commit_is_due(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_gone_all_the_way() {
        for (kind, workers) in
            [(Kind::Map, 1), (Kind::Map, 64), (Kind::InPlace, 1), (Kind::Cell, 1)]
        {
            let words = Words::new(workers);
            assert_eq!(words.step(kind, 1000), 1000, "{kind:?}");
            let serial = words.control().board().oldest() + 1;
            let marks: &[AtomicU64] = words.region.slice(ARRAYS, 1000);
            assert!(
                marks.iter().all(|mark| mark.load(std::sync::atomic::Ordering::Relaxed) == serial)
            );
        }
        assert_eq!(Words::new(1).tasks(1000), 1000);
        Words::new(1).locks(10);
    }
}
