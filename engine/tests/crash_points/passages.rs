//! How often each point is passed in a launch in which nobody dies: what is certain in any schedule,
//! and what was counted. From that follows at which passages workers are killed, and which of these
//! deaths cannot fail to come.

use gristmill::CrashPoint::{self, *};
use std::collections::BTreeMap;

/// What a scenario consists of, as far as passages go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Steps, and chunks over all of them, of which so many are updated in place.
    pub(crate) steps: u64,
    pub(crate) chunks: u64,
    pub(crate) in_place: u64,
    /// Runs of kernels beyond the first of each chunk, in steps of several stages.
    pub(crate) followed: u64,
    /// Merges into a cell by a worker that is alone. Where there are any all workers meet in the step,
    /// so that each merges.
    pub(crate) merges: u64,
    /// Tasks, and those whose results need room.
    pub(crate) tasks: u64,
    pub(crate) large: u64,
}

impl Shape {
    pub(crate) const NOTHING: Shape =
        Shape { steps: 0, chunks: 0, in_place: 0, followed: 0, merges: 0, tasks: 0, large: 0 };
}

/// Passages of a point in one launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passed {
    /// So many, and all before the launch returns.
    Exactly(u64),
    /// So many or more, and perhaps the last of them a little after that.
    AtLeast(u64),
}

impl Passed {
    pub(crate) fn least(self) -> u64 {
        let (Passed::Exactly(least) | Passed::AtLeast(least)) = self;
        least
    }
}

/// The points that are passed in any schedule. By luck alone come `stolen` and `loot-stored`, as
/// nobody may be late enough to be robbed; and `idle` unless all take part, as whoever has led a plan's
/// last step finds the next plan if that comes soon enough.
pub(crate) fn certain(shape: Shape, workers: usize) -> BTreeMap<CrashPoint, Passed> {
    let Shape { steps, chunks, in_place, followed, merges, tasks, large } = shape;
    let workers = workers as u64;
    let all_meet = merges > 0;
    let mut passed = BTreeMap::new();
    let mut say = |points: &[CrashPoint], times: Passed| {
        passed.extend(points.iter().filter(|_| times.least() > 0).map(|&point| (point, times)));
    };
    // The first chunk of a step is claimed: nobody is a thief as long as it has chunks of its own.
    let claimers = if all_meet { workers } else { steps.min(1) };
    say(&[Claimed], Passed::AtLeast(if workers == 1 { hands(chunks) } else { claimers }));
    say(&[Announced], Passed::AtLeast(if all_meet { workers } else { steps }));
    say(&[Idle], Passed::AtLeast(if all_meet { workers - 1 } else { 0 }));
    say(&[Noted, SlotWritten], Passed::Exactly(chunks));
    say(&[Ran], Passed::Exactly(chunks + followed));
    say(&[UndoKept, UndoValid, UndoCleared], Passed::Exactly(in_place));
    say(&[Leading, Folded, FrameWritten, CountSet], Passed::Exactly(steps));
    say(&[WordsSet], Passed::Exactly(steps * workers));
    say(&[Published], Passed::AtLeast(steps));
    if all_meet {
        say(&[CellMarked], Passed::Exactly(chunks));
        let merges = merges.max(workers);
        say(&[NoteCleared], Passed::AtLeast(chunks + merges));
        say(&MERGE, Passed::AtLeast(merges));
        say(&[Counted], Passed::AtLeast(workers));
    } else {
        say(&[Marked], Passed::Exactly(chunks));
        say(&[Counted], Passed::AtLeast(steps));
    }
    say(&[LeaseTaken, TaskRan, ResultStored], Passed::Exactly(tasks));
    say(&[LeaseSettled], Passed::AtLeast(tasks));
    say(&[RoomWanted, RoomGranted], Passed::Exactly(large));
    passed
}

/// How often one worker claims until all of a step's chunks are its: a share of what is left, one to
/// eight at once. With several steps it does so more often.
fn hands(mut chunks: u64) -> u64 {
    let mut hands = 0;
    while chunks > 0 {
        chunks -= (chunks / 128).clamp(1, 8);
        hands += 1;
    }
    hands
}

/// What each merge passes once.
const MERGE: [CrashPoint; 9] = [
    CellLocked,
    PreImageKept,
    Saved,
    MergeNoted,
    Merged,
    ContentsSet,
    Committed,
    RecordCleared,
    Released,
];

/// Points that each worker passes in each launch, where all meet.
pub(crate) fn by_all() -> Vec<CrashPoint> {
    let chunk = [Announced, Claimed, Noted, Ran, SlotWritten, NoteCleared];
    [&chunk[..], &MERGE, &[CellMarked]].concat()
}
