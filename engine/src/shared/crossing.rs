//! Values on their way to another process: what handles of shared memory among them do.
//!
//! A handle (of an array, a queue, a lock…) is serialised as its place in the region. What keeps that
//! place alive meanwhile is the crossing's luggage, which whoever sends keeps for as long as the
//! receiver may use it. Outside of a crossing a handle of the coordinator refuses to be serialised:
//! nobody would keep its memory. Workers and child processes need no crossing to receive, and what
//! they send on lives as long as the engine.

use super::seat::Seat;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

/// Where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To a child process as its arguments, or back from it as its result: to one receiver, once.
    Process,
    /// To a worker as a task's parameters: to one at a time, and again after a death.
    Task,
    /// To all workers, as a kernel's parameters.
    Kernel,
    /// Through a pipe or a queue, or into a namespace: nobody knows to whom, or for how long.
    Message,
}

/// What is sent along, without a copy.
pub(crate) trait Cargo: Any + Send + Sync {
    /// The receiver is known, and from here on the owner.
    fn hand_over(&self, _to: Seat) {}
    /// Its bytes, of an array that is the receiver's alone.
    fn moved_bytes(&self) -> Option<usize> {
        None
    }
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// All that a crossing value's handles stand for.
#[derive(Default)]
pub(crate) struct Luggage(Vec<(u64, Arc<dyn Cargo>)>);

impl fmt::Debug for Luggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Luggage({} pieces)", self.0.len())
    }
}

impl Luggage {
    /// What moves, rather than being shared, is `to`'s from here on.
    pub(crate) fn hand_over(&self, to: Seat) {
        self.0.iter().for_each(|(_, cargo)| cargo.hand_over(to));
    }

    /// The arrays that move, by place and bytes.
    pub(crate) fn moved(&self) -> Vec<(u64, u64)> {
        let moved =
            |(place, cargo): &(u64, Arc<dyn Cargo>)| Some((*place, cargo.moved_bytes()? as u64));
        self.0.iter().filter_map(moved).collect()
    }

    /// Whether nobody but this luggage has what moves.
    pub(crate) fn has_alone_what_moves(&self) -> bool {
        let is_moved = |cargo: &Arc<dyn Cargo>| cargo.moved_bytes().is_some();
        self.0.iter().all(|(_, cargo)| !is_moved(cargo) || Arc::strong_count(cargo) == 1)
    }

    /// What a receiver finds at these places.
    pub(crate) fn of(pieces: impl IntoIterator<Item = (u64, Arc<dyn Cargo>)>) -> Luggage {
        Luggage(pieces.into_iter().collect())
    }

    fn has(&self, place: u64) -> bool {
        self.0.iter().any(|(at, _)| *at == place)
    }

    /// The piece at this place of the region, if it is a `T`; there no longer.
    fn take<T: Cargo>(&mut self, place: u64) -> Option<Arc<T>> {
        let found = self.find(place)?;
        self.0.retain(|(at, _)| *at != place);
        Some(found)
    }

    /// The piece at this place of the region, if it is a `T`.
    pub(crate) fn find<T: Cargo>(&self, place: u64) -> Option<Arc<T>> {
        let (_, cargo) = self.0.iter().find(|(at, _)| *at == place)?;
        Arc::clone(cargo).as_any().downcast().ok()
    }
}

