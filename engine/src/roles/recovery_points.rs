//! The points of the coordinator's recovery: there a crash plan kills a worker. The coordinator itself
//! never dies of a plan.

use super::coordinator::{Core, Publisher};
use crate::shared::crash;
use crate::shared::protocol::{CrashPoint, Surroundings};
use nix::sys::signal::Signal;
use std::convert::Infallible;

/// A recovery under way.
pub(super) struct Recovery<'a>(pub(super) &'a Core);

impl Recovery<'_> {
    /// A step of the recovery has been taken.
    pub(super) fn pass(&self, point: CrashPoint) {
        let Recovery(core) = self;
        let words = &core.control().block.crash;
        if !words.are_on() {
            return;
        }
        let pids = core.handle.pids(core.workers);
        let live: Vec<usize> = (0..pids.len()).filter(|&rank| pids[rank].is_some()).collect();
        if let Some(rank) = crash::victim(words, point, &live) {
            core.handle.signal(rank, Signal::SIGKILL);
        }
    }
}

/// As a publisher: of the step that is issued again.
impl Surroundings for Recovery<'_> {
    type Died = Infallible;

    fn at(&mut self, point: CrashPoint) -> Result<(), Infallible> {
        match point {
            CrashPoint::WordsSet => self.pass(CrashPoint::Reissuing),
            CrashPoint::Published => self.pass(CrashPoint::Reissued),
            _ => {}
        }
        Ok(())
    }

    fn wake_all(&mut self) {
        Publisher(self.0.control()).wake_all();
    }
}
