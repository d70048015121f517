//! How messages are put: what does not fit its place waits for pages of the heap first, one sender after
//! the other, so that those after it do not take what it waits for.
//!
//! **Leases hold pages.** Who has some leased must not wait for them, nor for somebody who waits for them.
//! So it takes the place of a holder that waits if there is room for its own message; and if there cannot
//! be before leases are settled, it is told so. Others wait for leases: their lessees get on.

use super::layout::Parts;
use super::store::closed;
use crate::error::{Error, Result};
use crate::shared::exchange::{Broken, Ring, wait};
use crate::shared::seat::Seat;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::fence;
use std::time::Instant;

/// Who takes pages of the heap, until it is dropped.
struct Holding<'p, 'r>(&'p Parts<'r>);

impl Drop for Holding<'_, '_> {
    fn drop(&mut self) {
        self.0.heap().give_up();
        self.0.words.heap.wake_all();
    }
}

/// Who waits for pages of the heap.
struct Turn<'p, 'r> {
    parts: &'p Parts<'r>,
    seat: Seat,
    pages: usize,
    /// It was the holder, and let others know for how many pages it waits.
    is_awaited: bool,
}

impl<'p, 'r> Turn<'p, 'r> {
    /// Becomes the holder, and stays it if there is room.
    fn attempt(&mut self) -> Result<Option<Holding<'p, 'r>>> {
        let Turn { parts, seat, pages, .. } = *self;
        let heap = parts.heap();
        if parts.is_closed() {
            return Err(closed());
        }
        if heap.hold(seat) || self.goes_on() || self.overtakes() {
            if heap.has_room(pages) {
                self.is_awaited = false;
                return Ok(Some(Holding(parts)));
            }
            heap.wait_for(seat, pages);
            self.is_awaited = true;
            // Among those who found it held meanwhile there may be one who can overtake it.
            parts.words.heap.wake_all();
        }
        if parts.waits_for_itself(seat, pages) {
            return Err(Error::Limit {
                what: "the room for long messages that leases leave, in pages",
                asked: pages as u64,
                limit: heap.pages().saturating_sub(parts.pages_leased()) as u64,
                remedy: "settle the leases of this process first, or make the queue for more",
            });
        }
        Ok(None)
    }

    /// Becomes the holder again if there may be what it waited for, unless it was overtaken.
    fn goes_on(&self) -> bool {
        let heap = self.parts.heap();
        self.is_awaited && heap.has_room(self.pages) && heap.go_on(self.seat, self.pages)
    }

    /// Becomes the holder in place of one that waits, perhaps for a lease of this seat.
    fn overtakes(&self) -> bool {
        let heap = self.parts.heap();
        let may_overtake = heap.is_awaited() && heap.has_room(self.pages);
        may_overtake && self.parts.has_leases(self.seat) && heap.overtake(self.seat)
    }
}

impl Drop for Turn<'_, '_> {
    fn drop(&mut self) {
        if self.is_awaited && self.parts.heap().go_on(self.seat, self.pages) {
            drop(Holding(self.parts));
        }
    }
}