/// What looks after the coordinator's handles: gives them for their places in the region.
pub(crate) trait Home: Any + Send + Sync {
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

enum Crossing {
    /// Of which region, by its address in this process; and what was read of what moves, to see that
    /// the receiver can.
    Sending { way: Way, region: usize, luggage: Luggage, read: Vec<u64> },
    /// With what came along, if that is not looked up at home, which the coordinator has.
    Receiving { home: Option<Arc<dyn Home>>, luggage: Luggage },
}

thread_local! {
    /// The innermost, as crossings nest: a launch within the description of another.
    static CURRENT: RefCell<Option<Crossing>> = const { RefCell::new(None) };
}

thread_local! {
    /// Why a handle was refused last: not all formats of serde's keep the texts of errors.
    static REFUSAL: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// A handle cannot cross, for this reason.
pub(crate) fn refuse<E: serde::ser::Error>(reason: &'static str) -> E {
    REFUSAL.set(Some(reason));
    E::custom(reason)
}

/// Takes the reason of the latest refusal, if there was one since the last call.
pub(crate) fn take_refusal() -> Option<&'static str> {
    REFUSAL.take()
}

fn within<T>(crossing: Crossing, work: impl FnOnce() -> T) -> (T, Option<Crossing>) {
    /// Puts the outer crossing back, also when the work panics.
    struct Outer(Option<Crossing>);
    impl Drop for Outer {
        fn drop(&mut self) {
            CURRENT.with(|current| *current.borrow_mut() = self.0.take());
        }
    }
    let outer = Outer(CURRENT.with(|current| current.borrow_mut().replace(crossing)));
    let done = work();
    let crossing = CURRENT.with(|current| current.borrow_mut().take());
    drop(outer);
    (done, crossing)
}

/// Serialises, in `work`, what goes this way to processes that share the region at this address.
/// Gives the luggage, to be kept as long as they may use it.
pub(crate) fn sending<T>(way: Way, region: usize, work: impl FnOnce() -> T) -> (T, Luggage) {
    let crossing = Crossing::Sending { way, region, luggage: Luggage::default(), read: vec![] };
    match within(crossing, work) {
        (done, Some(Crossing::Sending { luggage, .. })) => (done, luggage),
        (done, _) => (done, Luggage::default()),
    }
}

/// Deserialises, in `work`, what came to the coordinator from another process of this engine, with its
/// luggage if the coordinator has kept that.
pub(crate) fn receiving<T>(home: Arc<dyn Home>, luggage: Luggage, work: impl FnOnce() -> T) -> T {
    within(Crossing::Receiving { home: Some(home), luggage }, work).0
}

/// Deserialises, in `work`, what came to a child process, with what its coordinator says has moved.
pub(crate) fn receiving_moved<T>(luggage: Luggage, work: impl FnOnce() -> T) -> T {
    within(Crossing::Receiving { home: None, luggage }, work).0
}

/// How a handle departs.
pub(crate) enum Departure {
    /// In the coordinator: its cargo is luggage now.
    Sent(Way),
    /// It belongs to another engine.
    Foreign,
    /// Nothing is being sent.
    Outside,
}

/// A handle of a place in this region is serialised; `cargo` is what keeps it alive.
pub(crate) fn depart(region: usize, place: u64, cargo: Option<Arc<dyn Cargo>>) -> Departure {
    CURRENT.with(|current| match &mut *current.borrow_mut() {
        Some(Crossing::Sending { region: of, .. }) if *of != region => Departure::Foreign,
        Some(Crossing::Sending { way, luggage, .. }) => {
            // What moves is one piece, though it is written once more to be checked.
            let cargo = cargo.filter(|cargo| cargo.moved_bytes().is_none() || !luggage.has(place));
            luggage.0.extend(cargo.map(|cargo| (place, cargo)));
            Departure::Sent(*way)
        }
        _ => Departure::Outside,
    })
}

/// How a handle arrives.
pub(crate) enum Arrival<T> {
    /// At its sender, who makes sure that it can be read: the same once more, without its duties.
    Checked(Option<Arc<T>>),
    /// In the coordinator: what came along, or else what its home has.
    Home(Option<Arc<T>>, Arc<dyn Home>),
    /// Nothing is being received.
    Outside,
}

/// A handle of a place in the region is deserialised.
pub(crate) fn arrive<T: Cargo>(place: u64) -> Arrival<T> {
    CURRENT.with(|current| match &*current.borrow() {
        Some(Crossing::Sending { luggage, .. }) => Arrival::Checked(luggage.find(place)),
        Some(Crossing::Receiving { home: Some(home), luggage }) => {
            Arrival::Home(luggage.find(place), Arc::clone(home))
        }
        Some(Crossing::Receiving { home: None, .. }) | None => Arrival::Outside,
    })
}

/// What moved is deserialised: whoever takes it has it alone, but for its sender, who only makes sure
/// that it can be read.
pub(crate) fn arrive_moved<T: Cargo>(place: u64) -> Option<Arc<T>> {
    CURRENT.with(|current| match &mut *current.borrow_mut() {
        Some(Crossing::Sending { read, .. }) if read.contains(&place) => {
            REFUSAL.set(Some("the same array is sent twice"));
            None
        }
        Some(Crossing::Sending { luggage, read, .. }) => {
            read.push(place);
            luggage.find(place)
        }
        Some(Crossing::Receiving { luggage, .. }) => luggage.take(place),
        None => None,
    })
}
