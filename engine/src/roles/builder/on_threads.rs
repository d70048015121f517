//! Engines whose launches run on threads of the program, which takes no workers.

use super::Builder;
use crate::compute::Threads;
use crate::error::{Error, Result};
use crate::process::Limits;

impl Builder {
    /// Whether launches run on threads of this process, in a pool of rayon's, and the engine has no
    /// worker processes: for comparing them with rayon. There are as many threads as there would be
    /// workers, on the same CPUs; arrays, chunks and the tree of each fold are the same, and so are
    /// the bits of all results.
    ///
    /// Kernels, folds and conditions are run in the program itself: one that crashes takes it along,
    /// and one that hangs is waited for. A panic ends the launch as ever, but its place is told on
    /// standard error alone, and so does [`Engine::cancel`](crate::Engine::cancel); of the progress of
    /// a launch nothing is known. Deadlines, fences, limits and crash plans are refused when the
    /// engine is built. Tasks give [`Error::NoWorkers`], and kernels cannot reach what processes
    /// share.
    pub(crate) fn on_threads(mut self, on_threads: bool) -> Builder {
        self.on_threads = on_threads;
        self
    }

    /// How many worker processes there are to be, where so many are to compute.
    pub(super) fn processes(&self, computing: usize) -> Result<usize> {
        if !self.on_threads {
            return Ok(computing);
        }
        let limits = self.limits != Limits::default();
        if limits || self.fence || self.crashes.is_some() || self.deadline.is_some() {
            let reason = "an engine on threads has no workers to fence in, to limit or to end";
            return Err(Error::Start { reason: reason.into() });
        }
        Ok(0)
    }

    /// One for each of these CPUs, if they are to be threads.
    pub(super) fn start_threads(&self, cpus: &[Option<usize>]) -> Result<Option<Threads>> {
        let starts = self.on_threads && !cpus.is_empty();
        starts.then(|| Threads::start(cpus)).transpose()
    }
}
