//! Kept copies: bytes of the region put aside, so that they can be put back after a death.
//!
//! A copy describes itself (how many ranges, where, how long), so whoever puts it back needs to
//! know nothing of plans and kernels. Whether it is valid says a word elsewhere.

use super::region::{ARRAYS, Region};
use std::ops::Range;

/// Proof that the step protocol gives its holder sole use of what it is about: a claimed chunk, the
/// cell under its lock, the slots of a step that has ended, the remains of a reaped worker. Only
/// the protocol makes one, so that safe code cannot touch shared bytes out of turn; and, of a launch
/// on threads, what iterates over its chunks.
#[derive(Debug)]
pub(crate) struct Permit(());

impl Permit {
    /// To be called by the protocol (`shared`) alone.
    pub(crate) fn granted_by_protocol() -> Permit {
        Permit(())
    }

    /// To be called by `compute::threads` alone: for the chunk that a parallel iterator has given to
    /// this call and no other, or once that iterator has ended.
    #[cfg(feature = "cli")]
    pub(crate) fn granted_by_iterator() -> Permit {
        Permit(())
    }
}

/// Bytes that a copy of these ranges takes.
pub(crate) fn kept_bytes(lens: impl Iterator<Item = usize>) -> usize {
    let (count, bytes) = lens.fold((0, 0), |(n, sum), len| (n + 1, sum + len));
    (head(count) + bytes).next_multiple_of(128)
}

/// Bytes of the description of so many ranges, up to the line at which their copies begin: copies
/// from line to line are the fast ones.
fn head(count: usize) -> usize {
    const LINE: usize = 64;
    (8 + 16 * count).next_multiple_of(LINE)
}

impl Region {
    /// Copies `ranges` to the block at `block`, which is large enough for them.
    pub(crate) fn keep(&self, _: &Permit, block: Range<usize>, ranges: &[Range<usize>]) {
        let head = head(ranges.len());
        let bytes: usize = ranges.iter().map(Range::len).sum();
        assert!(head + bytes <= block.len(), "{} bytes do not hold a copy of {bytes}", block.len());
        let words = self.slice::<std::sync::atomic::AtomicU64>(block.start, 1 + 2 * ranges.len());
        let mut description = vec![ranges.len() as u64];
        description.extend(ranges.iter().flat_map(|r| [r.start as u64, r.len() as u64]));
        Region::store_words(words, &description);
        let mut to = block.start + head;
        for range in ranges {
            self.copy(range.start, to, range.len());
            to += range.len();
        }
    }

    /// Puts a copy back. What makes no sense (somebody scribbled over it) is left alone.
    pub(crate) fn put_back(&self, _: &Permit, block: Range<usize>) {
        use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
        let word = |index: usize| {
            let offset = block.start + 8 * index;
            (offset + 8 <= block.end).then(|| self.at::<AtomicU64>(offset).load(Relaxed) as usize)
        };
        let Some(count) = word(0).filter(|&count| count <= block.len() / 16) else { return };
        let mut from = block.start + head(count);
        for range in 0..count {
            let (Some(to), Some(len)) = (word(1 + 2 * range), word(2 + 2 * range)) else { return };
            // Copies are of arrays: neither of the control block nor of the guard pages around it.
            let inside =
                to >= ARRAYS && to.checked_add(len).is_some_and(|end| end <= self.capacity());
            if !inside || from.checked_add(len).is_none_or(|end| end > block.end) {
                return;
            }
            self.copy(from, to, len);
            from += len;
        }
    }

    fn copy(&self, from: usize, to: usize, len: usize) {
        let (from, to) = (self.bytes(from, len), self.bytes(to, len));
        // SAFETY: both lie inside the region; the permit says that nobody else touches them now.
        // They may overlap only if the description was scribbled over, so this copy allows it.
        unsafe { std::ptr::copy(from.as_ptr(), to.as_ptr(), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back() {
        let region = Region::create(8 << 20).unwrap();
        let permit = Permit::granted_by_protocol();
        let fill = |at: usize, len: usize, value: u8| {
            // SAFETY: this test alone uses the region.
            unsafe { std::ptr::write_bytes(region.bytes(at, len).as_ptr(), value, len) }
        };
        let (one, two) = (ARRAYS + 4096..ARRAYS + 4101, ARRAYS + 8192..ARRAYS + 8200);
        fill(one.start, 5, 1);
        fill(two.start, 8, 2);
        let block = ARRAYS..ARRAYS + kept_bytes([5, 8].into_iter());
        region.keep(&permit, block.clone(), &[one.clone(), two.clone()]);
        fill(one.start, 5, 9);
        fill(two.start, 8, 9);
        region.put_back(&permit, block);
        // SAFETY: as above.
        let byte = |at: usize| unsafe { *region.bytes(at, 1).as_ptr() };
        assert!(one.clone().all(|at| byte(at) == 1) && two.clone().all(|at| byte(at) == 2));
    }

    #[test]
    fn a_scribbled_description_is_left_alone() {
        let region = Region::create(8 << 20).unwrap();
        let block = ARRAYS..ARRAYS + 4096;
        Region::store_words(region.slice(block.start, 3), &[1, u64::MAX - 7, 64]);
        region.put_back(&Permit::granted_by_protocol(), block.clone());
        for guard_page in [0, ARRAYS as u64 - 64] {
            Region::store_words(region.slice(block.start, 3), &[1, guard_page, 64]);
            region.put_back(&Permit::granted_by_protocol(), block.clone());
        }
        // The description alone reaches beyond the block, which ends with the region.
        let last = (8 << 20) - 4096..8 << 20;
        Region::store_words(region.slice(last.start, 3), &[256, ARRAYS as u64, 0]);
        region.put_back(&Permit::granted_by_protocol(), last);
        Region::store_words(region.slice(block.start, 1), &[u64::MAX]);
        region.put_back(&Permit::granted_by_protocol(), block);
    }
}
