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

/// A two-dimensional index space cut into tiles of equal shape, those at its lower and right edges
/// perhaps smaller. Tiles are numbered by rows of tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tiling {
    shape: [usize; 2],
    tile: [usize; 2],
}

impl Tiling {
    /// Cuts rows and columns into tiles of at most `tile` rows and columns; 0 counts as 1, and tiles
    /// grow where there would be more than [`CHUNKS_MAX`].
    pub(crate) fn new(shape: [usize; 2], tile: [usize; 2]) -> Tiling {
        let mut tiling = Tiling { shape, tile: tile.map(|len| len.max(1)) };
        while tiling.tiles() > CHUNKS_MAX {
            tiling.tile = tiling.tile.map(|len| 2 * len);
        }
        tiling
    }

    /// Number of tiles.
    pub(crate) fn tiles(&self) -> usize {
        let [down, across] = [0, 1].map(|axis| self.shape[axis].div_ceil(self.tile[axis]));
        down.saturating_mul(across)
    }

    /// The rows and the columns of one tile.
    pub(crate) fn ranges(&self, tile: usize) -> [Range<usize>; 2] {
        let across = self.shape[1].div_ceil(self.tile[1]);
        let place = [tile / across, tile % across];
        [0, 1].map(|axis| {
            let start = place[axis] * self.tile[axis];
            start..(start + self.tile[axis]).min(self.shape[axis])
        })
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

    #[test]
    fn tiles_grow_until_they_can_be_claimed() {
        let tiling = Tiling::new([1 << 20, 1 << 20], [1, 1]);
        assert!(tiling.tiles() <= CHUNKS_MAX && tiling.tiles() > CHUNKS_MAX / 8);
        let [rows, columns] = tiling.ranges(tiling.tiles() - 1);
        assert_eq!((rows.end, columns.end), (1 << 20, 1 << 20));
    }

    proptest! {
        #[test]
        fn tiles_cover_each_place_once(
            rows in 0usize..40, columns in 0usize..40, down in 0usize..9, across in 0usize..9
        ) {
            let tiling = Tiling::new([rows, columns], [down, across]);
            let mut seen = vec![0; rows * columns];
            for tile in 0..tiling.tiles() {
                let [rows, of] = tiling.ranges(tile);
                prop_assert!(!rows.is_empty() && !of.is_empty());
                for row in rows {
                    of.clone().for_each(|column| seen[row * columns + column] += 1);
                }
            }
            prop_assert!(seen.iter().all(|times| *times == 1));
        }

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
