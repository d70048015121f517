//! Looking at an engine from other threads while it works, and disturbing it.

use super::engine::Engine;
use super::handle::Handle;
use crate::error::Cause;
use nix::sys::signal::Signal;

/// What may happen to a worker, done on purpose: see [`Engine::disturb`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disturbance {
    /// It is killed (SIGKILL).
    Kill,
    /// It is stopped (SIGSTOP), and makes no progress.
    Stop,
    /// It goes on after a stop (SIGCONT).
    Continue,
}

impl Handle {
    /// Does this to the worker of a rank. Gives its process id; none if there is no such worker, or it
    /// is about to end already.
    pub(super) fn disturb(&self, rank: usize, disturbance: Disturbance) -> Option<i32> {
        match disturbance {
            Disturbance::Kill => self.end(rank, Cause::Disturbed),
            Disturbance::Stop => self.signal(rank, Signal::SIGSTOP),
            Disturbance::Continue => self.signal(rank, Signal::SIGCONT),
        }
    }
}

impl Engine {
    /// Does something to the worker of a rank, to try what happens then; for another thread to
    /// call while the engine works. Results must stay the same. A death that comes of it is counted
    /// in [`stats`](Engine::stats) and held against no chunk and no task. A stopped worker goes on
    /// when it is told to, or is ended by a deadline if there is one.
    ///
    /// False if there is no such worker, or it is about to end already.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// use gristmill::{Disturbance, Engine};
    ///
    /// let engine = Engine::builder().workers(2).attempts(1).build()?;
    /// let x = engine.from_fn(100_000, |i| i as f64)?;
    /// engine.disturb(1, Disturbance::Kill);
    /// assert_eq!(engine.sum(&x)?, 4_999_950_000.0);
    /// # Ok(()) }
    /// ```
    pub fn disturb(&self, rank: usize, disturbance: Disturbance) -> bool {
        if self.core.refuse_other_processes().is_err() {
            return false;
        }
        self.handle.disturb(rank, disturbance).is_some()
    }
}