impl Parts<'_> {
    /// Refuses a message that can never be put.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<()> {
        let limit = self.layout.message_max();
        if bytes.len() > limit {
            return Err(Error::Limit {
                what: "the size of a message in bytes",
                asked: bytes.len() as u64,
                limit: limit as u64,
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
        let has_room = heap.has_room(heap.pages_of(bytes.len()));
        if has_room { self.try_put_held(seat, bytes, wake) } else { Ok(false) }
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
        let mut holding = None;
        if self.is_large(bytes) {
            holding = self.hold_room(seat, bytes.len(), until)?;
            if holding.is_none() {
                return Ok(false);
            }
        }
        if self.try_put_held(seat, bytes, wake)? {
            return Ok(true);
        }
        let is_true = |done: bool| done.then_some(());
        let put =
            wait(&self.words.senders, until, || self.try_put_held(seat, bytes, wake).map(is_true));
        drop(holding);
        if put?.is_none() {
            return Ok(false);
        }
        // Where places became free in another order, one was woken for each, but found the first of them
        // taken still and slept again: after this one there may be room for more.
        if self.words.senders.has_sleepers() && self.has_place()? {
            self.words.senders.wake_one();
        }
        Ok(true)
    }

    fn has_place(&self) -> Result<bool, Broken> {
        Ring::over(&self.words.ends, &self.slots()).is_full().map(|is_full| !is_full)
    }

    /// Waits until there are pages for a message of so many bytes; none if there were not in time.
    fn hold_room(
        &self,
        seat: Seat,
        bytes: usize,
        until: Option<Instant>,
    ) -> Result<Option<Holding<'_, '_>>> {
        let pages = self.heap().pages_of(bytes);
        let mut turn = Turn { parts: self, seat, pages, is_awaited: false };
        wait(&self.words.heap, until, || turn.attempt())
    }

    fn pages_leased(&self) -> usize {
        self.leases_in_pages().iter().map(|(_, pages)| pages).sum()
    }

    /// Whether this seat has leases in pages.
    fn has_leases(&self, seat: Seat) -> bool {
        self.leases_in_pages().iter().any(|(state, _)| state.is_of(seat))
    }

    /// Whether so many pages cannot become free before leases are settled, of which some are this
    /// seat's. What is seen twice has been there at once.
    fn waits_for_itself(&self, seat: Seat, pages: usize) -> bool {
        if self.layout.cells == 0 || self.heap().has_room(pages) {
            return false;
        }
        let leases = self.leases_in_pages();
        let leased: usize = leases.iter().map(|(_, pages)| pages).sum();
        leased + pages > self.heap().pages()
            && leases.iter().any(|(state, _)| state.is_of(seat))
            && self.leases_in_pages() == leases
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
}

#[cfg(test)]
mod tests {
    use super::super::layout::{Layout, with_parts};
    use super::*;

    /// Two sleep; the second place becomes free, for which one is woken that finds the first taken still;
    /// then the first does, and one wake is left for both.
    #[test]
    fn who_has_put_lets_the_next_one_know_of_more_room() {
        let (me, sender) = (Seat::COORDINATOR, Seat::of_worker(3));
        with_parts(Layout::new(2, Some(8), 0).unwrap(), |parts| {
            let (slots, senders) = (parts.slots(), &parts.words.senders);
            let ring = Ring::over(&parts.words.ends, &slots);
            assert!((0..2).all(|_| parts.try_put(me, &[1; 8], true).unwrap()));
            let taken = [ring.take(me).unwrap().unwrap(), ring.take(me).unwrap().unwrap()];
            let until = |count| {
                while senders.sleepers() != count {
                    std::thread::yield_now();
                }
            };
            senders.register();
            std::thread::scope(|scope| {
                scope.spawn(|| assert!(parts.put(sender, &[2; 8], true, None).unwrap()));
                until(2);
                ring.release(taken[1]);
                senders.wake_one();
                until(2);
                ring.release(taken[0]);
                senders.wake_one();
            });
            assert_eq!(senders.sleepers(), 0);
        });
    }

    /// Who waits for pages has those that become free, before others that ask for fewer; but not before
    /// a lessee for whose lease it may be waiting.
    #[test]
    fn who_waits_for_pages_comes_first_but_for_lessees() {
        let (waiting, other) = (Seat::of_worker(3), Seat::of_worker(4));
        with_parts(Layout::new(4, None, 4).unwrap(), |parts| {
            let heap = parts.heap();
            let pages = heap.pages() - 1;
            assert!(parts.try_put(other, &[1; 9000], true).unwrap());
            let mut turn = Turn { parts, seat: waiting, pages, is_awaited: false };
            assert!(turn.attempt().unwrap().is_none());
            assert!(!parts.try_put(other, &[2; 100], true).unwrap());
            let now = Some(Instant::now());
            assert!(!parts.put(other, &[2; 100], true, now).unwrap());
            let leased = parts.try_lease(other, &mut vec![]).unwrap().unwrap();
            assert!(parts.put(other, &[2; 100], true, now).unwrap());
            assert!(turn.attempt().unwrap().is_none());
            parts.settle(other, leased);
            parts.try_get(other, &mut vec![]).unwrap().unwrap();
            drop(turn.attempt().unwrap().expect("there is room"));
            assert!(!heap.overtake(other) && heap.hold(other), "nobody holds it");
        });
    }

    /// Else it would not sleep.
    #[test]
    fn who_waits_for_pages_does_not_wake_itself() {
        with_parts(Layout::new(4, None, 4).unwrap(), |parts| {
            let pages = parts.heap().pages() + 1;
            let mut turn = Turn { parts, seat: Seat::of_worker(3), pages, is_awaited: false };
            assert!(turn.attempt().unwrap().is_none());
            parts.words.heap.register();
            assert!(turn.attempt().unwrap().is_none());
            assert_eq!(parts.words.heap.sleepers(), 1);
        });
    }

    /// Who waits no more for pages holds up nobody.
    #[test]
    fn a_turn_that_is_given_up_is_no_more() {
        let (waiting, other) = (Seat::of_worker(3), Seat::of_worker(4));
        with_parts(Layout::new(4, None, 0).unwrap(), |parts| {
            assert!(parts.try_put(other, &[1; 9000], true).unwrap());
            let now = Some(Instant::now());
            assert!(!parts.put(waiting, &vec![0; 4 << 20], true, now).unwrap());
            assert!(parts.try_put(other, &[2; 100], true).unwrap());
            // Nor does one that died.
            parts.heap().wait_for(waiting, 7);
            parts.heap().disown(waiting);
            assert!(parts.try_put(other, &[2; 100], true).unwrap());
        });
    }
}
