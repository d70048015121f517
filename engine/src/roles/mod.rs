//! Floor 6: the two sides of the protocol, and the engine that users hold.

mod builder;
mod coordinator;
mod engine;
mod launch;
mod supervisor;
mod tasks;
mod worker;

pub use builder::{Builder, Pin, Wait};
pub use coordinator::{Progress, Stats};
pub use engine::Engine;
pub use tasks::{TaskQueue, TaskResults, Tasks, Unordered};
