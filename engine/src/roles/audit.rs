//! The supervisor's looks at the control block: whether what lies there can have been written by the
//! engine itself. Where it cannot, somebody's stray write did it, and the engine ends with an error
//! instead of waiting for what will never come.

use super::coordinator::Core;
use crate::compute::Issued;
use crate::shared::damage::Damage;
use crate::shared::protocol::Standstill;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Between looks, at least; they come as long as a thread of the coordinator waits for something. What
/// can also be met in passing counts if it is met twice, unchanged.
const AUDIT_EVERY: Duration = Duration::from_millis(250);

/// What the last look met.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    looked: Option<Instant>,
    standstill: Option<Standstill>,
    strange_holder: Option<i32>,
    /// Tasks that are leased by who sleeps: queue, task, worker.
    slept_over: Vec<(usize, u64, usize)>,
}

impl Auditor {
    /// Whether it is time for a look: somebody has found damage, or the last is long ago.
    pub(crate) fn is_due(&self, core: &Core) -> bool {
        let found = core.found_damaged.load(Ordering::Acquire) != 0;
        found || self.looked.is_none_or(|looked| looked.elapsed() >= AUDIT_EVERY)
    }

    /// While a death has not been recovered from yet (`recovering`), a standstill is no wonder.
    pub(crate) fn look(&mut self, core: &Core, recovering: bool) -> Option<Damage> {
        self.looked = Some(Instant::now());
        let (control, pids) = (core.control(), core.handle.pids(core.workers));
        let found = Damage::of_word(core.found_damaged.load(Ordering::Acquire));
        let once = found.or_else(|| control.damage()).or_else(|| control.board().impossible());
        once.or_else(|| self.standstill(core, &pids, recovering))
            .or_else(|| self.holder(core, &pids))
            .or_else(|| core.damaged_queue())
            .or_else(|| self.leases(core))
    }

    fn standstill(
        &mut self,
        core: &Core,
        pids: &[Option<i32>],
        recovering: bool,
    ) -> Option<Damage> {
        let control = core.control();
        let (_, Some(frame)) = control.current() else { return Some(Damage::Frame) };
        let is_over = matches!(frame.issued, Issued::Rest(_)) || recovering;
        let lives = |rank: usize| pids[rank].is_some();
        let met = (!is_over).then(|| control.board().standstill(lives)).flatten();
        let before = std::mem::replace(&mut self.standstill, met);
        self.standstill.as_ref().filter(|met| before.as_ref() == Some(met)).map(|met| met.damage)
    }

    /// Whether a task is leased by a worker that does not know of it, and sleeps.
    fn leases(&mut self, core: &Core) -> Option<Damage> {
        let board = core.control().board();
        let sleeper = |rank: &usize| *rank < core.workers && board.is_asleep(*rank);
        // Which queues are open has just been found to be what the coordinator knows.
        let leases = core.control().open_queues().flat_map(|(queue, words)| {
            words.leased().map(move |(rank, task, _)| (queue, task, rank))
        });
        let met: Vec<_> = leases.filter(|(_, _, rank)| sleeper(rank)).collect();
        let before = std::mem::replace(&mut self.slept_over, met);
        let again = self.slept_over.iter().any(|lease| before.contains(lease));
        again.then_some(Damage::Queue)
    }

    /// Whether the cell's lock is held by nobody that there is.
    fn holder(&mut self, core: &Core, pids: &[Option<i32>]) -> Option<Damage> {
        let lock = &core.control().block.lock;
        if lock.kind() != core.lock_kind {
            return Some(Damage::Lock);
        }
        let strange = lock.holder().filter(|&tid| !pids.contains(&Some(tid)));
        let before = std::mem::replace(&mut self.strange_holder, strange);
        strange.filter(|_| strange == before).map(|_| Damage::Lock)
    }
}
