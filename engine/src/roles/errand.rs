//! What a child process is to do: the function and its arguments, packed by the coordinator and done in
//! the child. The parcel says which arrays have moved, then holds the arguments.

use crate::compute::{Alike, Named, Portable, Run, RunFn, conjure, encode};
use crate::error::{Error, Result};
use crate::memory::Region;
use crate::shared::crossing::{self, Luggage, Way};
use crate::toolbox::{address, lent};
use std::any::type_name;
use std::marker::PhantomData;

/// See the module.
#[derive(Debug)]
pub(super) struct Errand {
    /// Of the function, by its place in the executable.
    pub(super) table: u64,
    pub(super) parcel: Vec<u8>,
    /// What came along with the arguments.
    pub(super) luggage: Luggage,
}

impl Errand {
    pub(super) fn pack<A, R, F>(region: &Region, _: F, args: A) -> Result<Errand>
    where
        A: Portable,
        R: Portable,
        F: Fn(A) -> R + Copy + 'static,
    {
        let table = ErrandTable::<A, R, F>::TABLE.offset()?;
        let (bytes, luggage) = send(region, args)?;
        let mut parcel = postcard::to_stdvec(&luggage.moved()).expect("numbers are written");
        parcel.extend(bytes);
        Ok(Errand { table, parcel, luggage })
    }
}

/// The table of a function.
struct ErrandTable<A, R, F>(PhantomData<(A, R, F)>);

impl<A: Portable, R: Portable, F: Fn(A) -> R + Copy + 'static> ErrandTable<A, R, F> {
    const TABLE: &'static Named<Run> = &Named::new(type_name::<F>, run::<A, R, F> as RunFn);
}

fn run<A: Portable, R: Portable, F: Fn(A) -> R + Copy>(
    parcel: &[u8],
    region: &'static Region,
) -> std::result::Result<(Vec<u8>, Luggage), String> {
    let unreadable = |e| format!("arguments of type {}: {e}", type_name::<A>());
    let (moved, args) = postcard::take_from_bytes::<Vec<_>>(parcel).map_err(unreadable)?;
    let luggage = lent(region, &moved).ok_or("the list of arrays was written over")?;
    let args: A =
        crossing::receiving_moved(luggage, || postcard::from_bytes(args)).map_err(unreadable)?;
    let result = conjure::<F>()(args);
    send(region, result).map_err(|e| e.to_string())
}

/// A value as bytes, and what goes with them. What moves has one owner: from here on that is the
/// receiver, so the value must not have kept its arrays elsewhere.
fn send<T: Portable>(region: &Region, value: T) -> Result<(Vec<u8>, Luggage)> {
    let (bytes, luggage) =
        crossing::sending(Way::Process, address(region), || encode(&value, Alike::Length));
    let bytes = bytes?;
    drop(value);
    if !luggage.has_alone_what_moves() {
        let what = type_name::<T>().into();
        let reason = "it has kept an array that it sent, so that two processes would have it";
        return Err(Error::NotPortable { what, reason: reason.into() });
    }
    Ok((bytes, luggage))
}
