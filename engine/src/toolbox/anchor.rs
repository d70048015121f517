//! Where a shared thing lies, as this process reaches it; and how its handles travel.

use super::commons::{Commons, Held};
use super::header::{HEADER, Header, Kind};
use super::loan::Loan;
use crate::memory::{Block, Region, Shareable};
use crate::process::worker_region;
use crate::shared::crossing::{self, Arrival, Cargo, Departure, Home, Way};
use crate::shared::seat::Seat;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::sync::Arc;

/// A thing, as this process reaches it. Clones are the same thing.
#[derive(Clone)]
pub(crate) struct Anchor {
    reach: Reach,
    offset: usize,
    id: u64,
}

#[derive(Clone)]
enum Reach {
    /// In the coordinator, whose memory it is.
    Held(Arc<Held>),
    /// In a worker or child process.
    Lent(Arc<Loan>),
}

impl fmt::Debug for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number {} at {:#x}", self.id, self.offset)
    }
}

impl Anchor {
    pub(super) fn held(held: Arc<Held>, id: u64) -> Anchor {
        let offset = held.offset();
        let anchor = Anchor { reach: Reach::Held(held), offset, id };
        anchor.header().hold(Seat::here());
        anchor
    }

    pub(crate) fn region(&self) -> &Region {
        match &self.reach {
            Reach::Held(held) => held.commons().region(),
            Reach::Lent(loan) => loan.region,
        }
    }

    /// Its number, which no other thing of the engine ever has.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// What looks after the handles of messages that arrive here: in the coordinator.
    pub(crate) fn home(&self) -> Option<Arc<dyn Home>> {
        match &self.reach {
            Reach::Held(held) => Some(Arc::clone(held.commons()) as _),
            Reach::Lent(_) => None,
        }
    }

    /// The offset of its own words.
    pub(crate) fn offset(&self) -> usize {
        self.offset + HEADER
    }

    /// Its own words.
    pub(crate) fn words<T: Shareable>(&self) -> &T {
        self.region().at(self.offset())
    }

    /// The array that belongs to it, for the one who has the only handle; else that again.
    pub(super) fn into_array(self) -> Result<Arc<Block>, Anchor> {
        let Anchor { reach, offset, id } = self;
        match reach {
            Reach::Held(held) => {
                held.into_array().map_err(|held| Anchor { reach: Reach::Held(held), offset, id })
            }
            lent @ Reach::Lent(_) => Err(Anchor { reach: lent, offset, id }),
        }
    }

