//! Fences: a mapping in which nothing can be written but what is opened.
//!
//! A worker with fences maps the region a second time, for kernels' views. The engine's own writes
//! (marks, slots, undo copies) go through its ordinary mapping, so they need no exceptions here.

use super::region::{ARRAYS, CONTROL, GUARD, Region};
use crate::error::{Error, Result};
use nix::sys::mman::{ProtFlags, mprotect};
use std::ops::Range;

/// What the protection of memory is made of.
pub(crate) const PAGE: usize = 4096;

impl Region {
    /// The same region at other addresses.
    pub(crate) fn map_again(&self) -> Result<Region> {
        let file = self.file().try_clone_to_owned();
        Region::attach(file.map_err(|e| Error::system("mapping the region again", e))?)
    }

    /// Makes this mapping one for views: arrays can be read, the control block not even that.
    pub(crate) fn fence(&self) -> Result<()> {
        let arrays = ARRAYS..self.capacity();
        let own = [(0..ARRAYS, ProtFlags::PROT_NONE), (arrays, ProtFlags::PROT_READ)];
        own.into_iter()
            .try_for_each(|(range, access)| self.protect_range(range, access))
            .map_err(|e| Error::system("fencing the arrays", e))
    }

    /// Opens a range for writing, or closes it: whole pages, so that up to a page less a byte
    /// before and behind it is open too.
    pub(crate) fn open_fence(&self, range: &Range<usize>, open: bool) -> std::io::Result<()> {
        let pages = range.start / PAGE * PAGE..range.end.next_multiple_of(PAGE);
        let access = ProtFlags::PROT_READ;
        let access = if open { access | ProtFlags::PROT_WRITE } else { access };
        self.protect_range(pages, access).map_err(Into::into)
    }

    /// Whether an offset lies in a guard page.
    pub(crate) fn is_guard(offset: usize) -> bool {
        offset < CONTROL || (ARRAYS - GUARD..ARRAYS).contains(&offset)
    }

    /// Whether an offset lies in the control block.
    pub(crate) fn is_control(offset: usize) -> bool {
        (CONTROL..ARRAYS - GUARD).contains(&offset)
    }

    /// What is accessible: the control block, and the arrays.
    pub(crate) fn between_guards(&self) -> [Range<usize>; 2] {
        [CONTROL..ARRAYS - GUARD, ARRAYS..self.capacity()]
    }

    /// Makes all that is accessible in this mapping read-only, or writable again; whether that worked.
    pub(crate) fn allow_writes(&self, allow: bool) -> bool {
        let access = ProtFlags::PROT_READ;
        let access = if allow { access | ProtFlags::PROT_WRITE } else { access };
        self.between_guards().into_iter().all(|range| self.protect_range(range, access).is_ok())
    }

    fn protect_range(&self, range: Range<usize>, access: ProtFlags) -> nix::Result<()> {
        let start = self.bytes(range.start, range.len());
        // SAFETY: whole pages of our own mapping (`bytes` checks). Whoever opens them holds the
        // claim on what lies in them; closing them takes the right away from nobody but this
        // process, and what the engine itself writes it writes through another mapping.
        unsafe { mprotect(start.cast(), range.len(), access) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_is_seen_by_other_mappings() {
        let region = Region::create(16 << 20).unwrap();
        let views = region.map_again().unwrap();
        views.fence().unwrap();
        let range = ARRAYS + PAGE + 100..ARRAYS + PAGE + 108;
        views.open_fence(&range, true).unwrap();
        // SAFETY: this test alone uses the region, and the page is open.
        unsafe { views.bytes(range.start, 8).as_ptr().write_bytes(7, 8) };
        views.open_fence(&range, false).unwrap();
        // SAFETY: as above; reading is always allowed.
        let read = |region: &Region| unsafe { *region.bytes(range.start, 8).as_ptr() };
        assert_eq!((read(&region), read(&views)), (7, 7));
    }

    #[test]
    fn offsets_are_told_apart() {
        assert!(Region::is_guard(0) && Region::is_guard(ARRAYS - 1));
        assert!(Region::is_control(CONTROL) && Region::is_control(ARRAYS - GUARD - 1));
        assert!(!Region::is_control(ARRAYS) && !Region::is_guard(ARRAYS));
    }
}
