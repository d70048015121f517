//! Named values of any type, shared by all processes of an engine and changed in transactions.

mod directory;
mod store;
mod transaction;
mod writer;

#[cfg(test)]
mod tests;

pub use transaction::Transaction;

use super::anchor::{Anchor, travels};
use super::codec::{Serde, read_message, write_message};
use super::commons::{Commons, Spec};
use super::header::Kind;
use crate::compute::Portable;
use crate::error::{NamespaceFailure, Result};
use crate::machine::Until;
use directory::Directory;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Store;
use transaction::refuse_other_type;
use writer::{Staged, Writer, refuse_reentrance};

/// Named values, shared by all processes of an engine and changed in transactions:
/// [`Engine::namespace`](crate::Engine::namespace).
///
/// Values are of any type of serde's, lists and maps in each other among them. Clones, and handles that
/// were passed to other processes, are the same namespace.
///
/// With the `Namespace` of Python's managers, `ns.x.append(1)` is lost: it changes a copy, and only
/// assignments travel. Here values are changed inside of [`update`](Namespace::update), and whatever is
/// changed there is what everybody sees next, however deep it lies:
///
/// ```
/// use gristmill::{Engine, Namespace};
///
/// fn append(ns: Namespace) {
///     ns.update("x", |x: &mut Vec<i32>| x.push(1)).unwrap();
///     ns.update("y", |y: &mut Vec<Vec<String>>| y[0].push("a".into())).unwrap();
/// }
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?;
/// let ns = engine.namespace(1 << 20)?;
/// ns.set("x", &Vec::<i32>::new())?;
/// ns.set("y", &vec![Vec::<String>::new()])?;
/// let process = engine.spawn(append, ns.clone())?;
/// process.join()?;
/// assert_eq!(ns.get("x")?, Some(vec![1]));
/// assert_eq!(ns.get("y")?, Some(vec![vec!["a".to_string()]]));
/// # Ok(()) }
/// ```
///
/// Changes are atomic: a process that is killed inside one, at whatever instruction, a panic or an error
/// leaves the old values, and blocks nobody. Changes take turns, so they should be short; reads do not
/// wait for one, nor hold one up (but for one that was overtaken by changes a hundred times: it takes its
/// turn among them). Each change copies the list of names, so some hundreds are well, and
/// for more a map in one value is better; large numeric data belong into arrays.
///
/// Values carry the name of their type, and are only given as that:
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let ns = engine.namespace(1 << 20)?;
/// ns.set("x", &1u8)?;
/// let told = ns.get::<String>("x").unwrap_err().to_string();
/// assert_eq!(told, r#"namespace: "x" is a u8, and was asked for as a alloc::string::String"#);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// All methods have these in common, as [`Error::Namespace`](crate::Error::Namespace):
/// [`NamespaceFailure::Reentered`] where a thread uses a namespace within its own transaction other than
/// by the [`Transaction`], and [`NamespaceFailure::Damaged`] where its words were written over.
#[derive(Debug, Clone)]
pub struct Namespace {
    anchor: Anchor,
}

travels!([] Namespace, Kind::Namespace);

impl Namespace {
    pub(crate) fn make(commons: &Arc<Commons>, bytes: usize) -> Result<Namespace> {
        let spec = Spec {
            kind: Kind::Namespace,
            purpose: "a namespace",
            bytes: Store::bytes_for(bytes),
            type_name: std::any::type_name::<Namespace>(),
            bury: Store::bury,
        };
        let made = commons.make(spec, |region, offset| Store::initialise(region, offset, bytes));
        made.map(Namespace::over)
    }

    fn over(anchor: Anchor) -> Namespace {
        Namespace { anchor }
    }

