//! Floor 2: the one shared mapping, its blocks, and the arrays in it.

mod allocator;
mod array;
mod element_type;
mod kept;
mod npy;
mod npy_literal;
mod pages;
#[cfg(feature = "cli")]
mod raw;
mod region;

pub(crate) use allocator::{Block, Budget, Memory};
pub use array::{Array, Element, Elements};
pub(crate) use element_type::ElementType;
pub(crate) use npy::NpyHeader;
pub(crate) use kept::{Permit, kept_bytes};
pub(crate) use pages::{Pages, make_present};
#[cfg(feature = "cli")]
pub(crate) use raw::{RawArgument, RawArray, RawHandle};
pub(crate) use region::{ARRAYS, Region, Shareable};
