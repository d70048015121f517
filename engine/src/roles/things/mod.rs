//! The engine's methods that make what processes share beside arrays.

mod pipe;
mod queues;
