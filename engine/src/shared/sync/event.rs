//! An event: one word.
//!
//! | bits | what |
//! |---|---|
//! | 0 | whether it is set |
//! | 1 | whether whoever waits for it takes it back |
//! | 2 to 63 | generation: how often it was set |
//!
//! Who waits for an event that stays set is done when it is set, or its generation is another than at
//! the beginning: so who sets it and takes it back at once releases all that waited, whether or not they
//! have come to look. Where it is taken back by who waits, one exchange of the word decides who that is.

use crate::memory::Shareable;
use crate::shared::exchange::{Gate, wait};
use crate::shared::protocol::Line;
use std::convert::Infallible;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::time::Instant;

const SET: u64 = 1;
const AUTOMATIC: u64 = 2;
const GENERATION: u64 = 4;

/// Who takes an event back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reset {
    /// Whoever says so.
    Manual,
    /// The one that waited for it.
    Automatic,
}

/// See the module.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Event {
    state: Line<AtomicU64>,
    gate: Gate,
}

// SAFETY: nothing but atomics, a gate and padding.
unsafe impl Shareable for Event {}

impl Event {
    /// Sets up zeroed words.
    pub(crate) fn begin(&self, reset: Reset) {
        let automatic = if reset == Reset::Automatic { AUTOMATIC } else { 0 };
        self.state.0.store(automatic, Release);
    }

    pub(crate) fn set(&self) {
        let next = |state: u64| (state & SET == 0).then(|| state.wrapping_add(GENERATION) | SET);
        match self.state.0.fetch_update(AcqRel, Acquire, next) {
            Ok(state) if state & AUTOMATIC != 0 => self.gate.wake_one(),
            Ok(_) => self.gate.wake_all(),
            Err(_) => {}
        }
    }

    pub(crate) fn clear(&self) {
        self.state.0.fetch_and(!SET, AcqRel);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.state.0.load(Acquire) & SET != 0
    }

    /// Whether a wait that began in this state is over; takes the event back where that is to be.
    fn is_over(&self, began: u64) -> bool {
        let state = self.state.0.load(Acquire);
        if state & AUTOMATIC == 0 {
            return state & SET != 0 || state / GENERATION != began / GENERATION;
        }
        let take = |state: u64| (state & SET != 0).then_some(state & !SET);
        self.state.0.fetch_update(AcqRel, Acquire, take).is_ok()
    }

    /// Waits for it without sleeping.
    pub(crate) fn try_wait(&self) -> bool {
        self.is_over(self.state.0.load(Acquire))
    }

    /// Waits for it; false if the time is up before.
    pub(crate) fn wait(&self, until: Option<Instant>) -> bool {
        let began = self.state.0.load(Acquire);
        let over = || Ok::<_, Infallible>(self.is_over(began).then_some(()));
        let Ok(over) = wait(&self.gate, until, over);
        over.is_some()
    }

    /// After any participant's end.
    pub(crate) fn bury(&self) {
        self.gate.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{ARRAYS, Region};

    fn event(region: &Region, reset: Reset) -> &Event {
        let event = region.at::<Event>(ARRAYS);
        event.begin(reset);
        event
    }

    #[test]
    fn a_set_that_is_taken_back_at_once_ends_the_waits_that_had_begun() {
        let region = Region::create(8 << 20).unwrap();
        let event = event(&region, Reset::Manual);
        let began = event.state.0.load(Acquire);
        assert!(!event.is_over(began));
        event.set();
        event.clear();
        assert!(event.is_over(began) && !event.is_set());
        assert!(!event.is_over(event.state.0.load(Acquire)), "later waits have not begun then");
    }

    #[test]
    fn an_automatic_event_releases_one() {
        let region = Region::create(8 << 20).unwrap();
        let event = event(&region, Reset::Automatic);
        event.set();
        event.set();
        assert!(event.try_wait() && !event.try_wait());
        event.set();
        event.clear();
        assert!(!event.try_wait());
    }

    #[test]
    fn who_waits_is_woken() {
        for reset in [Reset::Manual, Reset::Automatic] {
            let region = Region::create(8 << 20).unwrap();
            let event = event(&region, reset);
            std::thread::scope(|scope| {
                let waiters = [(); 3].map(|()| scope.spawn(|| event.wait(None)));
                for waiter in waiters {
                    while !waiter.is_finished() {
                        event.set();
                        std::thread::yield_now();
                    }
                    assert!(waiter.join().unwrap());
                }
            });
        }
    }
}
