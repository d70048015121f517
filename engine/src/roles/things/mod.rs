//! The engine's methods that make what processes share beside arrays.

mod namespace;
mod pipe;
mod queues;
mod shared_value;
