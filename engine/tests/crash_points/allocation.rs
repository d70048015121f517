//! Workers die while they make the pages of a new array present.

use crate::WORKERS;
use crate::passages::{Passed, Shape};
use crate::scenarios::Launch;
use crate::stage::Stage;
use crate::tally::Tally;
use gristmill::{CrashPoint, Engine};

/// Pieces of 2 MiB.
const PIECES: u64 = 5;

/// Arrays stay as long as the engine, so that each is of memory that nobody has had before.
fn arrays(_: &Engine) -> Launch {
    let mut kept = vec![];
    Box::new(move |engine| {
        let array = engine.zeros::<u64, _>((PIECES as usize) << 18).unwrap();
        assert!(array.as_slice().iter().all(|x| *x == 0));
        kept.push(array);
    })
}

pub(crate) fn cases() -> Tally {
    let mut tally = Tally::default();
    let point = CrashPoint::PagesPresent;
    for workers in WORKERS {
        let mut stage = Stage::new("allocation", Shape::NOTHING, workers, arrays);
        stage.certain.insert(point, Passed::Exactly(PIECES));
        for passage in [1, 2, PIECES] {
            stage.passage(point, passage, 1);
        }
        stage.passage(point, 1, 2);
        tally.add(stage.tally);
    }
    tally
}
