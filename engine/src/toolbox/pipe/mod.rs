//! Pipes: messages from one process to another, through a ring of bytes in the region.
//!
//! An end belongs to one process at a time, which the ring's words name; [`end`] has how it moves.
//! Messages of one size lie in the ring one behind the other, all others in frames.

mod duplex;
mod end;
mod incoming;
mod receiver;
mod sender;

pub use duplex::Duplex;
pub use receiver::Receiver;
pub use sender::Sender;

use super::codec::{Codec, Serde};
use super::commons::{Commons, Spec};
use super::header::Kind;
use crate::compute::Portable;
use crate::error::{Error, Result};
use crate::shared::ring::{CAPACITY_MIN, Ring};
use crate::shared::seat::Seat;
use end::End;
use std::marker::PhantomData;
use std::sync::Arc;

/// The name of this type is how ends of other types are told apart.
struct Types<T: ?Sized, C>(PhantomData<(C, T)>);

fn type_name<T: ?Sized, C: Codec<T>>() -> &'static str {
    std::any::type_name::<Types<T, C>>()
}

/// Bytes of the ring from one message to the next, where all have the same size. Not 0, as they are
/// counted by their bytes.
const fn stride<T: ?Sized, C: Codec<T>>() -> Option<u64> {
    match C::BYTES {
        Some(0) => Some(1),
        Some(bytes) => Some(bytes as u64),
        None => None,
    }
}

/// A pipe with room for so many bytes, and for two messages if all have one size.
pub(crate) fn pipe<T: ?Sized, C: Codec<T>>(
    commons: &Arc<Commons>,
    bytes: usize,
) -> Result<(Sender<T, C>, Receiver<T, C>)> {
    let two = stride::<T, C>().map_or(0, |stride| 2 * stride as usize);
    let asked = bytes.max(two).max(CAPACITY_MIN);
    let capacity = asked.checked_next_power_of_two().ok_or_else(|| Error::OutOfMemory {
        purpose: PURPOSE,
        requested: asked as u64,
        available: commons.region().capacity() as u64,
        bound: "the engine's capacity".into(),
    })?;
    let spec = Spec {
        kind: Kind::Pipe,
        purpose: PURPOSE,
        bytes: Ring::footprint(capacity),
        type_name: type_name::<T, C>(),
        bury: Ring::bury,
    };
    let anchor = commons.make(spec, |region, offset| {
        Ring::initialise(region, offset, capacity, Seat::here());
        Ok(())
    })?;
    let [sender, receiver] = End::both(&anchor)?;
    Ok((Sender::over(sender)?, Receiver::over(receiver)?))
}

const PURPOSE: &str = "a pipe";

/// Two of them.
pub(crate) fn duplex<A: Portable, B: Portable>(
    commons: &Arc<Commons>,
    bytes: usize,
) -> Result<(Duplex<A, B>, Duplex<B, A>)> {
    let (to_second, from_first) = pipe::<A, Serde>(commons, bytes)?;
    let (to_first, from_second) = pipe::<B, Serde>(commons, bytes)?;
    Ok((Duplex::of(to_second, from_second), Duplex::of(to_first, from_first)))
}

#[cfg(test)]
mod tests;
