//! Pages for messages that are larger than their place.

use super::Broken;
use crate::memory::{Region, Shareable};
use crate::shared::protocol::Line;
use crate::shared::seat::Seat;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Bytes of a page.
pub(crate) const PAGE_BYTES: usize = 4096;

/// What a page's word says that belongs to no message.
const FREE: u64 = 0;

/// Who takes pages: its seat's index + 1, or 0.
pub(crate) type Holder = Line<AtomicU64>;

/// The heap of an exchange: a word for each page, and the pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heap<'r> {
    region: &'r Region,
    holder: &'r Holder,
    offset: usize,
    pages: usize,
}

/// The word of a page and the number of the one that follows it in its message.
#[derive(Debug)]
#[repr(C)]
struct Page {
    of: AtomicU64,
    next: AtomicU64,
}

// SAFETY: nothing but atomics.
unsafe impl Shareable for Page {}

impl<'r> Heap<'r> {
    /// The heap of so many pages at an offset.
    pub(crate) fn over(
        region: &'r Region,
        holder: &'r Holder,
        offset: usize,
        pages: usize,
    ) -> Heap<'r> {
        Heap { region, holder, offset, pages }
    }

    /// Bytes of a heap, its pages' words included.
    pub(crate) fn bytes(pages: usize) -> usize {
        pages * (size_of::<Page>() + PAGE_BYTES)
    }

    /// The longest message.
    pub(crate) fn capacity(&self) -> usize {
        self.pages * PAGE_BYTES
    }

    fn words(&self) -> &'r [Page] {
        self.region.slice(self.offset, self.pages)
    }

    fn data(&self, page: usize) -> usize {
        self.offset + self.pages * size_of::<Page>() + page * PAGE_BYTES
    }

    /// Becomes the holder, if nobody is.
    pub(crate) fn hold(&self, seat: Seat) -> bool {
        self.holder.0.compare_exchange(0, seat.index() as u64 + 1, AcqRel, Relaxed).is_ok()
    }

    /// Whether so many bytes fit. For the holder that stays so, as nobody else takes pages.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let pages = bytes.div_ceil(PAGE_BYTES);
        let free = self.words().iter().filter(|page| page.of.load(Acquire) == FREE);
        free.take(pages).count() == pages
    }

    /// The holder is none any more.
    pub(crate) fn give_up(&self) {
        self.holder.0.store(0, Release);
    }

    /// A reaped seat is none any more.
    pub(crate) fn disown(&self, seat: Seat) {
        let _ = self.holder.0.compare_exchange(seat.index() as u64 + 1, 0, AcqRel, Relaxed);
    }

    /// Takes pages for the message of a position, and writes it. Gives the first page's number. Only
    /// the holder does this, who has found room for it.
    pub(crate) fn store(&self, position: u64, bytes: &[u8]) -> Result<u64, Broken> {
        let words = self.words();
        let mut free = (0..words.len()).filter(|&page| words[page].of.load(Acquire) == FREE);
        let mut chain: Option<(usize, usize)> = None;
        for piece in bytes.chunks(PAGE_BYTES) {
            let page = free.next().ok_or(Broken)?;
            words[page].of.store(position + 1, Release);
            self.region.store_bytes(self.data(page), piece);
            if let Some((_, last)) = chain {
                words[last].next.store(page as u64, Relaxed);
            }
            chain = Some((chain.map_or(page, |(first, _)| first), page));
        }
        Ok(chain.map_or(0, |(first, _)| first) as u64)
    }

    /// Reads the message of a position.
    pub(crate) fn load(
        &self,
        (position, first): (u64, u64),
        len: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let words = self.words();
        let mut page = first;
        for done in (0..len).step_by(PAGE_BYTES) {
            let word = words.get(page as usize).ok_or(Broken)?;
            if word.of.load(Acquire) != position + 1 {
                return Err(Broken);
            }
            let piece = (len - done).min(PAGE_BYTES);
            self.region.load_bytes_into(self.data(page as usize), piece, into);
            page = word.next.load(Relaxed);
        }
        Ok(())
    }

    /// Frees the pages of the message of a position, from the first on, by whoever ends it.
    pub(crate) fn free(&self, position: u64, first: u64) {
        let words = self.words();
        let own = |page: u64| {
            words.get(page as usize).filter(|word| word.of.load(Acquire) == position + 1)
        };
        // The last one's successor is of another message, or free by now.
        let mut page = first;
        while let Some(word) = own(page) {
            page = word.next.load(Relaxed);
            word.of.store(FREE, Release);
        }
    }

    /// Frees the pages of all messages but those that are `kept`. Nobody else may end or write those
    /// that are not.
    pub(crate) fn sweep(&self, kept: impl Fn(u64) -> bool) {
        for page in self.words() {
            let position = page.of.load(Acquire).checked_sub(1);
            if position.is_some_and(|position| !kept(position)) {
                page.of.store(FREE, Release);
            }
        }
    }
}
