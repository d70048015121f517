//! Running one chunk of a launch to come alone, in the foreground.

use super::coordinator::Hold;
use super::engine::Engine;

impl Engine {
    /// How many launches there have been, the engine's own work on arrays left out.
    pub(crate) fn launched(&self) -> u64 {
        self.core.lock_running().launched
    }

    /// Holds a chunk: in the launch that comes after so many others, of the step that comes after so
    /// many others. Whoever comes to it waits for [`release`](Engine::release); it gets one attempt.
    /// No other chunk of that step is run, and the launch ends with it, as if it were cancelled.
    pub(crate) fn hold(&self, launches_before: u64, steps_before: u64, chunk: usize) {
        let mut running = self.core.lock_running();
        let launch = running.launched + launches_before;
        running.hold = Some(Hold { launch, steps_before, chunk });
    }

    /// Rank and process id of the worker that has come to the chunk.
    pub(crate) fn held(&self) -> Option<(usize, i32)> {
        let rank = self.core.control().hold.reached()?;
        Some((rank, self.core.handle.pids(self.core.workers)[rank]?))
    }

    /// Lets the chunk be run.
    pub(crate) fn release(&self) {
        self.core.control().hold.release();
    }

    /// Whether the chunk has been run to its end.
    pub(crate) fn has_returned(&self) -> bool {
        self.core.control().hold.has_returned()
    }
}
