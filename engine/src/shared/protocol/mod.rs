//! The step protocol: claim, settle, lead, recover. `README.md` beside this file says what it
//! promises and why it holds; the names here are the names there.
//!
//! It is a state machine without I/O over [`Atomics`], so that a model checker can run it: what it
//! needs of its surroundings (frames, kernels, undo blocks, waiting) it asks of a [`Host`].

mod atomics;
mod claim;
mod coordinator;
#[cfg(test)]
mod model;
mod pulse;
mod words;
mod worker;

pub(crate) use atomics::{Atomics, Hardware, Line, QUEUE_SLOTS, Word64};
pub(crate) use coordinator::Culprit;
pub(crate) use pulse::Pulse;
pub(crate) use words::{Blame, Board, Heart, Post};
pub(crate) use worker::{Host, Outcome, Point, Step, Surroundings, Turn};
