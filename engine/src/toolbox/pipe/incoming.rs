//! A message that is being received, which may come in several frames.

use crate::error::{Error, Result};
use crate::memory::Element;
use crate::shared::ring::{Consumer, Frame};
use std::ptr::NonNull;

/// Its bytes, put together as units.
#[derive(Debug)]
pub(super) struct Incoming<E> {
    pub(super) units: Vec<E>,
    /// How far it is, if one has begun.
    begun: Option<Begun>,
    /// The units are a message that was only asked for.
    is_whole: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Begun {
    bytes: u64,
    left: u64,
}

impl<E: Element> Incoming<E> {
    pub(super) fn new() -> Incoming<E> {
        Incoming { units: vec![], begun: None, is_whole: false }
    }

    /// Whether a message is here, or a part of one.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.is_some() || self.is_whole
    }

    /// Forgets what there is of a message.
    pub(super) fn clear(&mut self) {
        self.units.clear();
        self.begun = None;
    }

    /// Takes the only unit of a message of one size, which must be there.
    #[inline]
    pub(super) fn take_unit(&mut self, from: &mut Consumer, stride: u64) {
        self.units.clear();
        self.units.reserve(1);
        let into = NonNull::new(self.units.as_mut_ptr()).expect("a vector's memory is not null");
        // SAFETY: there is room for a unit, which any bytes are, and all of it is written.
        unsafe {
            from.take(into.cast(), size_of::<E>(), stride);
            self.units.set_len(1);
        }
    }

    /// Whether a whole message is there, or here. One that comes in several frames must be taken for
    /// that, as it may still be given up.
    pub(super) fn is_there(&mut self, from: &mut Consumer) -> Result<bool> {
        let is_single = match from.frame()? {
            Some(Frame::Rest { left, here }) => left == here && !self.has_begun(),
            _ => false,
        };
        self.is_whole = !is_single && self.take_frames(from)?;
        if self.is_whole {
            from.release();
        }
        Ok(is_single || self.is_whole)
    }

    /// Takes what is there of a message; true if it is whole then, and the units are the message.
    /// Room of what was taken is given back but for that of the last frame.
    pub(super) fn take_frames(&mut self, from: &mut Consumer) -> Result<bool> {
        if std::mem::take(&mut self.is_whole) {
            return Ok(true);
        }
        loop {
            match from.frame()? {
                None => return Ok(false),
                Some(Frame::GivenUp) => {
                    self.clear();
                    from.skip_header();
                    from.release();
                }
                Some(Frame::Rest { left, here }) => {
                    let begun = self.begun_with(left)?;
                    self.take_frame(from, begun, here);
                    if left == here {
                        return Ok(true);
                    }
                    from.release();
                }
            }
        }
    }

    /// The message of which so many bytes are left, with room for all of it.
    fn begun_with(&mut self, left: u64) -> Result<Begun> {
        let begun = match self.begun {
            Some(begun) => begun,
            None => {
                self.units.clear();
                let (bytes, unit) = (left, size_of::<E>() as u64);
                if !bytes.is_multiple_of(unit) {
                    return Err(DAMAGED);
                }
                let reserved = self.units.try_reserve_exact((bytes / unit) as usize);
                reserved.map_err(|e| Error::OutOfMemory {
                    purpose: "a message that arrives",
                    requested: bytes,
                    available: 0,
                    bound: e.to_string(),
                })?;
                Begun { bytes, left }
            }
        };
        if begun.left == left { Ok(begun) } else { Err(DAMAGED) }
    }

    fn take_frame(&mut self, from: &mut Consumer, begun: Begun, here: u64) {
        let Begun { bytes, left } = begun;
        let into = NonNull::new(self.units.as_mut_ptr()).expect("a vector's memory is not null");
        // SAFETY: there is room for all `bytes` of the message (`begun_with`), of which `left` are
        // still to come and `here`, which is no more than that, come now. Any bytes are a unit, and
        // the length is set when all of them are written.
        unsafe {
            from.take_frame(into.cast::<u8>().add((bytes - left) as usize), here);
            if left == here {
                self.units.set_len(bytes as usize / size_of::<E>());
            }
        }
        let left = left - here;
        self.begun = (left > 0).then_some(Begun { bytes, left });
    }
}

const DAMAGED: Error = Error::Broken { what: "a pipe" };
