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
    /// Of which region, by its address in this process.
    Sending { way: Way, region: usize, luggage: Luggage },
    /// With what came along, if that is not looked up at home.
    Receiving { home: Arc<dyn Home>, luggage: Luggage },
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
    let crossing = Crossing::Sending { way, region, luggage: Luggage::default() };
    match within(crossing, work) {
        (done, Some(Crossing::Sending { luggage, .. })) => (done, luggage),
        (done, _) => (done, Luggage::default()),
    }
}

/// Deserialises, in `work`, what came from another process of this engine, with its luggage if the
/// coordinator has kept that.
pub(crate) fn receiving<T>(home: Arc<dyn Home>, luggage: Luggage, work: impl FnOnce() -> T) -> T {
    within(Crossing::Receiving { home, luggage }, work).0
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
        Some(Crossing::Receiving { home, luggage }) => {
            Arrival::Home(luggage.find(place), Arc::clone(home))
        }
        None => Arrival::Outside,
    })
}