    /// Its region, in another process than the coordinator.
    pub(super) fn lent_region(&self) -> Option<&'static Region> {
        match &self.reach {
            Reach::Held(_) => None,
            Reach::Lent(loan) => Some(loan.region),
        }
    }

    /// The array that belongs to it, in the coordinator.
    pub(super) fn array(&self) -> Option<Arc<Block>> {
        match &self.reach {
            Reach::Held(held) => held.array(),
            Reach::Lent(_) => None,
        }
    }

    fn header(&self) -> &Header {
        self.region().at(self.offset)
    }

    /// Serialises a handle.
    pub(crate) fn depart<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let cargo = match &self.reach {
            Reach::Held(held) => Some(Arc::clone(held) as _),
            Reach::Lent(_) => None,
        };
        match crossing::depart(address(self.region()), self.offset as u64, cargo) {
            // Whoever is sent it may send it on when nobody here knows of it any more.
            Departure::Sent(Way::Message) => self.pin(),
            Departure::Sent(_) => {}
            Departure::Foreign => return Err(crossing::refuse(FOREIGN)),
            // In a worker there is no luggage: it is kept for good.
            Departure::Outside if worker_region().is_some() => self.pin(),
            Departure::Outside => {
                return Err(crossing::refuse(
                    "a handle of shared memory means something to the processes of its engine \
                     alone: pass it as an argument, or send it through a pipe or queue",
                ));
            }
        }
        Passport { offset: self.offset as u64, id: self.id }.serialize(to)
    }

    /// Deserialises a handle.
    pub(crate) fn arrive<'de, D: Deserializer<'de>>(
        kind: Kind,
        type_name: &'static str,
        from: D,
    ) -> Result<Anchor, D::Error> {
        let Passport { offset, id } = Passport::deserialize(from)?;
        let held = match (crossing::arrive::<Held>(offset), worker_region()) {
            (_, Some(region)) => {
                return Anchor::lent(region, offset, id, (kind, type_name)).ok_or_else(lost);
            }
            (Arrival::Checked(held), _) => held,
            (Arrival::Home(held, home), _) => {
                let commons = home.as_any().downcast::<Commons>().ok();
                held.or_else(|| commons.and_then(|commons| commons.find(offset as usize)))
            }
            (Arrival::Outside, None) => {
                return Err(de::Error::custom("a handle of shared memory came from nowhere"));
            }
        };
        let anchor = held.map(|held| Anchor::held(held, id)).ok_or_else(lost)?;
        let is_it = anchor.header().is(kind, id, type_name);
        is_it.then_some(anchor).ok_or_else(lost)
    }

    /// A thing of the coordinator's, if it is what it is said to be; this process has a handle of it from
    /// here on.
    fn lent(
        region: &'static Region,
        offset: u64,
        id: u64,
        (kind, type_name): (Kind, &str),
    ) -> Option<Anchor> {
        let offset = usize::try_from(offset).ok()?;
        let is_it =
            region.holds::<Header>(offset) && region.at::<Header>(offset).is(kind, id, type_name);
        is_it.then(|| Anchor { reach: Reach::Lent(Loan::of(region, offset, id)), offset, id })
    }

    /// Serialises a part of a thing, by its number, that moves rather than being shared: from the
    /// coordinator to a child process, with the duties that it has; and in no other way.
    pub(crate) fn depart_to_child<S: Serializer>(
        &self,
        part: u64,
        duties: Option<Arc<dyn Cargo>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let place = self.offset as u64 + part;
        match crossing::depart(address(self.region()), place, duties) {
            Departure::Sent(Way::Process) if worker_region().is_none() => {}
            Departure::Foreign => return Err(crossing::refuse(FOREIGN)),
            Departure::Sent(_) | Departure::Outside => {
                return Err(crossing::refuse(
                    "it moves as an argument from the process that holds the engine to one child \
                     process, and in no other way: with two at one end messages would be lost. \
                     Use a queue where several send or receive",
                ));
            }
        }
        Passport { offset: self.offset as u64, id: self.id }.serialize(to)
    }

    /// Deserialises what departed in this way.
    pub(crate) fn arrive_in_child<'de, C: Cargo, D: Deserializer<'de>>(
        (kind, part): (Kind, u64),
        type_name: &'static str,
        from: D,
    ) -> Result<Moved<C>, D::Error> {
        let Passport { offset, id } = Passport::deserialize(from)?;
        match (crossing::arrive::<C>(offset.wrapping_add(part)), worker_region()) {
            (Arrival::Checked(Some(duties)), None) => Ok(Moved::Checked(duties)),
            (Arrival::Outside, Some(region)) => {
                let anchor = Anchor::lent(region, offset, id, (kind, type_name));
                anchor.map(Moved::Here).ok_or_else(lost)
            }
            _ => Err(lost()),
        }
    }

    /// It lives as long as the engine from now on.
    fn pin(&self) {
        self.header().pin();
    }
}

pub(super) const FOREIGN: &str = "it belongs to another engine";

/// What has moved.
pub(crate) enum Moved<C> {
    /// Nothing yet: its sender makes sure that it can be read. These are its duties.
    Checked(Arc<C>),
    Here(Anchor),
}

fn lost<E: de::Error>() -> E {
    de::Error::custom("what this handle was of is no more, or of another type")
}

/// By which crossings tell regions apart.
pub(crate) fn address(region: &Region) -> usize {
    std::ptr::from_ref(region).addr()
}

/// A handle on its way.
#[derive(Serialize, Deserialize)]
struct Passport {
    offset: u64,
    id: u64,
}

/// The two halves of serde for a handle type that is an `anchor`, and nothing else, in memory; the last
/// argument says where in the handle it is, if not there.
macro_rules! travels {
    ([$($generics:tt)*] $handle:ty, $kind:expr) => {
        $crate::toolbox::anchor::travels!([$($generics)*] $handle, $kind, anchor);
    };
    ([$($generics:tt)*] $handle:ty, $kind:expr, $($anchor:ident).+) => {
        impl<$($generics)*> serde::Serialize for $handle {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.$($anchor).+.depart(to)
            }
        }

        impl<'de, $($generics)*> serde::Deserialize<'de> for $handle {
            fn deserialize<F: serde::Deserializer<'de>>(from: F) -> Result<Self, F::Error> {
                let name = std::any::type_name::<Self>();
                Ok(Self::over($crate::toolbox::anchor::Anchor::arrive($kind, name, from)?))
            }
        }
    };
}
pub(crate) use travels;
