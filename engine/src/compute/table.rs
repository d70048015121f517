//! Constant tables: how a kernel, a condition or a task function is named across processes.
//!
//! A table lies in the executable; its offset there is its name. It starts with a magic number and
//! carries the type's name, as an address alone is no identity (equal functions are folded).

use super::access::{Args, Located, Window};
use super::kernel::{Kernel, Views};
use super::reduce::{self, Output};
use crate::error::{Error, Result};
use crate::memory::Region;
use crate::process;
use crate::shared::crossing::{self, Luggage};
use postcard::ser_flavors::{Flavor, Size};
use postcard::serialize_with_flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// A kernel ready to run in this process, its types erased.
pub(crate) trait Runner: Send {
    /// Runs one chunk and writes its partial result to `slot`.
    ///
    /// # Safety
    ///
    /// As for [`Args::views`]: the caller holds the chunk's claim.
    unsafe fn run(&self, window: &Window, at: &[Located], slot: &mut [u8]);
    /// # Safety
    ///
    /// As for [`Args::reset`].
    unsafe fn reset(&self, at: &[Located]);
    /// # Safety
    ///
    /// As for [`Args::merge`].
    unsafe fn merge(&self, into: &[Located], from: &[Located]);
    /// Folds the slots of `n` chunks, `slots` being all of them, and writes the value to `into`.
    fn fold(&self, n: usize, slots: &[u8], into: &mut [u8]);
}

/// What is put around a runner: chunks are run in its way, all else as the inner one does it.
pub(crate) trait Around: Send {
    fn inner(&self) -> &dyn Runner;
    /// # Safety
    ///
    /// As for [`Runner::run`].
    unsafe fn run(&self, window: &Window, at: &[Located], slot: &mut [u8]);
}

impl<A: Around> Runner for A {
    unsafe fn run(&self, window: &Window, at: &[Located], slot: &mut [u8]) {
        // SAFETY: the caller's promise.
        unsafe { Around::run(self, window, at, slot) }
    }

    unsafe fn reset(&self, at: &[Located]) {
        // SAFETY: the caller's promise.
        unsafe { self.inner().reset(at) }
    }

    unsafe fn merge(&self, into: &[Located], from: &[Located]) {
        // SAFETY: the caller's promise.
        unsafe { self.inner().merge(into, from) }
    }

    fn fold(&self, n: usize, slots: &[u8], into: &mut [u8]) {
        self.inner().fold(n, slots, into);
    }
}

struct Typed<K>(K);

impl<K: Kernel> Runner for Typed<K> {
    #[inline]
    unsafe fn run(&self, window: &Window, at: &[Located], slot: &mut [u8]) {
        // SAFETY: the caller's promise.
        let views: Views<'_, K> = unsafe { K::Args::views(at, window) };
        K::Output::write(&self.0.run(window.chunk.clone(), views), slot);
    }

    unsafe fn reset(&self, at: &[Located]) {
        // SAFETY: the caller's promise.
        unsafe { K::Args::reset(at) }
    }

    unsafe fn merge(&self, into: &[Located], from: &[Located]) {
        // SAFETY: the caller's promise.
        unsafe { K::Args::merge(into, from) }
    }

    fn fold(&self, n: usize, slots: &[u8], into: &mut [u8]) {
        let bytes = K::Output::BYTES;
        if bytes == 0 {
            // What has no bytes has one value, however many are combined.
            return;
        }
        let stride = slot_stride(bytes);
        let value = reduce::fold::<K::Output>(n, |chunk| {
            K::Output::read(&slots[chunk * stride..chunk * stride + bytes])
        });
        K::Output::write(&value, into);
    }
}

/// Distance between slots: neighbours in one cache line cost less than lines left half empty.
pub(crate) fn slot_stride(bytes: usize) -> usize {
    bytes.next_multiple_of(8)
}

const MAGIC: u64 = 0x6D_74_73_69_72_67_4B_31;

/// What a table's function takes and gives, in forms that need no lifetimes in the table.
pub(crate) trait Callable: 'static {
    const KIND: u64;
    type Function: Copy + 'static;
}

/// Makes a kernel of parameters and scalars.
#[derive(Debug)]
pub(crate) struct Load;
/// Evaluates a condition over scalars.
#[derive(Debug)]
pub(crate) struct Test;
/// Runs a task.
#[derive(Debug)]
pub(crate) struct Serve;

/// Makes a runner of a kernel's parameters and the scalars that it depends on.
pub(crate) type LoadFn = fn(&[u8], &[u8]) -> Result<Box<dyn Runner>, String>;
/// Evaluates a condition over the bytes of scalars.
pub(crate) type TestFn = fn(&[u8]) -> bool;
/// Runs a task: parameters to result, both serialised, and the parameters of the tasks that it puts.
pub(crate) type ServeFn = fn(&[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>), String>;

/// Runs a child process's function: arguments to result, both serialised.
#[derive(Debug)]
pub(crate) struct Run;
/// What a child process has come to: its result, and what goes back to the coordinator with that.
pub(crate) type RunFn = fn(&[u8], &'static Region) -> Result<(Vec<u8>, Luggage), String>;

impl Callable for Run {
    const KIND: u64 = 4;
    type Function = RunFn;
}

impl Callable for Load {
    const KIND: u64 = 1;
    type Function = LoadFn;
}

impl Callable for Test {
    const KIND: u64 = 2;
    type Function = TestFn;
}

impl Callable for Serve {
    const KIND: u64 = 3;
    type Function = ServeFn;
}

/// A table of one kind.
#[repr(C)]
pub(crate) struct Named<C: Callable> {
    magic: u64,
    kind: u64,
    name: fn() -> &'static str,
    pub(crate) function: C::Function,
    callable: PhantomData<C>,
}

impl<C: Callable> Named<C> {
    pub(crate) const fn new(name: fn() -> &'static str, function: C::Function) -> Named<C> {
        Named { magic: MAGIC, kind: C::KIND, name, function, callable: PhantomData }
    }

    /// The type's name, for errors.
    pub(crate) fn name(&self) -> &'static str {
        (self.name)()
    }

    /// Its name across processes.
    pub(crate) fn offset(&'static self) -> Result<u64> {
        process::offset_in_executable(self)
    }

    /// The table that another process named.
    pub(crate) fn at(offset: u64) -> Result<&'static Named<C>, String> {
        let valid = |table: &'static Named<C>| table.magic == MAGIC && table.kind == C::KIND;
        // SAFETY: magic and kind come first (`repr(C)`) and are plain integers; a table of this
        // kind was made by `new`, by this same executable.
        unsafe { process::reference_at(offset, valid) }
            .ok_or_else(|| format!("no table of kind {} lies at offset {offset:#x}", C::KIND))
    }
}

