//! Floor 6: the two sides of the protocol, and the engine that users hold.

mod arrays;
mod builder;
mod coordinator;
mod engine;
mod launch;
mod npy;
mod open_queue;
#[cfg(feature = "cli")]
mod raw;
mod repair;
mod supervisor;
mod task_queue;
mod tasks;
mod worker;

pub use builder::{Builder, Pin, Wait};
#[cfg(feature = "cli")]
pub(crate) use coordinator::{About, Buried};
pub use coordinator::{Progress, Stats};
pub use engine::Engine;
pub use task_queue::TaskQueue;
pub use tasks::{TaskResults, Tasks, Unordered};
