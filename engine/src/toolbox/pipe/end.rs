//! One end of a pipe, and how it moves into another process.
//!
//! Whose an end is stands in the ring (its side's state). The duty to close it is a value of its own,
//! which the end shares with the crossing's luggage while it moves: whichever is dropped last closes
//! it. If nothing is started after all, the luggage is dropped, and the other side is told. Once a
//! child is known, the side is its, by one store; it closes it, or its burial does, and what the
//! luggage's duty then finds is no longer open.

use super::Kind;
use crate::error::{Error, Result};
use crate::memory::Region;
use crate::shared::crossing::{self, Cargo, Home};
use crate::shared::ring::{Ring, Side};
use crate::shared::seat::Seat;
use crate::toolbox::anchor::{Anchor, Moved};
use serde::{Deserializer, Serializer, de};
use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module.
pub(super) struct End {
    hold: Mutex<Hold>,
    anchor: Anchor,
    side: Side,
}

/// What this process has of the end.
enum Hold {
    Held(Arc<Duty>),
    /// It has gone.
    Moved,
    /// It was made only to see that it can be read.
    Ghost,
}

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let here = matches!(*self.hold(), Hold::Held(_));
        f.debug_struct("End").field("anchor", &self.anchor).field("here", &here).finish()
    }
}

impl End {
    /// Both ends of a pipe that was just made.
    pub(super) fn both(anchor: &Anchor) -> Result<[End; 2]> {
        Ok([End::of(anchor.clone(), Side::Producer)?, End::of(anchor.clone(), Side::Consumer)?])
    }

    fn of(anchor: Anchor, side: Side) -> Result<End> {
        let ring = ring(&anchor)?;
        let duty = Duty { ring, side, seat: Mutex::new(Seat::here()), anchor: anchor.clone() };
        Ok(End { hold: Mutex::new(Hold::Held(Arc::new(duty))), anchor, side })
    }

    /// The ring, for as long as this value is there.
    pub(super) fn ring(&self) -> Result<Ring> {
        ring(&self.anchor)
    }

    pub(super) fn region(&self) -> &Region {
        self.anchor.region()
    }

    pub(super) fn home(&self) -> Option<Arc<dyn Home>> {
        self.anchor.home()
    }

    /// An error if it has moved away.
    #[inline]
    pub(super) fn refuse_moved(&mut self) -> Result<()> {
        match self.hold.get_mut() {
            Ok(Hold::Held(_)) => Ok(()),
            _ => Err(Error::EndMoved),
        }
    }

    fn hold(&self) -> MutexGuard<'_, Hold> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn depart<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut hold = self.hold();
        let duty = match &*hold {
            Hold::Held(duty) => Some(Arc::clone(duty) as _),
            Hold::Moved => return Err(crossing::refuse("this end of the pipe has moved already")),
            Hold::Ghost => None,
        };
        let done = self.anchor.depart_to_child(self.side as u64, duty, to)?;
        if let Hold::Held(_) = *hold {
            *hold = Hold::Moved;
        }
        Ok(done)
    }

    pub(super) fn arrive<'de, D: Deserializer<'de>>(
        side: Side,
        type_name: &'static str,
        from: D,
    ) -> Result<End, D::Error> {
        let part = (Kind::Pipe, side as u64);
        match Anchor::arrive_in_child::<Duty, D>(part, type_name, from)? {
            Moved::Checked(duty) => {
                let (hold, anchor) = (Mutex::new(Hold::Ghost), duty.anchor.clone());
                Ok(End { hold, anchor, side })
            }
            Moved::Here(anchor) => {
                let end = End::of(anchor, side).map_err(de::Error::custom)?;
                let is_own = end.ring().is_ok_and(|ring| ring.is_open_by(side, Seat::here()));
                is_own.then_some(end).ok_or_else(|| de::Error::custom(Error::EndMoved))
            }
        }
    }
}

/// The ring of a pipe.
fn ring(anchor: &Anchor) -> Result<Ring> {
    // SAFETY: whoever gets it keeps the anchor beside it, which keeps the ring's memory and, in the
    // coordinator, the region; in other processes that is mapped to their end.
    unsafe { Ring::over(anchor.region(), anchor.offset()) }
}

/// The duty to close an end.
struct Duty {
    ring: Ring,
    side: Side,
    /// Whose it is.
    seat: Mutex<Seat>,
    anchor: Anchor,
}

impl Duty {
    fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        self.ring.close(self.side, *self.seat());
    }
}

impl Cargo for Duty {
    fn hand_over(&self, to: Seat) {
        let mut seat = self.seat();
        self.ring.hand_over(self.side, *seat, to);
        *seat = to;
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
