//! The words of what processes wait at for each other: events, permits, barriers. Each changes by
//! single exchanges of a word, so a death before any instruction leaves one of its states; what is woken
//! too little by it the burial makes up for.

mod barrier;
mod event;
mod permits;

pub(crate) use barrier::{Barrier, Ended, Entry, PARTIES_MAX};
pub(crate) use event::{Event, Reset};
pub(crate) use permits::{Head, Permits, Place, Taken};
