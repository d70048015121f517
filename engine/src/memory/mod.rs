//! Floor 2: the one shared mapping, its blocks, and the arrays in it.

mod allocator;
mod array;
mod bytes;
mod capacity;
mod element_type;
mod fence;
mod kept;
mod npy;
mod npy_data;
mod npy_encoding;
pub(crate) mod npy_file;
mod npy_literal;
mod npy_type;
mod pages;
#[cfg(feature = "cli")]
mod raw;
mod region;

#[cfg(feature = "cli")]
pub(crate) use allocator::taken_by;
pub(crate) use allocator::{Block, Budget, Growth, Memory, Use};
pub(crate) use array::bytes_of_shape;
pub use array::{Array, Element, Elements};
pub(crate) use bytes::words_of;
#[cfg(feature = "cli")]
pub(crate) use capacity::available_to_arrays;
pub(crate) use capacity::region_capacity;
#[cfg(feature = "cli")]
pub(crate) use element_type::ElementType;
pub(crate) use fence::PAGE;
pub(crate) use kept::{Permit, kept_bytes};
#[cfg(all(test, feature = "cli"))]
pub(crate) use npy::NpyError;
pub(crate) use npy::{NpyHeader, Order};
pub(crate) use npy_encoding::Encoding;
pub(crate) use pages::{Pages, make_present};
#[cfg(feature = "cli")]
pub(crate) use raw::{RawArgument, RawArray, RawHandle};
#[cfg(any(test, feature = "counting"))]
pub(crate) use region::ARRAYS;
#[cfg(test)]
pub(crate) use region::CONTROL;
pub(crate) use region::{Region, Shareable};
