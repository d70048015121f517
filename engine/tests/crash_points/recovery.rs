//! Somebody dies while a death is being recovered from.

use crate::stage::Stage;
use gristmill::{Crash, CrashPlan, CrashPoint};
use std::collections::BTreeMap;

/// Here a chunk, a fold or a task is lost with the worker, so that the recovery runs to its end.
const LOST: [CrashPoint; 6] = [
    CrashPoint::Claimed,
    CrashPoint::UndoValid,
    CrashPoint::SlotWritten,
    CrashPoint::Leading,
    CrashPoint::Merged,
    CrashPoint::TaskRan,
];

/// Points of a recovery that the scenario with these passages can come to: its coordinator's, and
/// those of a replacement that only just starts.
fn points(passages: &BTreeMap<CrashPoint, u64>) -> Vec<CrashPoint> {
    use CrashPoint::{
        CellRepaired, Claimed, LeaseReturned, LeaseTaken, Mapped, Quiet, Ready, Reissued,
        Reissuing, UndoPutBack, UndoValid,
    };
    let comes = |point: &CrashPoint| match point {
        UndoPutBack => passages.contains_key(&UndoValid),
        LeaseReturned => passages.contains_key(&LeaseTaken),
        Quiet | CellRepaired | Reissuing | Reissued => passages.contains_key(&Claimed),
        Mapped | Ready => true,
        point => point.is_in_recovery(),
    };
    CrashPoint::ALL.iter().copied().filter(comes).collect()
}

pub(crate) fn cases(stage: &mut Stage<'_>, passages: &BTreeMap<CrashPoint, u64>) {
    let lost: Vec<CrashPoint> = LOST.into_iter().filter(|p| passages.contains_key(p)).collect();
    let again = |first: CrashPoint, crash: Crash| CrashPlan::from(first).and(crash.after(1));
    for (turn, point) in points(passages).into_iter().enumerate() {
        for &first in &lost {
            stage.case(again(first, Crash::at(point)), 2);
        }
        // And in the recovery from that as well.
        let first = lost[turn % lost.len()];
        stage.case(again(first, Crash::at(point).times(2)), 3);
        if point == CrashPoint::Reissuing && stage.workers() > 1 {
            stage.case(again(first, Crash::at(point).passage(2)), 2);
        }
    }
    // The next death comes in the middle of what the first has left.
    for (turn, &point) in passages.keys().enumerate() {
        stage.case(again(lost[turn % lost.len()], Crash::at(point)), 2);
    }
}
