//! The step protocol: claim, settle, lead, recover. `README.md` beside this file says what it
//! promises and why it holds; the names here are the names there.
//!
//! It is a state machine without I/O over [`Atomics`], so that a model checker can run it: what it
//! needs of its surroundings (frames, kernels, undo blocks, waiting) it asks of a [`Host`].

mod atomics;
mod audit;
mod claim;
mod coordinator;
mod crash_point;
#[cfg(test)]
mod model;
mod pulse;
mod words;
mod worker;

pub(crate) use atomics::{Atomics, Hardware, Line, QUEUE_SLOTS, Word64};
pub(crate) use audit::Standstill;
pub(crate) use coordinator::Culprit;
pub use crash_point::CrashPoint;
pub(crate) use pulse::Pulse;
pub(crate) use words::{Blame, Board, Heart, Post};
pub(super) use worker::Held;
pub(crate) use worker::{Host, Outcome, Step, Surroundings, Turn};
