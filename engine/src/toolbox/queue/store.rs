//! Messages as bytes: how they are put into a queue and come out again. Handles give them types.

use super::layout::{Layout, Parts, Strided};
use crate::error::{Error, Result};
use crate::memory::Region;
use crate::shared::exchange::{Broken, Cells, Gate, Phase, Ring, bury, wait};
use crate::shared::protocol::Hardware;
use crate::shared::seat::{Gone, Seat};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU64, fence};
use std::time::Instant;

type Slots<'s, 'r> = Ring<'s, Hardware, Strided<'r>>;

/// A message that is leased: where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leased {
    pub(super) cell: usize,
    pub(super) position: u64,
}

/// An error of a queue that is closed.
pub(super) fn closed() -> Error {
    Error::Closed { what: "the queue" }
}

/// Makes the zeroed words of a queue those of an empty one.
pub(super) fn begin(parts: &Parts<'_>) {
    parts.layout.store(parts.words);
    Ring::over(&parts.words.ends, &parts.slots()).begin();
}

/// Sets a queue right after a participant's end.
pub(super) fn bury_queue(region: &Region, offset: usize, gone: Gone) {
    let Ok(layout) = Layout::load(region.at(offset)) else { return };
    let parts = Parts::at(region, offset, layout);
    let (slots, cells, heap) = (parts.slots(), parts.cells(), parts.heap());
    let ring = Ring::over(&parts.words.ends, &slots);
    let after = |position| ring.after(position);
    bury((&slots, &cells), gone.seat, after, |over| heap.sweep(|position| position != over));
    heap.disown(gone.seat);
    Cells::over(&cells, &parts.words.returned.0).announce();
    parts.wake_everybody();
}

/// Who takes pages of the heap, until it is dropped.
struct Holding<'p, 'r>(&'p Parts<'r>);

impl Drop for Holding<'_, '_> {
    fn drop(&mut self) {
        self.0.heap().give_up();
        self.0.words.heap.wake_all();
    }
}

