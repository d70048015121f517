//! What a queue holds, as bytes: how messages are written into their places and read, and what is told of
//! them. How they are put and got is in `putting` and `getting`; handles give them types.

use super::layout::{Layout, Parts, Strided};
use crate::error::Error;
use crate::memory::Region;
use crate::shared::exchange::{Broken, Cells, Gate, Phase, Places, Ring, State, bury};
use crate::shared::protocol::Hardware;
use crate::shared::seat::{Gone, Seat};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

pub(super) type Slots<'s, 'r> = Ring<'s, Hardware, Strided<'r>>;

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
    parts.gates().into_iter().for_each(Gate::ring);
}

impl Parts<'_> {
    fn gates(&self) -> [&Gate; 4] {
        let words = self.words;
        [&words.receivers, &words.senders, &words.heap, &words.joiners]
    }

    pub(super) fn wake_everybody(&self) {
        self.gates().into_iter().for_each(Gate::wake_all);
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.words.closed.0.load(Acquire) != 0
    }

    pub(super) fn close(&self) {
        self.words.closed.0.store(1, Release);
        self.wake_everybody();
    }

    #[inline]
    pub(super) fn is_large(&self, bytes: &[u8]) -> bool {
        bytes.len() > self.layout.inline_bytes()
    }

    /// The first page of a place's message, if it lies in pages.
    #[inline]
    pub(super) fn first_page(&self, places: &Strided<'_>, index: usize) -> Option<u64> {
        self.in_pages(places, index).map(|(first, _)| first)
    }

    /// The first page of a place's message and its length, if it lies in pages.
    #[inline]
    fn in_pages(&self, places: &Strided<'_>, index: usize) -> Option<(u64, usize)> {
        if self.layout.fixed.is_some() {
            return None;
        }
        let header = self.region.at::<AtomicU64>(places.body(index)).load(Relaxed);
        let len = header as u32 as usize;
        (len > self.layout.inline_bytes()).then_some((header >> 32, len))
    }

    /// The leases whose messages lie in pages, and how many each.
    pub(super) fn leases_in_pages(&self) -> Vec<(State, usize)> {
        let (cells, heap) = (self.cells(), self.heap());
        let taken = cells.all().filter(|(_, state)| state.phase == Phase::Taken);
        let in_pages = taken.filter_map(|(cell, state)| {
            self.in_pages(&cells, cell).map(|(_, len)| (state, heap.pages_of(len)))
        });
        in_pages.collect()
    }

    /// The message of a position that this seat has taken is over; whether pages are free for it.
    #[inline]
    pub(super) fn end(
        &self,
        ring: &Slots<'_, '_>,
        slots: &Strided<'_>,
        seat: Seat,
        position: u64,
    ) -> bool {
        let first = self.first_page(slots, ring.index(position));
        if let Some(first) = first {
            ring.empty(seat, position);
            self.heap().free(position, first);
        }
        ring.release(position);
        first.is_some()
    }

    /// Writes a message into a place, or into pages for which there is room.
    #[inline]
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
    #[inline]
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

    /// Whether there is no place for a message, or no page for one that does not fit its place.
    pub(super) fn is_full(&self) -> Result<bool, Broken> {
        let ring_full = Ring::over(&self.words.ends, &self.slots()).is_full()?;
        Ok(ring_full || !self.has_page())
    }

    /// Whether a page is free, if messages can lie in pages.
    pub(super) fn has_page(&self) -> bool {
        self.layout.fixed.is_some() || self.heap().has_room(1)
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

#[cfg(test)]
mod tests {
    use super::super::layout::with_parts;
    use super::*;
    use crate::memory::ARRAYS;
    use std::time::Instant;

    /// Whom a dead waker has counted as woken, nobody else wakes.
    #[test]
    fn a_burial_wakes_all_who_sleep_counted_or_not() {
        let gone = Gone { seat: Seat::of_worker(3), cleanly: false };
        with_parts(Layout::new(4, Some(8), 4).unwrap(), |parts| {
            let registered = parts.gates().map(|gate| {
                let registered = gate.register();
                gate.leave_half_woken();
                registered
            });
            bury_queue(parts.region, ARRAYS, gone);
            for (gate, registered) in parts.gates().into_iter().zip(registered) {
                assert!(gate.sleep(registered, Some(Instant::now())));
            }
        });
    }
}
