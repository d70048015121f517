//! Where the parts of a queue lie in its block, which every process computes from the same few numbers.

use crate::error::{Error, Result};
use crate::memory::{Region, Shareable};
use crate::shared::damage::seal;
use crate::shared::exchange::{Broken, Ends, Gate, Heap, HeapWords, Places};
use crate::shared::protocol::{Hardware, Line};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, Release};

/// The most items that a queue can be made for.
const BOUND_MAX: usize = 1 << 24;
/// The most leases at once.
pub(super) const CELLS: usize = 1024;
/// The longest message, if it has no fixed size; the heap's least size.
const MESSAGE_MAX: usize = 4 << 20;
/// Bytes of a page of the heap: as many of them as the bound fit into its least size, within these limits.
/// Whatever the bound, there is a page for each message, and one for each lease; and room for one of the
/// longest of both.
const PAGE_MAX: usize = 4096;
const PAGE_MIN: usize = 256;
/// A place is so large, or a multiple of it: a cache line, so that who writes one message does not slow
/// down who reads the one before. What has no fixed size and does not fit goes to the heap.
const PLACE_BYTES: usize = 64;
const WORD: usize = 8;

/// The words of a queue; slots, cells and heap follow.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Words {
    /// The numbers of the layout, sealed; written once.
    numbers: Line<[AtomicU64; 7]>,
    pub(super) closed: Line<AtomicU64>,
    pub(super) returned: Line<AtomicU64>,
    pub(super) pages: HeapWords,
    pub(super) ends: Ends<Hardware>,
    pub(super) receivers: Gate,
    pub(super) senders: Gate,
    pub(super) heap: Gate,
    pub(super) joiners: Gate,
}

// SAFETY: nothing but atomics and padding.
unsafe impl Shareable for Words {}

/// The numbers that say where all parts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) bound: usize,
    /// The size of every message, if they have one.
    pub(super) fixed: Option<usize>,
    stride: usize,
    pub(super) cells: usize,
    pages: usize,
    page_bytes: usize,
}

impl Layout {
    /// Of a queue for so many messages, all of `fixed` bytes if that is known.
    pub(super) fn new(bound: usize, fixed: Option<usize>, cells: usize) -> Result<Layout> {
        if bound == 0 {
            return Err(Error::TooSmall {
                what: "the bound of a queue",
                asked: 0,
                least: 1,
                remedy: "make it for one item at least",
            });
        }
        if bound > BOUND_MAX {
            return Err(Error::Limit {
                what: "the bound of a queue",
                asked: bound as u64,
                limit: BOUND_MAX as u64,
                remedy: "make it for fewer items: senders wait while it is full",
            });
        }
        let inline = fixed.map_or(PLACE_BYTES, |bytes| WORD + bytes);
        let stride = inline.next_multiple_of(PLACE_BYTES);
        let least = (MESSAGE_MAX / bound).clamp(PAGE_MIN, PAGE_MAX);
        let page_bytes = 1 << least.ilog2();
        let longest = MESSAGE_MAX / page_bytes;
        let for_leases = if cells == 0 { 0 } else { cells.max(longest) };
        let pages = if fixed.is_some() { 0 } else { bound.max(longest) + for_leases };
        Ok(Layout { bound, fixed, stride, cells, pages, page_bytes })
    }

    /// All of it.
    pub(super) fn bytes(&self) -> usize {
        self.heap_offset() + Heap::bytes(self.pages, self.page_bytes)
    }

    /// All but the heap's pages and what follows them: what must be zeroed.
    pub(super) fn zeroed_bytes(&self) -> usize {
        self.heap_offset() + Heap::words_bytes(self.pages)
    }

    /// Of the longest message.
    pub(super) fn message_max(&self) -> usize {
        self.fixed.unwrap_or(MESSAGE_MAX)
    }

    /// Of a message, in its place.
    pub(super) fn inline_bytes(&self) -> usize {
        self.fixed.unwrap_or(self.stride.saturating_sub(2 * WORD))
    }

    fn slots_offset(&self) -> usize {
        size_of::<Words>()
    }

    fn cells_offset(&self) -> usize {
        (self.slots_offset() + self.bound * self.stride).next_multiple_of(size_of::<Line<u8>>())
    }

    fn heap_offset(&self) -> usize {
        (self.cells_offset() + self.cells * self.stride).next_multiple_of(size_of::<Line<u8>>())
    }

    fn numbers(&self) -> [u64; 6] {
        let fixed = self.fixed.map_or(0, |bytes| bytes + 1);
        let Layout { bound, stride, cells, pages, page_bytes, .. } = *self;
        [bound, fixed, stride, cells, pages, page_bytes].map(|number| number as u64)
    }

    /// Writes it down.
    pub(super) fn store(&self, words: &Words) {
        let numbers = self.numbers();
        Region::store_words(&words.numbers.0, &numbers);
        words.numbers.0[6].store(seal(numbers), Release);
    }

