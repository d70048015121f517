//! The thread that does what the schedule says, and sees to it that nobody is left stopped.

use super::super::coordinator::Core;
use super::super::watch::Disturbance;
use super::agenda::{Agenda, Signal};
use super::{ChaosTally, Inflicted};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whoever is later than this moves the rest of the schedule, so that nothing is made up for in a
/// burst.
const LATE: Duration = Duration::from_millis(20);

/// Lets all workers go on when it is dropped.
struct GoOn<'a>(&'a Core);

impl Drop for GoOn<'_> {
    fn drop(&mut self) {
        for rank in 0..self.0.workers {
            self.0.handle.disturb(rank, Disturbance::Continue);
            self.0.paces.hold(rank, false);
        }
    }
}

/// Inflicts what is scheduled, and tells of it, until the other end of `ended` is dropped.
pub(super) fn inflict(
    agenda: Agenda,
    core: &Core,
    tally: &Arc<Mutex<ChaosTally>>,
    ended: &Receiver<()>,
    mut tell: impl FnMut(&Inflicted, ChaosTally),
) {
    let _go_on = GoOn(core);
    let begun = Instant::now();
    let mut late = Duration::ZERO;
    for Signal { at, rank, disturbance, begins } in agenda {
        let wait = (at + late).saturating_sub(begun.elapsed());
        if ended.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let now = begun.elapsed();
        if now > at + late + LATE {
            late = now - at;
        }
        if disturbance == Disturbance::Stop {
            core.recoveries.stopped(rank, &core.control().ready_ns[rank]);
        }
        // A stopped worker is held until it has been told to go on.
        core.paces.hold(rank, disturbance == Disturbance::Stop);
        let pid = core.handle.disturb(rank, disturbance);
        if let (Some(pid), Some(action)) = (pid, begins) {
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.count(action);
            let so_far = *tally;
            drop(tally);
            tell(&Inflicted { at: now, rank, pid, action }, so_far);
        }
    }
}
