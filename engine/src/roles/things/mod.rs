//! How an engine makes what its processes share beside arrays.

mod namespace;
