//! Floor 3: what processes share: the step protocol, the robust lock, the reduction cell and the
//! joinable task queue.

pub(crate) mod cell;
pub(crate) mod damage;
pub(crate) mod lock;
pub(crate) mod protocol;
pub(crate) mod queue;
pub(crate) mod slot;
