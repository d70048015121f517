//! How messages become bytes and back.

use super::anchor::address;
use crate::compute::{Alike, Portable, encode_into};
use crate::error::{Error, Result};
use crate::memory::{Element, Region};
use crate::shared::crossing::{self, Home, Luggage, Way};
use std::fmt;
use std::sync::Arc;

/// How messages of type `T` travel: [`Serde`], any of serde's types, or [`Plain`], plain data as its
/// bytes.
pub trait Codec<T: ?Sized>: sealed::Sealed + fmt::Debug + 'static {
    /// What arrives: `T`, or a `Vec` of a slice's elements.
    type Received;

    /// The bytes of every message, where all have as many.
    #[doc(hidden)]
    const BYTES: Option<usize>;

    /// Whether a message has no handles in it.
    #[doc(hidden)]
    const IS_PLAIN: bool;

    /// What a message's bytes are put together as, so that they lie where they are to be used.
    #[doc(hidden)]
    type Unit: Element;

    /// The message's bytes, where it is them already.
    #[doc(hidden)]
    fn bytes(message: &T) -> Option<&[u8]>;

    /// Appends the message's bytes.
    #[doc(hidden)]
    fn write(message: &T, into: &mut Vec<u8>) -> Result<()>;

    /// The message of these bytes.
    #[doc(hidden)]
    fn read(bytes: &[u8]) -> Result<Self::Received>;

    /// The message that these are, which are left empty, or to be emptied.
    #[doc(hidden)]
    fn collect(units: &mut Vec<Self::Unit>) -> Result<Self::Received>;
}

/// Messages are serialised: any type of serde's that postcard can carry.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let (mut sender, mut receiver) = engine.pipe::<(String, Option<f64>)>(4096)?; // by serde
/// sender.send(&("pi".into(), Some(3.14)))?;
/// assert_eq!(receiver.recv()?.0, "pi");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Serde {}

/// Messages are plain data, and travel as their bytes: any [`Element`], or slices of them.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let (mut sender, mut receiver) = engine.plain_pipe::<[f64]>(4096)?; // slices of any length
/// sender.send(&[1.0, 2.0])?;
/// assert_eq!(receiver.recv()?, [1.0, 2.0]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Plain {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Serde {}
    impl Sealed for super::Plain {}
}

impl<T: Portable> Codec<T> for Serde {
    type Received = T;
    type Unit = u8;

    const BYTES: Option<usize> = None;
    const IS_PLAIN: bool = false;

    fn bytes(_: &T) -> Option<&[u8]> {
        None
    }

    fn write(message: &T, into: &mut Vec<u8>) -> Result<()> {
        encode_into(message, Alike::Length, into)
    }

    fn read(bytes: &[u8]) -> Result<T> {
        postcard::from_bytes(bytes).map_err(|e| unreadable::<T>(&e.to_string()))
    }

    fn collect(units: &mut Vec<u8>) -> Result<T> {
        <Serde as Codec<T>>::read(units)
    }
}

impl<T: Element> Codec<T> for Plain {
    type Received = T;
    type Unit = T;

    const BYTES: Option<usize> = Some(size_of::<T>());
    const IS_PLAIN: bool = true;

    #[inline]
    fn bytes(message: &T) -> Option<&[u8]> {
        Some(bytemuck::bytes_of(message))
    }

    fn write(message: &T, into: &mut Vec<u8>) -> Result<()> {
        into.extend_from_slice(bytemuck::bytes_of(message));
        Ok(())
    }

    fn read(bytes: &[u8]) -> Result<T> {
        bytemuck::try_pod_read_unaligned(bytes).map_err(|e| unreadable::<T>(&e.to_string()))
    }

    #[inline]
    fn collect(units: &mut Vec<T>) -> Result<T> {
        units.pop().ok_or_else(|| unreadable::<T>("nothing"))
    }
}

impl<T: Element> Codec<[T]> for Plain {
    type Received = Vec<T>;
    type Unit = T;

    const BYTES: Option<usize> = None;
    const IS_PLAIN: bool = true;

    fn bytes(message: &[T]) -> Option<&[u8]> {
        Some(bytemuck::cast_slice(message))
    }

    fn write(message: &[T], into: &mut Vec<u8>) -> Result<()> {
        into.extend_from_slice(bytemuck::cast_slice(message));
        Ok(())
    }

    fn read(bytes: &[u8]) -> Result<Vec<T>> {
        const { assert!(size_of::<T>() > 0, "elements of size 0 cannot be sent") };
        if !bytes.len().is_multiple_of(size_of::<T>()) {
            return Err(unreadable::<T>("a part of an element"));
        }
        Ok(bytemuck::allocation::pod_collect_to_vec(bytes))
    }

    fn collect(units: &mut Vec<T>) -> Result<Vec<T>> {
        const { assert!(size_of::<T>() > 0, "elements of size 0 cannot be sent") };
        Ok(std::mem::take(units))
    }
}

fn unreadable<T: ?Sized>(reason: &str) -> Error {
    Error::NotPortable {
        what: std::any::type_name::<T>().into(),
        reason: format!("it does not arrive as it was sent: {reason}"),
    }
}

/// Writes a message to whoever shares this region; its handles live as long as the engine.
pub(crate) fn write_message<T: ?Sized, C: Codec<T>>(
    region: &Region,
    message: &T,
    into: &mut Vec<u8>,
) -> Result<()> {
    crossing::sending(Way::Message, address(region), || C::write(message, into)).0
}

/// Reads a message, in the coordinator with what looks after its handles.
pub(crate) fn read_message<T: ?Sized, C: Codec<T>>(
    home: Option<Arc<dyn Home>>,
    bytes: &[u8],
) -> Result<C::Received> {
    match home {
        Some(home) => crossing::receiving(home, Luggage::default(), || C::read(bytes)),
        None => C::read(bytes),
    }
}

/// The same of bytes that were put together as units.
#[inline]
pub(crate) fn collect_message<T: ?Sized, C: Codec<T>>(
    home: Option<&Arc<dyn Home>>,
    units: &mut Vec<C::Unit>,
) -> Result<C::Received> {
    match home {
        Some(home) if !C::IS_PLAIN => {
            let home = Arc::clone(home);
            crossing::receiving(home, Luggage::default(), || C::collect(units))
        }
        _ => C::collect(units),
    }
}
