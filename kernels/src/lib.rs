//! Stock kernels of Gristmill.
#![forbid(unsafe_code)]
mod arithmetic;
mod elementwise;
mod lanes;
mod marker;
mod reduce;
pub use elementwise::{Axpy, CopyTo, Fill, Triad};
pub use reduce::*;
