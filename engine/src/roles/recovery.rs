//! The points of the coordinator's recovery: there a crash plan kills a worker. The coordinator itself
//! never dies of a plan.

use super::coordinator::Publisher;
use crate::compute::Control;
use crate::process::Child;
use crate::shared::crash;
use crate::shared::protocol::{CrashPoint, Surroundings};
use nix::sys::signal::Signal;
use std::convert::Infallible;

/// A recovery under way, and the workers that could die in the middle of it, by rank.
pub(super) struct Recovery<'a> {
    pub(super) control: Control<'a>,
    pub(super) children: Vec<Option<&'a Child>>,
}

impl Recovery<'_> {
    /// A step of the recovery has been taken.
    pub(super) fn pass(&self, point: CrashPoint) {
        if !self.control.crash.are_on() {
            return;
        }
        let ranks = 0..self.children.len();
        let live: Vec<usize> = ranks.filter(|&rank| self.children[rank].is_some()).collect();
        let victim = crash::victim(&self.control.crash, point, &live);
        if let Some(child) = victim.and_then(|rank| self.children[rank]) {
            child.pidfd.send(Signal::SIGKILL);
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
        Publisher(self.control).wake_all();
    }
}
