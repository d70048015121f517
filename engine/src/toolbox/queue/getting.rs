//! How messages are got: taken out, or leased.

use super::layout::Parts;
use super::store::{Slots, closed};
use crate::error::{Error, Result};
use crate::shared::exchange::{Cells, Ring};
use crate::shared::seat::Seat;
use std::cell::Cell;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::fence;

/// A message that is leased: where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leased {
    pub(super) cell: usize,
    pub(super) position: u64,
}

/// Cells that the first leases of two seats are apart: a few cache lines.
const CELLS_APART: usize = 8;

thread_local! {
    static LAST_CELL: Cell<Option<usize>> = const { Cell::new(None) };
}

impl Parts<'_> {
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

    /// There is no message now: nor will there be, of a closed queue that nobody is about to fill, and to
    /// which nobody can give one back.
    fn nothing<T>(&self, ring: &Slots<'_, '_>) -> Result<Option<T>> {
        if !self.is_closed() {
            return Ok(None);
        }
        fence(SeqCst);
        let places = self.cells();
        let is_over = Cells::over(&places, &self.words.returned.0).is_over(ring)?;
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
        if self.first_page(&places, leased.cell).is_some() {
            // Who waits for room in vain now is to see it.
            self.words.heap.wake_all();
        }
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
        // Of a closed queue this may have been the last that could come back.
        if self.is_closed() {
            self.words.receivers.wake_all();
        }
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
}