    /// Reads it; damaged if that is not what was written.
    pub(super) fn load(words: &Words) -> Result<Layout, Broken> {
        let mut read = [0; 7];
        Region::load_words(&words.numbers.0, &mut read);
        let [numbers @ .., sealed] = read;
        if seal(numbers) != sealed {
            return Err(Broken);
        }
        let numbers = numbers.map(|number| number as usize);
        let [bound, fixed, stride, cells, pages, page_bytes] = numbers;
        Ok(Layout { bound, fixed: fixed.checked_sub(1), stride, cells, pages, page_bytes })
    }
}

/// A queue's parts, in this process's mapping.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'r> {
    pub(super) region: &'r Region,
    pub(super) words: &'r Words,
    pub(super) layout: Layout,
    offset: usize,
}

impl<'r> Parts<'r> {
    pub(super) fn at(region: &'r Region, offset: usize, layout: Layout) -> Parts<'r> {
        Parts { region, words: region.at(offset), layout, offset }
    }

    /// Fills bytes at an offset within the queue with zeros.
    pub(super) fn zero(&self, offset: usize, len: usize) {
        self.region.zero(self.offset + offset, len);
    }

    pub(super) fn slots(&self) -> Strided<'r> {
        self.places(self.layout.slots_offset(), self.layout.bound)
    }

    pub(super) fn cells(&self) -> Strided<'r> {
        self.places(self.layout.cells_offset(), self.layout.cells)
    }

    fn places(&self, offset: usize, len: usize) -> Strided<'r> {
        let (region, stride) = (self.region, self.layout.stride);
        Strided { region, offset: self.offset + offset, stride, len }
    }

    pub(super) fn heap(&self) -> Heap<'r> {
        let offset = self.offset + self.layout.heap_offset();
        let Layout { pages, page_bytes, .. } = self.layout;
        Heap::over(self.region, &self.words.pages, offset, (pages, page_bytes))
    }
}

/// Places at equal distances, each with its state word first.
#[derive(Debug)]
pub(super) struct Strided<'r> {
    region: &'r Region,
    offset: usize,
    stride: usize,
    len: usize,
}

impl Strided<'_> {
    /// Where the message of a place is.
    pub(super) fn body(&self, index: usize) -> usize {
        self.offset + index * self.stride + WORD
    }

    /// Copies a message from a place of the same stride.
    pub(super) fn copy(&self, to: usize, from: &Strided<'_>, index: usize) {
        let words = |offset| self.region.slice::<AtomicU64>(offset, self.stride / WORD - 1);
        for (to, from) in words(self.body(to)).iter().zip(words(from.body(index))) {
            to.store(from.load(Relaxed), Relaxed);
        }
    }
}

impl Places<Hardware> for Strided<'_> {
    fn len(&self) -> usize {
        self.len
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        self.region.at(self.offset + index * self.stride)
    }
}

/// An empty queue in a region of its own, for tests.
#[cfg(test)]
pub(super) fn with_parts(layout: Layout, work: impl FnOnce(&Parts<'_>)) {
    let region = Region::create(32 << 20).expect("there is memory");
    let parts = Parts::at(&region, crate::memory::ARRAYS, layout);
    parts.layout.store(parts.words);
    crate::shared::exchange::Ring::over(&parts.words.ends, &parts.slots()).begin();
    work(&parts);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::ARRAYS;

    #[test]
    fn a_layout_that_was_written_over_is_refused() {
        let region = Region::create(8 << 20).unwrap();
        let words = region.at::<Words>(ARRAYS);
        assert_eq!(Layout::load(words), Err(Broken));
        for fixed in [None, Some(0), Some(12)] {
            let layout = Layout::new(100, fixed, CELLS).unwrap();
            layout.store(words);
            assert_eq!(Layout::load(words), Ok(layout));
            words.numbers.0[0].store(1 << 40, Relaxed);
            assert_eq!(Layout::load(words), Err(Broken));
        }
    }

    #[test]
    fn each_message_and_lease_has_a_page() {
        let pages = |bound, cells| {
            let layout = Layout::new(bound, None, cells).unwrap();
            (layout.pages, layout.page_bytes)
        };
        assert_eq!([pages(1, 0), pages(1024, 0)], [(1024, 4096); 2]);
        assert_eq!([pages(1, CELLS), pages(1024, CELLS)], [(1024 + CELLS, 4096); 2]);
        assert_eq!(pages(1025, CELLS), (2 * 2048, 2048));
        assert_eq!([pages(10_000, 0), pages(1 << 14, 0)], [(1 << 14, 256); 2]);
        assert_eq!(pages(100_000, CELLS), (100_000 + (1 << 14), 256));
    }

    #[test]
    fn parts_do_not_overlap() {
        for (bound, fixed, cells) in [(1, Some(0), 0), (3, Some(12), CELLS), (1000, None, CELLS)] {
            let layout = Layout::new(bound, fixed, cells).unwrap();
            let ends = [
                (layout.slots_offset(), bound * layout.stride),
                (layout.cells_offset(), cells * layout.stride),
                (layout.heap_offset(), Heap::bytes(layout.pages, layout.page_bytes)),
                (layout.bytes(), 0),
            ];
            assert!(ends.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "{ends:?}");
        }
    }
}
