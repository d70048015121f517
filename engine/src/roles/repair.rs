//! The coordinator as the repairer of a reduction cell whose merger died: nobody else will, if nobody
//! merges again.

use super::coordinator::Core;
use crate::memory::Permit;
use crate::shared::cell::{self, CellRepairer, Owner, Record};
use crate::shared::damage::Damage;
use crate::shared::lock::RobustLock;
use crate::shared::protocol::{CrashPoint, Hardware, Surroundings};
use std::sync::atomic::AtomicU64;

/// Puts the cell right; only while nobody is at work.
pub(super) fn repair_cell(core: &Core) -> Result<(), Damage> {
    let bytes = &core.control().block.lock;
    if bytes.kind() != core.lock_kind {
        return Err(Damage::Lock);
    }
    let lock = RobustLock::over(bytes).map_err(|_| Damage::Lock)?;
    let mut repairer = Repairer { core, lock };
    cell::lock_and_repair(&mut repairer)?;
    repairer.unlock();
    Ok(())
}

struct Repairer<'a> {
    core: &'a Core,
    lock: RobustLock,
}

impl Surroundings for Repairer<'_> {
    type Died = Damage;

    fn at(&mut self, _: CrashPoint) -> Result<(), Damage> {
        Ok(())
    }

    fn wake_all(&mut self) {}
}

impl CellRepairer<Hardware> for Repairer<'_> {
    fn record(&self) -> &Record<Hardware> {
        &self.core.control().block.cell
    }

    fn cell_mark(&self, chunk: usize) -> Option<&AtomicU64> {
        let areas = self.core.lock_running().areas();
        self.core.region().slice(areas.marks, areas.marks_len).get(chunk)
    }

    /// Whoever held it is reaped.
    fn lock(&mut self) -> Result<Owner, Damage> {
        self.lock.lock_free()
    }

    fn damaged(&mut self, what: Damage) -> Damage {
        what
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
