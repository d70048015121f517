//! The coordinator as the repairer of a reduction cell whose merger died: nobody else will, if nobody
//! merges again.

use super::coordinator::Core;
use crate::memory::Permit;
use crate::shared::cell::{self, CellRepairer, Owner, Record};
use crate::shared::lock::RobustLock;
use crate::shared::protocol::{CrashPoint, Hardware, Surroundings};
use std::convert::Infallible;
use std::sync::atomic::AtomicU64;

/// Puts the cell right; only while nobody is at work.
pub(super) fn repair_cell(core: &Core) {
    let Ok(lock) = RobustLock::over(&core.control().lock) else { return };
    let mut repairer = Repairer { core, lock };
    let Ok(()) = cell::lock_and_repair(&mut repairer);
    repairer.unlock();
}

struct Repairer<'a> {
    core: &'a Core,
    lock: RobustLock,
}

impl Surroundings for Repairer<'_> {
    type Died = Infallible;

    fn at(&mut self, _: CrashPoint) -> Result<(), Infallible> {
        Ok(())
    }

    fn wake_all(&mut self) {}
}

impl CellRepairer<Hardware> for Repairer<'_> {
    fn record(&self) -> &Record<Hardware> {
        &self.core.control().cell
    }

    fn cell_mark(&self, chunk: usize) -> Option<&AtomicU64> {
        let areas = self.core.lock_running().areas();
        self.core.region().slice(areas.marks, areas.marks_len).get(chunk)
    }

    fn lock(&mut self) -> Owner {
        self.lock.lock()
    }

    fn consistent(&mut self) {
        self.lock.consistent();
    }

    fn unlock(&mut self) {
        self.lock.unlock();
    }

    fn put_pre_image_back(&mut self, permit: &Permit) {
        let areas = self.core.lock_running().areas();
        self.core.region().put_back(permit, areas.pre_image());
    }
}
