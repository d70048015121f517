//! A task's function, as workers find it; and what it puts further tasks with.

use crate::compute::{Alike, Named, Portable, Serve, ServeFn, conjure, encode};
use crate::error::Result;
use crate::roles::engine::refuse_captures;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

/// A function that tasks run: its table's place in the executable, and its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    pub(super) table: u64,
    pub(super) name: &'static str,
}

impl Function {
    fn of(table: &'static Named<Serve>) -> Result<Function> {
        Ok(Function { table: table.offset()?, name: table.name() })
    }

    /// A function or closure without captures.
    pub(super) fn plain<P, R, F>() -> Result<Function>
    where
        P: Portable,
        R: Portable,
        F: Fn(P) -> R + Copy + Send + Sync + 'static,
    {
        refuse_captures!(F);
        Function::of(Plain::<P, R, F>::TABLE)
    }

    /// One that may put further tasks.
    pub(super) fn branching<P, R, F>() -> Result<Function>
    where
        P: Portable,
        R: Portable,
        F: Fn(P, &Branches<P>) -> R + Copy + Send + Sync + 'static,
    {
        refuse_captures!(F);
        Function::of(Branching::<P, R, F>::TABLE)
    }
}

struct Plain<P, R, F>(PhantomData<(P, R, F)>);

impl<P: Portable, R: Portable, F: Fn(P) -> R + Copy + 'static> Plain<P, R, F> {
    const TABLE: &'static Named<Serve> =
        &Named::new(std::any::type_name::<F>, serve::<P, R, F> as ServeFn);
}

fn serve<P, R, F>(params: &[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>), String>
where
    P: Portable,
    R: Portable,
    F: Fn(P) -> R + Copy,
{
    let result = conjure::<F>()(read::<P>(params)?);
    Ok((write(&result)?, vec![]))
}

struct Branching<P, R, F>(PhantomData<(P, R, F)>);

impl<P: Portable, R: Portable, F: Fn(P, &Branches<P>) -> R + Copy + 'static> Branching<P, R, F> {
    const TABLE: &'static Named<Serve> =
        &Named::new(std::any::type_name::<F>, serve_branching::<P, R, F> as ServeFn);
}

fn serve_branching<P, R, F>(params: &[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>), String>
where
    P: Portable,
    R: Portable,
    F: Fn(P, &Branches<P>) -> R + Copy,
{
    let branches = Branches { put: RefCell::default(), types: PhantomData };
    let result = conjure::<F>()(read::<P>(params)?, &branches);
    Ok((write(&result)?, branches.put.into_inner()))
}

fn read<P: Portable>(params: &[u8]) -> Result<P, String> {
    postcard::from_bytes(params)
        .map_err(|e| format!("parameters of type {}: {e}", std::any::type_name::<P>()))
}

fn write<R: Portable>(result: &R) -> Result<Vec<u8>, String> {
    encode(result, Alike::Length).map_err(|e| e.to_string())
}

/// With what a task of [`Tasks::branching`](crate::Tasks::branching) puts further tasks.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(2).build()?;
/// // Halves until nothing is left, and counts.
/// let halve = |n: u64, branches: &gristmill::Branches<u64>| {
///     if n > 1 {
///         branches.put(&(n / 2)).unwrap();
///     }
///     1u64
/// };
/// let mut queue = engine.tasks().branching(halve)?;
/// queue.put(&1000)?;
/// assert_eq!(queue.close().map(|(_, one)| one.unwrap()).sum::<u64>(), 10);
/// # Ok(()) }
/// ```
pub struct Branches<P> {
    put: RefCell<Vec<Vec<u8>>>,
    types: PhantomData<fn(P)>,
}

impl<P: Portable> Branches<P> {
    /// Puts a task, to be run once this one is done. Never waits.
    ///
    /// # Errors
    ///
    /// [`Error::NotPortable`](crate::Error::NotPortable) if the parameters cannot be sent.
    pub fn put(&self, params: &P) -> Result<()> {
        let bytes = encode(params, Alike::Bytes)?;
        self.put.borrow_mut().push(bytes);
        Ok(())
    }
}

impl<P> fmt::Debug for Branches<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branches").field("put", &self.put.borrow().len()).finish()
    }
}
