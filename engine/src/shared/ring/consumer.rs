//! The side that takes bytes out.

use super::frame::{self, Frame, HEADER};
use super::wait::Wish;
use super::{Ring, Side, damaged};
use crate::error::Result;
use crate::machine::Until;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

/// See the module. Only one at a time may be over a ring.
#[derive(Debug)]
pub(crate) struct Consumer {
    ring: Ring,
    /// Where it is; up to here bytes were taken out.
    tail: u64,
    /// Where the producer was when last looked at.
    head: u64,
    /// Where it has last looked whether the producer waits.
    looked: u64,
}

impl Consumer {
    pub(crate) fn over(ring: Ring) -> Consumer {
        let tail = ring.position(Side::Consumer).load(Relaxed);
        Consumer { ring, tail, head: tail, looked: tail }
    }

    /// An error if the producer is no more. What it has put in may still be there.
    pub(crate) fn refuse_closed(&self) -> Result<()> {
        self.ring.refuse_closed(Side::Producer)
    }

    /// Whether so many bytes are there, of which the producer puts in all or none.
    #[inline]
    pub(crate) fn has(&mut self, bytes: u64) -> Result<bool> {
        if self.head - self.tail >= bytes {
            return Ok(true);
        }
        let head = self.ring.position(Side::Producer).load(Acquire);
        let there = head.wrapping_sub(self.tail);
        if there > self.ring.capacity || (1..bytes).contains(&there) {
            return Err(damaged());
        }
        self.head = head;
        Ok(there >= bytes)
    }

    /// Waits for bytes; false if the time is up. An error if the producer is no more and has left
    /// none.
    pub(crate) fn wait(&mut self, until: Until) -> Result<bool> {
        let next = self.tail + 1;
        let (ring, side) = (self.ring, Side::Consumer);
        let wish = Wish { ring, side, least: next, awake: next, asleep: next };
        wish.wait(until)
    }

    /// Copies bytes out, which must be there. The next follow after `stride` bytes.
    ///
    /// # Safety
    ///
    /// `into` must have room for so many bytes.
    #[inline]
    pub(crate) unsafe fn take(&mut self, into: NonNull<u8>, bytes: usize, stride: u64) {
        let place = (self.tail & (self.ring.capacity - 1)) as usize;
        let before_end = self.ring.capacity as usize - place;
        // SAFETY: as in `Producer::put`; the bytes are this side's, as the producer's position has
        // passed them. There is room for them, as the caller promises.
        unsafe {
            let (from, into) = (self.ring.bytes.as_ptr().add(place), into.as_ptr());
            if bytes <= before_end {
                into.copy_from_nonoverlapping(from, bytes);
            } else {
                assert!(bytes <= self.ring.capacity as usize, "more than the ring");
                into.copy_from_nonoverlapping(from, before_end);
                let rest = into.add(before_end);
                rest.copy_from_nonoverlapping(self.ring.bytes.as_ptr(), bytes - before_end);
            }
        }
        self.tail += stride;
    }

    /// The frame that is next, if one is there.
    pub(crate) fn frame(&mut self) -> Result<Option<Frame>> {
        if !self.has(HEADER)? {
            return Ok(None);
        }
        let mut header = [0; HEADER as usize];
        let tail = self.tail;
        // SAFETY: the array has room for a header.
        unsafe { self.take(NonNull::from(&mut header).cast(), header.len(), 0) };
        debug_assert_eq!(tail, self.tail, "a header that was looked at is still there");
        let frame = frame::read(u64::from_ne_bytes(header), self.ring.piece());
        let frame = frame.ok_or_else(damaged)?;
        match frame {
            Frame::Rest { here, .. } if !self.has(frame::bytes(here))? => Err(damaged()),
            frame => Ok(Some(frame)),
        }
    }

    /// Takes the next frame's bytes of the message out.
    ///
    /// # Safety
    ///
    /// [`frame`](Consumer::frame) has told of it just before, and `into` must have room for its bytes.
    pub(crate) unsafe fn take_frame(&mut self, into: NonNull<u8>, here: u64) {
        self.tail += HEADER;
        // SAFETY: the caller promises that there is room.
        unsafe { self.take(into, here as usize, frame::bytes(here) - HEADER) };
    }

    /// Leaves a frame out that says nothing but that a message was given up.
    pub(crate) fn skip_header(&mut self) {
        self.tail += HEADER;
    }

    /// Gives the room of what was taken out back. Whether the producer waits for it is looked at when
    /// it is much, or all that is known to be there.
    #[inline]
    pub(crate) fn release(&mut self) {
        let position = self.ring.position(Side::Consumer);
        if self.tail != self.head && self.tail - self.looked < self.ring.capacity / 8 {
            position.store(self.tail, Release);
            return;
        }
        position.store(self.tail, SeqCst);
        self.looked = self.tail;
        self.ring.wake_if_wanted(Side::Producer, self.tail);
    }
}
