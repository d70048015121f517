//! Queues of many senders and many receivers, plain, joinable and by priority.

mod getting;
mod handle;
mod joinable;
mod layout;
mod plain;
mod priority;
mod putting;
mod ranking;
mod store;

pub use joinable::{JoinableQueue, Lease};
pub use plain::Queue;
pub use priority::PriorityQueue;
