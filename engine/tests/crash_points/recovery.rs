//! Somebody dies while a death is being recovered from.

use crate::stage::Stage;
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

pub(crate) fn cases(stage: &mut Stage<'_>, passages: &Passages) {
    let workers = stage.workers();
    let lost: Vec<CrashPoint> = LOST.into_iter().filter(|p| passages.contains_key(p)).collect();
    let again = |first: CrashPoint, crash: Crash| CrashPlan::from(first).and(crash.after(1));
    for &first in &lost {
        for &point in CrashPoint::ALL.iter().filter(|&&point| comes(first, point, workers)) {
            let crash = Crash::at(point);
            stage.case(again(first, crash), 2);
            // And in the recovery from that as well; but who dies without work leaves none.
            if ![Quiet, CellRepaired, Reissued].contains(&point) {
                stage.case(again(first, crash.times(2)), 3);
            }
            if point == Reissuing && workers > 1 {
                stage.case(again(first, crash.passage(2)), 2);
            }
        }
    }
    // The next death comes in the middle of what the first has left.
    for (turn, &point) in passages.keys().enumerate() {
        stage.case(again(lost[turn % lost.len()], Crash::at(point)), 2);
    }
}
