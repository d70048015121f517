//! Floor 2: the one shared mapping, its blocks, and the arrays in it.

mod allocator;
mod array;
mod kept;
mod pages;
mod region;

pub(crate) use allocator::{Block, Budget, Memory};
pub use array::{Array, Element, Elements};
pub(crate) use kept::{Permit, kept_bytes};
pub(crate) use pages::{Pages, make_present};
pub(crate) use region::{ARRAYS, Region, Shareable};
