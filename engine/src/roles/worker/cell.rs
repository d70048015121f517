//! A worker's part in the reduction cell: its lock, the pre-image, merging.

use super::Worker;
use crate::memory::Permit;
use crate::shared::cell::{CellHost, CellRepairer, Owner, Record};
use crate::shared::crash::Crashes;
use crate::shared::damage::Damage;
use crate::shared::protocol::{Hardware, Outcome};
use std::convert::Infallible;
use std::sync::atomic::AtomicU64;

impl<C: Crashes> CellRepairer<Hardware> for Worker<C> {
    fn record(&self) -> &Record<Hardware> {
        &self.control.block.cell
    }

    fn cell_mark(&self, chunk: usize) -> Option<&AtomicU64> {
        self.marks.get(chunk)
    }

    fn lock(&mut self) -> Result<Owner, Infallible> {
        Ok(self.whole(self.lock.lock()))
    }

    fn damaged(&mut self, what: Damage) -> Infallible {
        self.end_damaged(what)
    }

    fn consistent(&mut self) {
        self.lock.consistent();
    }

    fn unlock(&mut self) {
        self.lock.unlock();
    }

    fn put_pre_image_back(&mut self, permit: &Permit) {
        if let Some(loaded) = &self.loaded {
            self.region.put_back(permit, loaded.program.areas.pre_image());
        }
    }
}

impl<C: Crashes> CellHost<Hardware> for Worker<C> {
    fn keep_pre_image(&mut self, permit: &Permit) {
        let region = self.region;
        let (loaded, step, _) = self.parts();
        loaded.keep_pre_image(permit, region, step);
    }

    fn merge(&mut self, permit: &Permit, first: bool) -> Outcome {
        let (loaded, step, private) = self.parts();
        match loaded.merge(permit, step, private, first) {
            Ok(()) => Outcome::Done,
            Err(failure) => {
                self.report(None, &failure);
                Outcome::Failed
            }
        }
    }

    fn commit_is_due(&self) -> bool {
        self.private.is_due()
    }
}