    fn store(&self) -> Store<'_> {
        Store::over(self.anchor.region(), self.anchor.offset())
    }

    fn encode<T: Portable>(&self, value: &T) -> Result<Staged> {
        let mut bytes = Vec::new();
        write_message::<T, Serde>(self.anchor.region(), value, &mut bytes)?;
        Ok(Staged { type_name: std::any::type_name::<T>(), bytes })
    }

    fn decode<T: Portable>(&self, bytes: &[u8]) -> Result<T> {
        read_message::<T, Serde>(self.anchor.home(), bytes)
    }

    fn read<R>(&self, look: impl Fn(&Directory) -> Result<R, NamespaceFailure>) -> Result<R> {
        let store = self.store();
        refuse_reentrance(store)?;
        match store.read(&look) {
            Some(found) => Ok(found?),
            None => Ok(look(&Writer::begin_at_last(store)?.directory)?),
        }
    }

    /// A copy of a value, if there is one of this name.
    ///
    /// # Errors
    ///
    /// [`NamespaceFailure::OtherType`] if it is of another type. And see [the type](Namespace#errors).
    pub fn get<T: Portable>(&self, name: &str) -> Result<Option<T>> {
        Ok(self.get_versioned(name)?.map(|(value, _)| value))
    }

    /// A copy of a value with its [version](Namespace::version).
    ///
    /// # Errors
    ///
    /// As [`get`](Namespace::get).
    pub fn get_versioned<T: Portable>(&self, name: &str) -> Result<Option<(T, u64)>> {
        let found = self.read(|directory| {
            let Some(entry) = directory.find(name)? else { return Ok(None) };
            refuse_other_type::<T>(name, entry.type_name)?;
            Ok(Some((self.store().load(entry.at), entry.version)))
        })?;
        found.map(|(bytes, version)| Ok((self.decode(&bytes)?, version))).transpose()
    }

    /// Sets a value, whether there was one or not, of this type or another. Handles in it, of what the
    /// engine shares, live as long as the engine.
    ///
    /// # Errors
    ///
    /// [`Error::NotPortable`](crate::Error::NotPortable) if it cannot be sent;
    /// [`NamespaceFailure::Full`]. And see [the type](Namespace#errors).
    pub fn set<T: Portable>(&self, name: &str, value: &T) -> Result<()> {
        let value = self.encode(value)?;
        self.transaction(|transaction| {
            transaction.stage(name, value);
            Ok(())
        })
    }

    /// Changes a value in place. What the closure gives is given back. A panic in it leaves the old
    /// value.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let ns = engine.namespace(1 << 20)?;
    /// ns.set("stock", &BTreeMap::from([("water".to_string(), 10u32), ("feed".to_string(), 3)]))?;
    /// let left = ns.update("stock", |stock: &mut BTreeMap<String, u32>| {
    ///     let water = stock.get_mut("water").unwrap();
    ///     *water -= 3;
    ///     *water
    /// })?;
    /// assert_eq!(left, 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NamespaceFailure::Absent`] if there is no such value; as [`get`](Namespace::get) and
    /// [`set`](Namespace::set).
    pub fn update<T: Portable, R>(&self, name: &str, f: impl FnOnce(&mut T) -> R) -> Result<R> {
        self.transaction(|transaction| transaction.update(name, f))
    }

    /// Changes a value in place, or the type's default if there is none.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let ns = engine.namespace(1 << 20)?;
    /// ns.update_or_default("seen", |seen: &mut Vec<u32>| seen.push(7))?;
    /// assert_eq!(ns.get("seen")?, Some(vec![7u32]));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get`](Namespace::get) and [`set`](Namespace::set).
    pub fn update_or_default<T: Portable + Default, R>(
        &self,
        name: &str,
        f: impl FnOnce(&mut T) -> R,
    ) -> Result<R> {
        self.transaction(|transaction| transaction.update_or_default(name, f))
    }

    /// Removes a value; true if it was there.
    ///
    /// # Errors
    ///
    /// [`NamespaceFailure::Full`] if there is no room for the shorter list of names beside the old one.
    /// And see [the type](Namespace#errors).
    pub fn remove(&self, name: &str) -> Result<bool> {
        self.transaction(|transaction| transaction.remove(name))
    }

    /// Several changes as one: all of them, or, if the closure gives an error or panics, none.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let accounts = engine.namespace(1 << 20)?;
    /// accounts.set("alice", &50)?;
    /// accounts.set("bob", &0)?;
    /// accounts.transaction(|t| {
    ///     t.update("alice", |money: &mut i32| *money -= 20)?;
    ///     t.update("bob", |money: &mut i32| *money += 20)
    /// })?;
    /// assert_eq!((accounts.get("alice")?, accounts.get("bob")?), (Some(30), Some(20)));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The closure's own, for which there is [`Transaction::refuse`]; [`NamespaceFailure::Full`] if
    /// there is no room for all of it. And see [the type](Namespace#errors).
    pub fn transaction<R>(&self, f: impl FnOnce(&mut Transaction<'_>) -> Result<R>) -> Result<R> {
        self.transact(Until::Forever, f).map(|result| result.expect("waiting has no end"))
    }

    /// The same, if no other transaction is under way; none if one is, and `f` was not called.
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction).
    pub fn try_transaction<R>(
        &self,
        f: impl FnOnce(&mut Transaction<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        self.transact(Until::Now, f)
    }

    /// The same, but waiting no longer than this for other transactions to end; none if they have not
    /// by then, and `f` was not called.
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction).
    pub fn transaction_timeout<R>(
        &self,
        timeout: Duration,
        f: impl FnOnce(&mut Transaction<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        self.transact(Until::after(timeout), f)
    }

    fn transact<R>(
        &self,
        until: Until,
        f: impl FnOnce(&mut Transaction<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        let Some(mut transaction) = Transaction::begin(self, until)? else { return Ok(None) };
        let result = f(&mut transaction)?;
        transaction.commit()?;
        Ok(Some(result))
    }

    /// Whether there is a value of this name.
    ///
    /// # Errors
    ///
    /// See [the type](Namespace#errors).
    pub fn contains(&self, name: &str) -> Result<bool> {
        self.read(|directory| Ok(directory.find(name)?.is_some()))
    }

    /// All names, in order.
    ///
    /// # Errors
    ///
    /// See [the type](Namespace#errors).
    pub fn names(&self) -> Result<Vec<String>> {
        self.read(|directory| directory.iter().map(|entry| Ok(entry?.0.to_owned())).collect())
    }

    /// A number that grows whenever the value is set or changed, also when it is removed and set again;
    /// 0 if there is none.
    ///
    /// # Errors
    ///
    /// See [the type](Namespace#errors).
    pub fn version(&self, name: &str) -> Result<u64> {
        self.read(|directory| Ok(directory.find(name)?.map_or(0, |entry| entry.version)))
    }

    /// Waits until a value's version is greater than this one, and gives it; with 0, until the value is
    /// there.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// # use gristmill::Namespace;
    /// let ns = engine.namespace(1 << 20)?;
    /// let process = engine.spawn(|ns: Namespace| ns.set("found", &42).is_ok(), ns.clone())?;
    /// ns.wait_newer("found", 0)?;
    /// assert_eq!(ns.get("found")?, Some(42));
    /// # process.join()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// See [the type](Namespace#errors).
    pub fn wait_newer(&self, name: &str, version: u64) -> Result<u64> {
        let newer = self.wait(None, name, version)?;
        Ok(newer.expect("a wait without an end ends with what it waits for"))
    }

    /// The same, but not for longer than this; none if the version is not newer by then.
    ///
    /// # Errors
    ///
    /// See [the type](Namespace#errors).
    pub fn wait_newer_timeout(
        &self,
        name: &str,
        version: u64,
        timeout: Duration,
    ) -> Result<Option<u64>> {
        // A time beyond all clocks is none.
        self.wait(Instant::now().checked_add(timeout), name, version)
    }

    fn wait(&self, until: Option<Instant>, name: &str, version: u64) -> Result<Option<u64>> {
        let newer = || Ok(Some(self.version(name)?).filter(|current| *current > version));
        self.store().wait(until, newer)
    }
}
