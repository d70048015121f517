//! Somebody dies while a death is being recovered from.

use crate::stage::{Case, SOON, Stage};
use gristmill::{
    Crash, CrashPlan,
    CrashPoint::{self, *},
};
use std::collections::BTreeMap;

/// Here a chunk, a fold or a task is lost with the worker, so that the recovery runs to its end.
const LOST: [CrashPoint; 6] = [Claimed, UndoValid, SlotWritten, Leading, Merged, TaskRan];

/// How often each point is passed in a launch without a death.
pub(crate) type Passages = BTreeMap<CrashPoint, u64>;

/// Whether a recovery from a death at `first` comes to this point of its own, or of a replacement
/// that only just starts; and finds somebody there to be killed.
fn comes(first: CrashPoint, point: CrashPoint, workers: usize) -> bool {
    match point {
        // Nobody else is alive then.
        Reaped | UndoPutBack | LeaseReturned | Buried if workers == 1 => false,
        UndoPutBack => first == UndoValid,
        LeaseReturned => first == TaskRan,
        // Tasks are no step that could be issued again.
        Quiet | CellRepaired | Reissuing | Reissued => first != TaskRan,
        Mapped | Ready => true,
        point => point.is_in_recovery(),
    }
}

/// Whether the recovery from a death at this point comes to it again. Who dies without work leaves
/// none that could be issued again; that it has an undo copy or a lease would be luck.
fn comes_again(point: CrashPoint, workers: usize) -> bool {
    match point {
        Quiet | CellRepaired | Reissued | UndoPutBack | LeaseReturned => false,
        // Once per worker.
        Reissuing => workers > 1,
        _ => true,
    }
}

/// After a death at `first`, which leaves work, so many more die that it makes `planned`.
fn again(stage: &mut Stage<'_>, first: CrashPoint, second: Crash, planned: u64, certain: bool) {
    let plan = CrashPlan::from(first).and(second.after(1));
    let certain = certain && stage.comes(first, 1, 1);
    stage.case(Case { point: second.point(), plan, planned, launches: SOON, certain });
}

pub(crate) fn cases(stage: &mut Stage<'_>, passages: &Passages) {
    let workers = stage.workers();
    let lost: Vec<CrashPoint> = LOST.into_iter().filter(|p| passages.contains_key(p)).collect();
    for &first in &lost {
        for &point in CrashPoint::ALL.iter().filter(|&&point| comes(first, point, workers)) {
            let second = Crash::at(point);
            again(stage, first, second, 2, true);
            // And in the recovery from that as well.
            if comes_again(point, workers) {
                again(stage, first, second.times(2), 3, true);
            }
            if point == Reissuing && workers > 1 {
                again(stage, first, second.passage(2), 2, true);
            }
        }
    }
    // The next death comes in the middle of what the first has left; in the next launch at the latest.
    for (turn, &point) in passages.keys().enumerate() {
        let certain = stage.certain.contains_key(&point);
        again(stage, lost[turn % lost.len()], Crash::at(point), 2, certain);
    }
}