impl Parts<'_> {
    fn wake_everybody(&self) {
        let words = self.words;
        let gates = [&words.receivers, &words.senders, &words.heap, &words.joiners];
        gates.into_iter().for_each(Gate::wake_all);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.words.closed.0.load(Acquire) != 0
    }

    pub(super) fn close(&self) {
        self.words.closed.0.store(1, Release);
        self.wake_everybody();
    }

    pub(super) fn is_large(&self, bytes: &[u8]) -> bool {
        bytes.len() > self.layout.inline_bytes()
    }

    /// Refuses a message that can never be put.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<()> {
        let capacity = self.heap().capacity().max(self.layout.inline_bytes());
        if bytes.len() > capacity {
            return Err(Error::Limit {
                what: "the size of a message in bytes",
                asked: bytes.len() as u64,
                limit: capacity as u64,
                remedy: "send it in pieces, or write it into an array",
            });
        }
        Ok(())
    }

    /// Puts a message if there is room now. Whoever puts several wakes receivers after the last.
    pub(super) fn try_put(&self, seat: Seat, bytes: &[u8], wake: bool) -> Result<bool> {
        self.check(bytes)?;
        if !self.is_large(bytes) {
            return self.try_put_held(seat, bytes, wake);
        }
        let heap = self.heap();
        if self.is_closed() {
            return Err(closed());
        }
        if !heap.hold(seat) {
            return Ok(false);
        }
        let _holding = Holding(self);
        if heap.has_room(bytes.len()) { self.try_put_held(seat, bytes, wake) } else { Ok(false) }
    }

    /// Waits for room; false if there was none in time.
    pub(super) fn put(
        &self,
        seat: Seat,
        bytes: &[u8],
        wake: bool,
        until: Option<Instant>,
    ) -> Result<bool> {
        self.check(bytes)?;
        let is_true = |done: bool| done.then_some(());
        let mut holding = None;
        if self.is_large(bytes) {
            let heap = self.heap();
            let held = wait(&self.words.heap, until, || {
                if self.is_closed() { Err(closed()) } else { Ok(is_true(heap.hold(seat))) }
            })?;
            let Some(()) = held else { return Ok(false) };
            holding = Some(Holding(self));
            let room = wait(&self.words.heap, until, || {
                if self.is_closed() {
                    return Err(closed());
                }
                Ok(is_true(heap.has_room(bytes.len())))
            })?;
            let Some(()) = room else { return Ok(false) };
        }
        let put =
            wait(&self.words.senders, until, || self.try_put_held(seat, bytes, wake).map(is_true));
        drop(holding);
        Ok(put?.is_some())
    }

    /// Puts a message; a large one by the heap's holder, who has found room for it.
    fn try_put_held(&self, seat: Seat, bytes: &[u8], wake: bool) -> Result<bool> {
        if self.is_closed() {
            return Err(closed());
        }
        let slots = self.slots();
        let ring = Ring::over(&self.words.ends, &slots);
        let Some(position) = ring.claim(seat)? else { return Ok(false) };
        if let Err(damaged) = self.write(&slots, ring.index(position), position, bytes) {
            self.heap().sweep(|other| other != position);
            ring.release(position);
            return Err(damaged.into());
        }
        ring.fill(position);
        fence(SeqCst);
        // Receivers of a closed queue leave it once they have seen it empty. Who does not see it closed
        // here was seen by them; who does takes the message back, unless one of them has it.
        if self.is_closed() && ring.withdraw(seat, position) {
            self.end(&ring, &slots, seat, position);
            self.wake_everybody();
            return Err(closed());
        }
        if wake {
            self.words.receivers.wake_one_fenced();
        }
        Ok(true)
    }

    /// Wakes as many receivers as messages were put.
    pub(super) fn wake_receivers(&self, messages: usize) {
        fence(SeqCst);
        for _ in 0..messages {
            if !self.words.receivers.has_sleepers() {
                return;
            }
            self.words.receivers.wake_one_fenced();
        }
    }

    /// The first page of a place's message, if it lies in pages.
    pub(super) fn first_page(&self, places: &Strided<'_>, index: usize) -> Option<u64> {
        if self.layout.fixed.is_some() {
            return None;
        }
        let header = self.region.at::<AtomicU64>(places.body(index)).load(Relaxed);
        (header as u32 as usize > self.layout.inline_bytes()).then_some(header >> 32)
    }

    /// The message of a position that this seat has taken is over; whether pages are free for it.
    fn end(&self, ring: &Slots<'_, '_>, slots: &Strided<'_>, seat: Seat, position: u64) -> bool {
        let first = self.first_page(slots, ring.index(position));
        if let Some(first) = first {
            ring.empty(seat, position);
            self.heap().free(position, first);
        }
        ring.release(position);
        first.is_some()
    }

    /// Writes a message into a place, or into pages for which there is room.
    pub(super) fn write(
        &self,
        places: &Strided<'_>,
        index: usize,
        position: u64,
        bytes: &[u8],
    ) -> Result<(), Broken> {
        let body = places.body(index);
        if self.layout.fixed.is_some() {
            self.region.store_bytes(body, bytes);
            return Ok(());
        }
        let first = if self.is_large(bytes) {
            self.heap().store(position, bytes)?
        } else {
            self.region.store_bytes(body + 8, bytes);
            0
        };
        let header = bytes.len() as u64 | first << 32;
        self.region.at::<AtomicU64>(body).store(header, Relaxed);
        Ok(())
    }

    /// Reads the message of a place.
    pub(super) fn read(
        &self,
        places: &Strided<'_>,
        index: usize,
        position: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let body = places.body(index);
        if let Some(bytes) = self.layout.fixed {
            self.region.load_bytes_into(body, bytes, into);
            return Ok(());
        }
        let header = self.region.at::<AtomicU64>(body).load(Relaxed);
        let len = header as u32 as usize;
        if len <= self.layout.inline_bytes() {
            self.region.load_bytes_into(body + 8, len, into);
            return Ok(());
        }
        self.heap().load((position, header >> 32), len, into)
    }

    /// Takes the first message out, if there is one now.
    pub(super) fn try_get(&self, seat: Seat, into: &mut Vec<u8>) -> Result<Option<()>> {
        let slots = self.slots();
        let ring = Ring::over(&self.words.ends, &slots);
        let Some(position) = ring.take(seat)? else { return self.nothing(&ring) };
        let read = self.read(&slots, ring.index(position), position, into);
        let freed_pages = self.end(&ring, &slots, seat, position);
        self.after_get(freed_pages);
        read?;
        Ok(Some(()))
    }

    /// There is no message now: nor will there be, of a closed queue that nobody is about to fill.
    fn nothing<T>(&self, ring: &Slots<'_, '_>) -> Result<Option<T>> {
        if !self.is_closed() {
            return Ok(None);
        }
        fence(SeqCst);
        let is_over = !ring.has_any()? && self.cells_returned() == 0;
        if is_over { Err(closed()) } else { Ok(None) }
    }

    /// Wakes who waits for room.
    fn after_get(&self, freed_pages: bool) {
        self.words.senders.wake_one();
        if freed_pages {
            self.words.heap.wake_all();
        }
        // They may have waited for this message to be over.
        if self.is_closed() {
            self.words.receivers.wake_all();
        }
    }

    /// Leases the first message, if there is one now.
    pub(super) fn try_lease(&self, seat: Seat, into: &mut Vec<u8>) -> Result<Option<Leased>> {
        let (slots, places) = (self.slots(), self.cells());
        let cells = Cells::over(&places, &self.words.returned.0);
        let ring = Ring::over(&self.words.ends, &slots);
        let leased = if let Some((cell, position)) = cells.take(seat) {
            Leased { cell, position }
        } else {
            let Some(position) = ring.take(seat)? else { return self.nothing(&ring) };
            let Some(cell) = cells.claim(seat, position, self.first_cell()) else {
                ring.fill(position);
                self.words.receivers.wake_one();
                return Err(self.too_many_leases());
            };
            places.copy(cell, &slots, ring.index(position));
            cells.lease(seat, cell, position);
            ring.release(position);
            self.after_get(false);
            Leased { cell, position }
        };
        if let Err(damaged) = self.read(&places, leased.cell, leased.position, into) {
            self.settle(seat, leased);
            return Err(damaged.into());
        }
        Ok(Some(leased))
    }

    fn too_many_leases(&self) -> Error {
        Error::Limit {
            what: "the number of leases at once",
            asked: self.layout.cells as u64 + 1,
            limit: self.layout.cells as u64,
            remedy: "settle some first",
        }
    }

    /// Where this thread looks for a free cell first: where it last gave one up, which is in its cache.
    fn first_cell(&self) -> usize {
        LAST_CELL.get().unwrap_or(Seat::here().index() * CELLS_APART) % self.layout.cells.max(1)
    }

    /// A lease is done.
    pub(super) fn settle(&self, seat: Seat, leased: Leased) {
        let Leased { cell, position } = leased;
        let places = self.cells();
        let cells = Cells::over(&places, &self.words.returned.0);
        if let Some(first) = self.first_page(&places, cell) {
            cells.empty(seat, cell, position);
            self.heap().free(position, first);
            self.words.heap.wake_all();
        }
        cells.release(cell);
        LAST_CELL.set(Some(cell));
        fence(SeqCst);
        // Only who settles the last one wakes; while messages wait, somebody will settle after this.
        if self.words.joiners.has_sleepers() && self.is_empty().unwrap_or(true) {
            self.words.joiners.wake_all();
        }
    }

    /// A lease goes back.
    pub(super) fn give_back(&self, leased: Leased) {
        let places = self.cells();
        Cells::over(&places, &self.words.returned.0).give_back(leased.cell, leased.position);
        self.words.receivers.wake_one();
    }

    fn cells_returned(&self) -> usize {
        if self.words.returned.0.load(Acquire) & 1 == 0 {
            return 0;
        }
        Cells::over(&self.cells(), &self.words.returned.0).count(&[Phase::Filled])
    }

    /// Messages that can be got.
    pub(super) fn len(&self) -> Result<usize, Broken> {
        let waiting = Ring::over(&self.words.ends, &self.slots()).count(&[Phase::Filled])?;
        Ok(waiting + self.cells_returned())
    }

    pub(super) fn is_empty(&self) -> Result<bool, Broken> {
        let ring_empty = Ring::over(&self.words.ends, &self.slots()).is_empty()?;
        Ok(ring_empty && self.cells_returned() == 0)
    }

    pub(super) fn is_full(&self) -> Result<bool, Broken> {
        Ring::over(&self.words.ends, &self.slots()).is_full()
    }

    /// Messages that were put and are not done.
    pub(super) fn unfinished(&self) -> Result<usize, Broken> {
        let (slots, cells) = (self.slots(), self.cells());
        let ring = Ring::over(&self.words.ends, &slots);
        Cells::over(&cells, &self.words.returned.0).unfinished(&ring)
    }

    /// Whether all that was put is done.
    pub(super) fn is_finished(&self) -> Result<bool, Broken> {
        let (slots, cells) = (self.slots(), self.cells());
        let ring = Ring::over(&self.words.ends, &slots);
        Cells::over(&cells, &self.words.returned.0).is_finished(&ring)
    }
}

/// Cells that the first leases of two seats are apart: a few cache lines.
const CELLS_APART: usize = 8;

thread_local! {
    static LAST_CELL: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
}
