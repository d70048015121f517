//! Floor 0: how index spaces are cut into chunks. Pure: a partition depends on the data's shape
//! and the kernel's grain alone, never on the number of workers, so neither do any bits.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The greatest number of chunks in one step: a range of chunks must fit a claim word.
pub const CHUNKS_MAX: usize = (1 << 25) - 1;

/// An index space cut into chunks of equal length, the last one perhaps shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    extent: usize,
    grain: usize,
}

impl Partition {
    /// Cuts `0..extent` into chunks of `grain` indices; a grain of 0 counts as 1, and it is raised
    /// where there would be more than [`CHUNKS_MAX`] chunks.
    pub fn new(extent: usize, grain: usize) -> Partition {
        Partition { extent, grain: grain.max(1).max(extent.div_ceil(CHUNKS_MAX)) }
    }

    /// Number of indices.
    pub fn extent(&self) -> usize {
        self.extent
    }

    /// Indices in each chunk but the last.
    pub fn grain(&self) -> usize {
        self.grain
    }

    /// Number of chunks; none for an empty index space.
    pub fn chunks(&self) -> usize {
        self.extent.div_ceil(self.grain)
    }

    /// The indices of one chunk.
    pub fn range(&self, chunk: usize) -> Range<usize> {
        debug_assert!(chunk < self.chunks(), "chunk {chunk} of {}", self.chunks());
        let start = chunk * self.grain;
        start..(start + self.grain).min(self.extent)
    }
}

/// The chunks where worker `rank` of `workers` starts: the same in every step over the same
/// partition, so its cache stays warm.
pub(crate) fn home_range(chunks: usize, workers: usize, rank: usize) -> Range<usize> {
    (rank * chunks / workers)..((rank + 1) * chunks / workers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chunks_tile_the_index_space(extent in 0usize..5000, grain in 0usize..600) {
            let partition = Partition::new(extent, grain);
            let mut next = 0;
            for chunk in 0..partition.chunks() {
                let range = partition.range(chunk);
                prop_assert_eq!(range.start, next);
                prop_assert!(range.end > range.start);
                next = range.end;
            }
            prop_assert_eq!(next, extent);
        }

        #[test]
        fn homes_tile_the_chunks(chunks in 0usize..5000, workers in 1usize..70) {
            let mut next = 0;
            for rank in 0..workers {
                let home = home_range(chunks, workers, rank);
                prop_assert_eq!(home.start, next);
                next = home.end;
            }
            prop_assert_eq!(next, chunks);
        }
    }

    #[test]
    fn a_partition_never_exceeds_what_a_claim_word_holds() {
        assert!(Partition::new(usize::MAX / 2, 1).chunks() <= CHUNKS_MAX);
    }
}
