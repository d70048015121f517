//! A worker dies holding the cell's lock while another one waits for it: that one repairs the cell, and
//! dies of it too. That there are two with something to merge is no matter of luck here: each
//! chunk waits until the other one has begun.

use crate::stage::Stage;
use crate::tally::Tally;
use gristmill::{Add, Array, Chunk, Crash, CrashPlan, CrashPoint, In, Kernel, Merge, Shapes};
use ndarray::Ix1;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

const CHUNKS: usize = 2;

/// Counts its chunks, each in a bin of its own.
#[derive(Serialize, Deserialize)]
struct Meet {
    folder: PathBuf,
}

impl Kernel for Meet {
    type Args = (In<u8>, Merge<u64, Add>);
    type Output = ();

    fn run(&self, chunk: Chunk, (_, counts): (&[u8], &mut [u64])) {
        let sign = |chunk: usize| self.folder.join(chunk.to_string());
        std::fs::write(sign(chunk.index()), "").unwrap();
        while !(0..CHUNKS).all(|chunk| sign(chunk).exists()) {
            std::thread::yield_now();
        }
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
        let folder = tempfile::tempdir().unwrap();
        let mut stage = Stage::new("repairs", workers, |engine| {
            let x = engine.zeros::<u8, _>(CHUNKS).unwrap();
            let mut counts: Array<u64, Ix1> = engine.zeros(CHUNKS).unwrap();
            let kernel = Meet { folder: folder.path().to_owned() };
            Box::new(move |engine| {
                for sign in std::fs::read_dir(&kernel.folder).unwrap() {
                    std::fs::remove_file(sign.unwrap().path()).unwrap();
                }
                engine.run(&kernel, (&x, &mut counts)).unwrap();
                assert_eq!(counts.as_slice(), [1; CHUNKS]);
            })
        });
        let put_back = torn.map(|first| (first, PreImagePutBack));
        let repaired = torn.into_iter().chain(whole).map(|first| (first, Repaired));
        for (first, second) in put_back.into_iter().chain(repaired) {
            let crash = Crash::at(first);
            stage.case(CrashPlan::from(crash).and(second), 2);
            // And whoever comes after them, if any worker does.
            stage.case(CrashPlan::from(crash).and(Crash::at(second).times(2)), 3);
        }
        tally.add(stage.tally);
    }
    tally
}
