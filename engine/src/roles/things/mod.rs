//! The engine's methods that make what processes share beside arrays.

mod locks;
mod namespace;
mod pipe;
mod queues;
mod sync;
