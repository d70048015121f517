//! Where processes wait for each other without a lock.

mod barrier;
mod event;
mod semaphore;

pub use barrier::{Barrier, BarrierWait};
pub use event::Event;
pub use semaphore::{Permit, Semaphore};
