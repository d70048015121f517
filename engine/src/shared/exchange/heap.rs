//! Pages for messages that are larger than their place.

use super::Broken;
use crate::memory::{Region, Shareable};
use crate::shared::seat::Seat;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// What a page's word says that belongs to no message.
const FREE: u64 = 0;

/// Above the holder's name: how many pages it waits for.
const AWAITED: u32 = 32;

/// Who takes pages, and where they are.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct HeapWords {
    /// 0, or the seat's index + 1 of the one who alone takes pages. While that one waits for some, their
    /// number is above it: then others may take its place.
    holder: AtomicU64,
    /// Behind what the last holder took: where to look first, and nothing more. In the holder's line, as
    /// nobody else writes it.
    hint: AtomicU64,
}

// SAFETY: nothing but atomics and padding.
unsafe impl Shareable for HeapWords {}

/// The heap of an exchange: a word for each page, and the pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heap<'r> {
    region: &'r Region,
    all: &'r HeapWords,
    offset: usize,
    pages: usize,
    page_bytes: usize,
}

fn name(seat: Seat) -> u64 {
    seat.index() as u64 + 1
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
    /// The heap of so many pages of this size at an offset.
    pub(crate) fn over(
        region: &'r Region,
        all: &'r HeapWords,
        offset: usize,
        (pages, page_bytes): (usize, usize),
    ) -> Heap<'r> {
        Heap { region, all, offset, pages, page_bytes }
    }

    /// Bytes of a heap, its pages' words included.
    pub(crate) fn bytes(pages: usize, page_bytes: usize) -> usize {
        Heap::words_bytes(pages) + pages * page_bytes
    }

    /// Bytes of the pages' words, which lie before the pages. They alone have to be zeroed.
    pub(crate) fn words_bytes(pages: usize) -> usize {
        pages * size_of::<Page>()
    }

    /// How many pages there are.
    pub(crate) fn pages(&self) -> usize {
        self.pages
    }

    /// How many pages a message takes.
    pub(crate) fn pages_of(&self, bytes: usize) -> usize {
        bytes.div_ceil(self.page_bytes)
    }

    fn words(&self) -> &'r [Page] {
        self.region.slice(self.offset, self.pages)
    }

    fn data(&self, page: usize) -> usize {
        self.offset + Heap::words_bytes(self.pages) + page * self.page_bytes
    }

    fn change_holder(&self, from: u64, to: u64) -> bool {
        self.all.holder.compare_exchange(from, to, AcqRel, Relaxed).is_ok()
    }

    /// Becomes the holder, if nobody is.
    pub(crate) fn hold(&self, seat: Seat) -> bool {
        self.change_holder(0, name(seat))
    }

    /// The holder waits for so many pages.
    pub(crate) fn wait_for(&self, seat: Seat, pages: usize) {
        self.all.holder.store(name(seat) | (pages as u64) << AWAITED, Release);
    }

    /// The holder that waited goes on, unless another has taken its place.
    pub(crate) fn go_on(&self, seat: Seat, pages: usize) -> bool {
        self.change_holder(name(seat) | (pages as u64) << AWAITED, name(seat))
    }

    /// Whether there is a holder, and it waits for pages.
    pub(crate) fn is_awaited(&self) -> bool {
        self.all.holder.load(Acquire) >> AWAITED != 0
    }

    /// Takes the place of a holder that waits.
    pub(crate) fn overtake(&self, seat: Seat) -> bool {
        let waiting = self.all.holder.load(Acquire);
        waiting >> AWAITED != 0 && self.change_holder(waiting, name(seat))
    }

    /// Whether so many pages are free. For the holder that stays so, as nobody else takes any.
    pub(crate) fn has_room(&self, pages: usize) -> bool {
        self.free_pages().take(pages).count() == pages
    }

    /// The pages that are free: from the first on if that is free, so that those are used again which are
    /// in the caches, else from where the last holder has left off.
    fn free_pages(&self) -> impl Iterator<Item = usize> {
        let words = self.words();
        let is_free = |page: &usize| words[*page].of.load(Acquire) == FREE;
        let left_off = (self.all.hint.load(Relaxed) as usize).min(words.len());
        let first = if words.is_empty() || is_free(&0) { 0 } else { left_off };
        (first..words.len()).chain(0..first).filter(is_free)
    }

    /// The holder is none any more.
    pub(crate) fn give_up(&self) {
        self.all.holder.store(0, Release);
    }

    /// A reaped seat is none any more.
    pub(crate) fn disown(&self, seat: Seat) {
        let holder = self.all.holder.load(Acquire);
        if holder & ((1 << AWAITED) - 1) == name(seat) {
            self.change_holder(holder, 0);
        }
    }

    /// Takes pages for the message of a position, and writes it. Gives the first page's number. Only
    /// the holder does this, who has found room for it.
    pub(crate) fn store(&self, position: u64, bytes: &[u8]) -> Result<u64, Broken> {
        let words = self.words();
        let mut free = self.free_pages();
        let mut chain: Option<(usize, usize)> = None;
        for piece in bytes.chunks(self.page_bytes) {
            let page = free.next().ok_or(Broken)?;
            words[page].of.store(position + 1, Release);
            self.region.store_bytes(self.data(page), piece);
            if let Some((_, last)) = chain {
                words[last].next.store(page as u64, Relaxed);
            }
            chain = Some((chain.map_or(page, |(first, _)| first), page));
        }
        let (first, last) = chain.ok_or(Broken)?;
        self.all.hint.store(last as u64 + 1, Relaxed);
        Ok(first as u64)
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
        for done in (0..len).step_by(self.page_bytes) {
            let word = words.get(page as usize).ok_or(Broken)?;
            if word.of.load(Acquire) != position + 1 {
                return Err(Broken);
            }
            let piece = (len - done).min(self.page_bytes);
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
