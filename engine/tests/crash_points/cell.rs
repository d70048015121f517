//! A histogram in a reduction cell. All workers meet in their first chunks, so that each of them merges;
//! and there are so many chunks that one worker alone merges several times.

use crate::meeting::Meeting;
use crate::passages::Shape;
use crate::scenarios::{BINS, Launch, bin};
use gristmill::{Add, Array, Chunk, Engine, In, Kernel, Merge, Shapes, Sum};
use ndarray::Ix1;
use serde::{Deserialize, Serialize};

const CHUNKS: usize = 600;

/// A worker merges when it has accumulated so many chunks, or finds no more.
const HELD_MAX: usize = 256;

const MERGES: u64 = CHUNKS.div_ceil(HELD_MAX) as u64;

pub(crate) const SHAPE: Shape =
    Shape { steps: 1, chunks: CHUNKS as u64, merges: MERGES, ..Shape::NOTHING };

/// A chunk merged twice, or not at all, shows.
#[derive(Serialize, Deserialize)]
struct Count {
    meeting: Meeting,
}

impl Kernel for Count {
    type Args = (In<u32>, Merge<u64, Add>);
    type Output = Sum<u64>;

    fn run(&self, chunk: Chunk, (bins, counts): (&[u32], &mut [u64])) -> u64 {
        self.meeting.attend();
        bins.iter().for_each(|bin| counts[*bin as usize] += 1);
        chunk.index() as u64
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

pub(crate) fn cell(engine: &Engine) -> Launch {
    let bins = engine.from_fn(CHUNKS, bin).unwrap();
    let mut counts: Array<u64, Ix1> = engine.filled(BINS, 77).unwrap();
    let mut expected = [0; BINS];
    (0..CHUNKS).for_each(|i| expected[bin(i) as usize] += 1);
    let (meeting, folder) = Meeting::of(engine.workers());
    let kernel = Count { meeting };
    Box::new(move |engine| {
        let _kept = &folder;
        kernel.meeting.call(engine);
        let sum = engine.run(&kernel, (&bins, &mut counts)).unwrap();
        assert_eq!(counts.as_slice(), expected);
        let chunks = CHUNKS as u64;
        assert_eq!(sum, chunks * (chunks - 1) / 2);
    })
}
