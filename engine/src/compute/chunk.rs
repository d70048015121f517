//! What a kernel is told about the piece that it runs on.

use std::ops::Range;

/// The piece of the index space that one call of a kernel works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub(super) index: usize,
    pub(super) count: usize,
    pub(super) range: Range<usize>,
    pub(super) columns: Range<usize>,
    pub(super) extent: usize,
    pub(super) exceeds_caches: bool,
}

impl Chunk {
    /// Its number, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// How many chunks the step has.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Its indices: of elements for flat accesses, of rows for others, tiles among them.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// The columns of its tile; none if its arrays are not cut into tiles.
    pub fn columns(&self) -> Range<usize> {
        self.columns.clone()
    }

    /// The first of its indices.
    pub fn start(&self) -> usize {
        self.range.start
    }

    /// How many indices it has; at least one.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Never: a step has no empty chunks. Here because `len` is.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The number of indices of the whole step.
    pub fn extent(&self) -> usize {
        self.extent
    }

    /// Whether the arrays of the step are more than the last cache of this CPU holds (no more than
    /// 16 MiB of it for each CPU that shares it): then what is
    /// written would push out of the caches what was read, and be gone itself when it is wanted. See
    /// [`stream`](crate::stream).
    pub fn exceeds_caches(&self) -> bool {
        self.exceeds_caches
    }
}
