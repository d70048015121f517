//! A worker dies holding the cell's lock while another one waits for it: that one repairs the cell, and
//! dies of it too. That there are two with something to merge is no matter of luck: they meet.

use crate::meeting::Meeting;
use crate::passages::Shape;
use crate::stage::{Case, SOON, Stage};
use crate::tally::Tally;
use gristmill::{Add, Array, Chunk, Crash, CrashPlan, CrashPoint, In, Kernel, Merge, Shapes};
use ndarray::Ix1;
use serde::{Deserialize, Serialize};

/// Counts its chunks, each in a bin of its own.
#[derive(Serialize, Deserialize)]
struct Count {
    meeting: Meeting,
}

impl Kernel for Count {
    type Args = (In<u8>, Merge<u64, Add>);
    type Output = ();

    fn run(&self, chunk: Chunk, (_, counts): (&[u8], &mut [u64])) {
        self.meeting.attend();
        counts[chunk.index()] += 1;
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

pub(crate) fn cases() -> Tally {
    use CrashPoint::{
        CellMarked, Committed, ContentsSet, MergeNoted, Merged, PreImageKept, PreImagePutBack,
        RecordCleared, Repaired, Saved,
    };
    let torn = [Saved, MergeNoted, Merged, ContentsSet];
    let whole = [PreImageKept, Committed, CellMarked, RecordCleared];
    let mut tally = Tally::default();
    for workers in [2, 4, 8] {
        // One chunk for each of those that are to die.
        let chunks = workers.min(3);
        let (meeting, _folder) = Meeting::of(chunks);
        let mut stage = Stage::new("repairs", Shape::NOTHING, workers, |engine| {
            let x = engine.zeros::<u8, _>(chunks).unwrap();
            let mut counts: Array<u64, Ix1> = engine.zeros(chunks).unwrap();
            let kernel = Count { meeting };
            Box::new(move |engine| {
                kernel.meeting.call(engine);
                engine.run(&kernel, (&x, &mut counts)).unwrap();
                assert_eq!(counts.as_slice(), vec![1; chunks]);
            })
        });
        let put_back = torn.map(|first| (first, PreImagePutBack));
        let repaired = torn.into_iter().chain(whole).map(|first| (first, Repaired));
        for (first, second) in put_back.into_iter().chain(repaired) {
            // And whoever comes after them, if there is a third.
            for planned in 2..=chunks as u64 {
                let crash = Crash::at(second).times(planned - 1);
                let (plan, launches) = (CrashPlan::from(first).and(crash), SOON);
                stage.case(Case { point: second, plan, planned, launches, certain: true });
            }
        }
        tally.add(stage.tally);
    }
    tally
}
