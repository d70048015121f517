//! The side that puts bytes in.

use super::frame::{self, HEADER};
use super::wait::Wish;
use super::{Ring, Side, damaged};
use crate::error::{Error, Result};
use crate::machine::Until;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};

/// See the module. Only one at a time may be over a ring.
#[derive(Debug)]
pub(crate) struct Producer {
    ring: Ring,
    /// Where it is; up to here bytes are in the ring.
    head: u64,
    /// Up to where the consumer has been told.
    published: u64,
    /// Where the consumer was when last looked at.
    tail: u64,
}

impl Producer {
    pub(crate) fn over(ring: Ring) -> Producer {
        let head = ring.position(Side::Producer).load(Relaxed);
        // Any place at or before the consumer's will do: it is looked at when there seems no room.
        let tail = head.saturating_sub(ring.capacity);
        Producer { ring, head, published: head, tail }
    }

    /// An error if the consumer is no more.
    #[inline]
    pub(crate) fn refuse_closed(&self) -> Result<()> {
        self.ring.refuse_closed(Side::Consumer)
    }

    /// Whether there is room for so many bytes.
    #[inline]
    pub(crate) fn has_room(&mut self, bytes: u64) -> Result<bool> {
        let end = self.head + bytes;
        if end - self.tail <= self.ring.capacity {
            return Ok(true);
        }
        let tail = self.ring.position(Side::Consumer).load(Acquire);
        if tail > self.head || self.head - tail > self.ring.capacity {
            return Err(damaged());
        }
        self.tail = tail;
        Ok(end - tail <= self.ring.capacity)
    }

    /// Waits for room; false if the time is up.
    #[inline]
    pub(crate) fn wait_for_room(&mut self, bytes: u64, until: Until) -> Result<bool> {
        if self.has_room(bytes)? {
            return Ok(true);
        }
        if until == Until::Now {
            return Ok(false);
        }
        // The consumer cannot make room of what it does not know of.
        self.publish();
        let capacity = self.ring.capacity;
        let with_room = |bytes: u64| (self.head + bytes.min(capacity)).saturating_sub(capacity);
        let wish = Wish {
            ring: self.ring,
            side: Side::Producer,
            least: with_room(bytes),
            awake: with_room(bytes.max(capacity / 8)),
            asleep: with_room(bytes.max(capacity / 2)),
        };
        Ok(wish.wait(until)? && self.has_room(bytes)?)
    }

    /// Copies bytes in behind the others, for which there must be room. The next will follow after
    /// `stride` bytes.
    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8], stride: u64) {
        let place = (self.head & (self.ring.capacity - 1)) as usize;
        let before_end = self.ring.capacity as usize - place;
        // SAFETY: the place lies in the ring, as its capacity is a power of two; no more is copied than
        // up to its end, and the rest from its beginning on, which is no more than its capacity, as
        // asserted. The bytes are not the consumer's: the position has not passed them.
        unsafe {
            let to = self.ring.bytes.as_ptr().add(place);
            if bytes.len() <= before_end {
                to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            } else {
                assert!(bytes.len() <= self.ring.capacity as usize, "more than the ring");
                to.copy_from_nonoverlapping(bytes.as_ptr(), before_end);
                let rest = bytes.as_ptr().add(before_end);
                self.ring.bytes.as_ptr().copy_from_nonoverlapping(rest, bytes.len() - before_end);
            }
        }
        self.head += stride;
    }

    /// Tells the consumer of all that was put in.
    #[inline]
    pub(crate) fn publish(&mut self) {
        if self.published == self.head {
            return;
        }
        self.ring.position(Side::Producer).store(self.head, SeqCst);
        self.published = self.head;
        self.ring.wake_if_wanted(Side::Consumer, self.head);
    }

    /// Tells the consumer if it has much to do with what was put in.
    #[inline]
    pub(crate) fn publish_much(&mut self) {
        if self.head - self.published >= self.ring.capacity / 8 {
            self.publish();
        }
    }

    /// Puts a message of any length in, in frames; false if the time is up, and then the message is
    /// void. The consumer is told of it but of its last frame.
    pub(crate) fn put_message(&mut self, message: &[u8], until: Until) -> Result<bool> {
        let piece = self.ring.piece();
        if until == Until::Now && !self.has_room_at_once(message.len() as u64)? {
            return Ok(false);
        }
        let mut rest = message;
        loop {
            let here = rest.len().min(piece as usize);
            let is_last = here == rest.len();
            let bytes = frame::bytes(here as u64);
            // Room for one header is always left where a message goes on: it may be given up.
            let needed = if is_last { bytes } else { bytes + HEADER };
            if !self.wait_for_room(needed, until)? {
                if rest.len() < message.len() {
                    self.put(&frame::GIVEN_UP.to_ne_bytes(), HEADER);
                    self.publish();
                }
                return Ok(false);
            }
            self.put(&frame::header(rest.len() as u64).to_ne_bytes(), HEADER);
            self.put(&rest[..here], bytes - HEADER);
            if is_last {
                return Ok(true);
            }
            self.publish();
            rest = &rest[here..];
        }
    }

    /// Whether there is room for a whole message, which there must be some time.
    fn has_room_at_once(&mut self, len: u64) -> Result<bool> {
        let piece = self.ring.piece();
        let (whole, rest) = (len / piece, len % piece);
        let last = if rest > 0 || len == 0 { frame::bytes(rest) } else { 0 };
        let all = whole * frame::bytes(piece) + last;
        if all > self.ring.capacity {
            return Err(Error::Limit {
                what: "the size of a message that is to be sent at once or not at all",
                asked: all,
                limit: self.ring.capacity,
                remedy: "send it with `send` or `send_timeout`, or make a larger pipe",
            });
        }
        self.has_room(all)
    }
}
