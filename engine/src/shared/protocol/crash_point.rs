//! The named places in the protocol where a worker can be made to die. Who is to die where is no
//! matter of the protocol: see `shared/crash/`, and the models.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// Lays down the points, their names and the list of all of them side by side.
macro_rules! crash_points {
    ($(#[$of_enum:meta])* enum { $($(#[$of_point:meta])* $point:ident = $name:literal,)* }) => {
        $(#[$of_enum])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum CrashPoint {
            $($(#[$of_point])* $point,)*
        }

        impl CrashPoint {
            /// All points, in the order in which a worker's life meets them, then those of the
            /// coordinator's recovery.
            pub const ALL: &[CrashPoint] = &[$(CrashPoint::$point,)*];

            /// The name by which [`from_str`](FromStr::from_str) knows it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(CrashPoint::$point => $name,)*
                }
            }
        }
    };
}

crash_points! {
    /// A place where a worker can be made to die, named after the step that has just been taken.
    ///
    /// What a worker had stored until then stays stored, and not one instruction more is executed:
    /// it is killed by `SIGKILL`. So a kernel, a fold or a merge can be tried against a death at
    /// each place that matters; see [`Builder::crash_at`](crate::Builder::crash_at).
    ///
    /// | points | of |
    /// |---|---|
    /// | `mapped`, `ready`, `announced`, `idle` | a worker's start, and its part in an issue |
    /// | `claimed`, `stolen`, `loot-stored` | claiming |
    /// | `noted` to `counted` | a chunk |
    /// | `pages-present` | allocation |
    /// | `leading` to `published` | what follows a step: folding, publishing the next |
    /// | `note-cleared` to `released`, `repaired` | a reduction cell, and its repair |
    /// | `lease-taken` to `lease-settled` | a task |
    /// | `reaped` to `reissued` | the coordinator's recovery: there another worker is killed |
    ///
    /// ```
    /// use gristmill::CrashPoint;
    ///
    /// let point: CrashPoint = "pre-image-kept".parse().unwrap();
    /// assert_eq!(point, CrashPoint::PreImageKept);
    /// assert_eq!(point.to_string(), "pre-image-kept");
    /// assert!("half-way".parse::<CrashPoint>().unwrap_err().to_string().contains("published"));
    /// ```
    enum {
        /// A worker has started and mapped the region; it has written nothing yet.
        Mapped = "mapped",
        /// It is about to look for its first issue or task.
        Ready = "ready",
        /// It has said that it takes part in an issue.
        Announced = "announced",
        /// It has taken chunks from the front of its own range.
        Claimed = "claimed",
        /// It has cut the back half off another worker's range; the loot is nowhere but in its hands.
        Stolen = "stolen",
        /// The loot is its own range now, but for the first chunk, which stays in its hands.
        LootStored = "loot-stored",
        /// It has noted which chunk it is about: the blame if it dies.
        Noted = "noted",
        /// The undo copy of a chunk that is updated in place is whole, but does not count as valid yet.
        UndoKept = "undo-kept",
        /// The undo copy counts as valid.
        UndoValid = "undo-valid",
        /// The kernel has run on the chunk; its partial result is nowhere but in the worker.
        Ran = "ran",
        /// The partial result, if any, is in the chunk's slot or in the private accumulator.
        SlotWritten = "slot-written",
        /// The chunk's mark says that it is done.
        Marked = "marked",
        /// The undo copy no longer counts as valid.
        UndoCleared = "undo-cleared",
        /// Settled chunks are counted; by whoever counts the last one, in most cases.
        Counted = "counted",
        /// Nothing is left to claim, and the worker has said so.
        Idle = "idle",
        /// The pages of a piece of a new array are present.
        PagesPresent = "pages-present",
        /// It has counted the last chunk of the step and noted that it leads.
        Leading = "leading",
        /// It has folded the partial results and decided what comes next, but has not written it down.
        Folded = "folded",
        /// The next frame is written.
        FrameWritten = "frame-written",
        /// The next issue's number of chunks is set.
        CountSet = "count-set",
        /// One worker's range of the next issue is set; passed once per worker.
        WordsSet = "words-set",
        /// The next issue is out, but nobody has been woken for it.
        Published = "published",
        /// What follows is no chunk's fault: the note of an accumulated chunk, or of a merge, is gone.
        NoteCleared = "note-cleared",
        /// It holds the lock of the reduction cell, which is whole.
        CellLocked = "cell-locked",
        /// The pre-image of the cell and the list of chunks are whole, but do not count as valid yet.
        PreImageKept = "pre-image-kept",
        /// The pre-image counts as valid.
        Saved = "saved",
        /// It has noted that it merges.
        MergeNoted = "merge-noted",
        /// The private accumulator is merged into the cell.
        Merged = "merged",
        /// The cell says of which step its contents are.
        ContentsSet = "contents-set",
        /// The merge counts as done.
        Committed = "committed",
        /// One of the merged chunks is marked.
        CellMarked = "cell-marked",
        /// All of them are, and the cell is whole.
        RecordCleared = "record-cleared",
        /// The lock is free again.
        Released = "released",
        /// A worker that found the lock left by a dead one has put the pre-image back.
        PreImagePutBack = "pre-image-put-back",
        /// And the cell is whole again; the lock is not yet said to be.
        Repaired = "repaired",
        /// It has leased a task.
        LeaseTaken = "lease-taken",
        /// The task's function has returned; its result is nowhere but in the worker.
        TaskRan = "task-ran",
        /// It has asked for room for a result that does not fit its slot.
        RoomWanted = "room-wanted",
        /// It has got it.
        RoomGranted = "room-granted",
        /// The result and the outcome are written, but do not count as valid yet.
        ResultStored = "result-stored",
        /// The task is done.
        LeaseSettled = "lease-settled",
        /// The coordinator has reaped a dead worker, and set nothing right yet.
        Reaped = "reaped",
        /// It has put the dead worker's undo copy back.
        UndoPutBack = "undo-put-back",
        /// It has given the dead worker's leases back to their queues, or failed them.
        LeaseReturned = "lease-returned",
        /// The words of the dead worker are set right, but nobody has been woken.
        Buried = "buried",
        /// A replacement has been started; whether it lives is not known yet.
        Replaced = "replaced",
        /// The interrupted step has come to a standstill.
        Quiet = "quiet",
        /// The coordinator has repaired the reduction cell, if that was to be done.
        CellRepaired = "cell-repaired",
        /// One worker's range of the reissue is set; passed once per worker.
        Reissuing = "reissuing",
        /// The step has been issued again, but nobody has been woken for it.
        Reissued = "reissued",
    }
}

impl CrashPoint {
    /// Whether it is the coordinator that passes this point, in the middle of a recovery. The
    /// coordinator does not die there: it kills another worker.
    ///
    /// ```
    /// use gristmill::CrashPoint;
    ///
    /// assert!(CrashPoint::Buried.is_in_recovery());
    /// assert!(!CrashPoint::Repaired.is_in_recovery()); // workers repair cells as well
    /// ```
    pub const fn is_in_recovery(self) -> bool {
        self as usize >= CrashPoint::Reaped as usize
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for CrashPoint {
    type Err = Error;

    /// # Errors
    ///
    /// [`Error::Refused`] for what is no name of a point; it lists those that are.
    fn from_str(name: &str) -> Result<CrashPoint, Error> {
        let found = CrashPoint::ALL.iter().copied().find(|point| point.name() == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = CrashPoint::ALL.iter().map(|point| point.name()).collect();
            let reason = format!("there is none called {name:?}; there are {}", names.join(", "));
            Error::Refused { kernel: "a crash point".into(), reason }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_found_by_its_name() {
        for (number, point) in CrashPoint::ALL.iter().enumerate() {
            assert_eq!(*point as usize, number);
            assert_eq!(point.name().parse::<CrashPoint>().unwrap(), *point);
        }
    }
}
