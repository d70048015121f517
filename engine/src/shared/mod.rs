//! Floor 3: what processes share: the step protocol, the robust lock, the reduction cell, the
//! joinable task queue, rings of bytes; and the crash plan, by which workers die at named points of it all.

pub(crate) mod cell;
pub(crate) mod child;
pub(crate) mod crash;
pub(crate) mod crossing;
pub(crate) mod damage;
pub(crate) mod exchange;
pub(crate) mod lock;
pub(crate) mod protocol;
pub(crate) mod queue;
pub(crate) mod ring;
pub(crate) mod seat;
pub(crate) mod slot;
pub(crate) mod sync;