/// The table of a kernel whose parameters are known.
pub(crate) struct KernelNamed<K>(PhantomData<K>);

impl<K: Kernel> KernelNamed<K> {
    pub(crate) const TABLE: &'static Named<Load> = &Named::new(K::name, load::<K> as LoadFn);
}

fn load<K: Kernel>(params: &[u8], _scalars: &[u8]) -> Result<Box<dyn Runner>, String> {
    let kernel: K = postcard::from_bytes(params).map_err(|e| e.to_string())?;
    Ok(runner(kernel))
}

/// A runner for a kernel made on the spot.
pub(crate) fn runner<K: Kernel>(kernel: K) -> Box<dyn Runner> {
    let runner: Box<dyn Runner + '_> = Box::new(Typed(kernel));
    // SAFETY: a kernel is `DeserializeOwned`, so it holds nothing borrowed whatever lifetimes its
    // type names (those of a closure without captures, say, which is conjured and has no bytes).
    unsafe { std::mem::transmute::<Box<dyn Runner + '_>, Box<dyn Runner>>(runner) }
}

/// What must be alike when a value is written, read, and written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alike {
    /// Of what is computed with by any process, and again after a death: the same bits.
    Bytes,
    /// Of what is sent once: a `HashMap`, which has an order of its own in each process, may go.
    Length,
}

/// Serialises a value for another process, and makes sure that it will be read there as it was:
/// skipped fields and untagged enums are found here, at the sender.
pub(crate) fn encode<T: Serialize + DeserializeOwned>(value: &T, alike: Alike) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    encode_into(value, alike, &mut bytes)?;
    Ok(bytes)
}

/// The same behind other bytes, which stay as they are if it fails.
pub(crate) fn encode_into<T: Serialize + DeserializeOwned>(
    value: &T,
    alike: Alike,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    let start = bytes.len();
    let checked = write_checked(value, alike, bytes, start);
    checked.map_err(|reason| {
        bytes.truncate(start);
        let reason = crossing::take_refusal().map_or(reason, Into::into);
        Error::NotPortable { what: std::any::type_name::<T>().into(), reason }
    })
}

fn write_checked<T: Serialize + DeserializeOwned>(
    value: &T,
    alike: Alike,
    bytes: &mut Vec<u8>,
    start: usize,
) -> Result<(), String> {
    const UNLIKE: &str = "it is written but not read back; postcard knows no skipped fields, \
                          `flatten` or untagged enums";
    serialize_with_flavor(value, Append(bytes)).map_err(|e| e.to_string())?;
    let written = &bytes[start..];
    let again: T = match postcard::take_from_bytes(written) {
        Ok((again, [])) => again,
        Ok(_) => return Err(UNLIKE.into()),
        Err(e) => return Err(format!("{UNLIKE} ({e})")),
    };
    if alike == Alike::Length {
        let length = serialize_with_flavor(&again, Size::default()).map_err(|e| e.to_string())?;
        return if length == written.len() { Ok(()) } else { Err(UNLIKE.into()) };
    }
    match serialize_with_flavor(&again, Compare(written)) {
        Ok([]) => Ok(()),
        Ok(_) | Err(postcard::Error::SerializeBufferFull) => Err(
            "written, read and written again it differs, and so might results: a HashMap, say, has \
             an order of its own in each process (use BTreeMap)"
                .into(),
        ),
        Err(e) => Err(e.to_string()),
    }
}

/// Writes behind what is there.
struct Append<'a>(&'a mut Vec<u8>);

impl Flavor for Append<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Writes nothing, and compares with what was written; gives what is left of that.
struct Compare<'a>(&'a [u8]);

impl<'a> Flavor for Compare<'a> {
    type Output = &'a [u8];

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0 = self.0.strip_prefix(bytes).ok_or(postcard::Error::SerializeBufferFull)?;
        Ok(())
    }

    fn finalize(self) -> postcard::Result<&'a [u8]> {
        Ok(self.0)
    }
}

/// Makes a value of a type without size, which a closure without captures is.
pub(crate) fn conjure<F: Copy>() -> F {
    const { assert!(size_of::<F>() == 0, "only a closure that captures nothing can be conjured") };
    // SAFETY: a type of size 0 has no bytes to be wrong about; that such a value may exist was
    // shown by the caller on the other side, who had one (`F: Copy` has no destructor).
    unsafe { std::ptr::NonNull::<F>::dangling().read() }
}
