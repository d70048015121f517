//! The engine's methods that make what processes share beside arrays.

mod frozen;
mod locks;
mod namespace;
mod pipe;
mod queues;
mod sync;
