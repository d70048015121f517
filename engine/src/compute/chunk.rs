//! What a kernel is told about the piece that it runs on.

use super::access::Window;
use std::ops::Range;

/// The piece of the index space that one call of a kernel works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    index: usize,
    count: usize,
    range: Range<usize>,
    columns: Range<usize>,
    extent: usize,
    exceeds_caches: bool,
}

impl Chunk {
    #[inline]
    pub(crate) fn new(
        index: usize,
        count: usize,
        window: &Window,
        extent: usize,
        exceeds_caches: bool,
    ) -> Chunk {
        let (range, columns) = (window.range.clone(), window.columns.clone());
        Chunk { index, count, range, columns, extent, exceeds_caches }
    }

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

    /// Whether the arrays of the step are more than the last cache of this CPU holds: then what is
    /// written would push out of the caches what was read, and be gone itself when it is wanted. See
    /// [`stream`](crate::stream).
    pub fn exceeds_caches(&self) -> bool {
        self.exceeds_caches
    }
}
