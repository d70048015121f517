//! Floor 6: the two sides of the protocol, and the engine that users hold.

mod arrays;
mod audit;
mod builder;
mod coordinator;
mod engine;
mod fault_place;
mod launch;
mod open_queue;
#[cfg(feature = "cli")]
mod raw;
mod repair;
mod supervisor;
mod task_queue;
mod tasks;
#[cfg(test)]
mod wild_writes;
mod worker;

pub use builder::{Builder, Pin, Wait};
#[cfg(feature = "cli")]
pub(crate) use coordinator::{About, Buried};
pub use coordinator::{Progress, Stats};
pub use engine::Engine;
pub use task_queue::TaskQueue;
pub use tasks::{TaskResults, Tasks, Unordered};
