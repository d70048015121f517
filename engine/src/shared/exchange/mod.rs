//! An exchange: messages from many to many, first in, first out. The words of the toolbox's queues (the
//! engine's own queue of tasks is `shared/queue.rs`).
//!
//! A message lies in a **place**: a slot of the [`Ring`], or one of the cells in which leased messages
//! are kept. Each place has one state word (phase, owner's seat, position), and every change of it is one
//! store or compare-exchange by whom the phase names:
//!
//! | phase | whose it is | next |
//! |---|---|---|
//! | FREE | nobody's | FILLING, by whoever claims it |
//! | FILLING | its owner's: the message is being written | FILLED; of a cell TAKEN; FREE, if it is given up |
//! | FILLED | anybody's | TAKEN, by whoever claims it |
//! | TAKEN | its owner's: being read, or of a cell leased | FREE; EMPTYING; FILLED again, given back |
//! | EMPTYING | its owner's: the message is gone, its pages are being freed | FREE |
//!
//! **Positions.** A slot's word also says which position of the endless sequence it stands for. Position
//! p is claimed by whoever makes its slot's word from FREE(p) FILLING(p); only then does the tail move past
//! it, by anybody who finds it claimed. So claimed positions are without a gap, and FREE(p) found at p
//! says that nothing lies behind. A slot that is emptied becomes FREE(p + 1 lap): who finds a greater
//! position than the one looked for knows that this one is over.
//!
//! **Order.** Receivers look from the head on, and pass what is being filled or read: a process that is
//! stopped there holds up nobody until the ring has gone round. A receiver that passed a slot being
//! filled looks once more before it takes one behind: the first may have been filled meanwhile, by who
//! then filled the second.
//!
//! **Deaths.** The burial of a seat looks at all places that name it. FILLING: nobody was told of the
//! message, its pages are freed and the place is. TAKEN: it is FILLED again, and if a copy is in a cell
//! already (a lease was being made when its process died), that copy is freed first. EMPTYING: the
//! message was done with, its pages and the place are freed. A death between two of its owner's stores is
//! a death in one of these phases; a death after a claim and before the tail has moved is made up for by
//! the next sender. A position that was given up stays over: its slot is used again when the tail comes
//! round to it, so until the messages before it are got the ring has one place less. Messages move from slots to cells and never back, and the cell is TAKEN before the
//! slot is FREE, so who looks at the ring first and at the cells then misses none.
//!
//! **Pages.** What does not fit its place lies in pages of a heap; each page's word names the position
//! of the message that it belongs to, so whoever ends that message (or buries who was to) finds them.
//! Only the heap's holder takes pages, so what it has counted as free stays free; the holder's word names
//! its seat, and is cleared by its burial. A holder that waits for pages says so there: nobody else who
//! waits gets any before it, but who has pages leased, for which it may be waiting, takes its place.
//!
//! **Waking.** A waiter registers, looks once more and sleeps; a waker changes the state, then looks for
//! registrations, with a SeqCst fence on both sides. See [`Gate`].

mod cells;
mod gate;
mod heap;
mod ring;
mod state;

use crate::error::Error;

pub(crate) use cells::Cells;
pub(crate) use gate::{Gate, wait};
pub(crate) use heap::{Heap, HeapWords};
pub(crate) use ring::{Ends, Ring};
pub(crate) use state::{Phase, Places, State, bury};

/// The words say what nobody can have stored: somebody wrote over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

impl From<Broken> for Error {
    fn from(_: Broken) -> Error {
        Error::Broken { what: "a queue" }
    }
}
