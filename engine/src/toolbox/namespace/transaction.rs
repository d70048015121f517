//! Several changes of a namespace as one.

use super::Namespace;
use super::writer::{Changes, Staged, Writer};
use crate::compute::Portable;
use crate::error::{Error, NamespaceFailure, Result};
use crate::machine::Until;
use std::fmt::Display;

/// Changes of a namespace that become visible all at once, or not at all:
/// [`Namespace::transaction`].
///
/// It sees its own changes; nobody else does before it is over.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let stock = engine.namespace(4096)?;
/// stock.set("apples", &3u32)?;
/// let sold = stock.transaction(|t| {
///     t.update("apples", |apples: &mut u32| *apples -= 1)?;
///     t.update_or_default("sold", |sold: &mut u32| *sold += 1)?;
///     t.get::<u32>("sold")
/// })?;
/// assert_eq!((sold, stock.get("apples")?), (Some(1), Some(2u32)));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Transaction<'n> {
    namespace: &'n Namespace,
    writer: Writer<'n>,
    changes: Changes,
}

impl<'n> Transaction<'n> {
    /// Waits for its turn; none if that has not come until then.
    pub(super) fn begin(namespace: &'n Namespace, until: Until) -> Result<Option<Self>> {
        let writer = Writer::begin(namespace.store(), until)?;
        Ok(writer.map(|writer| Transaction { namespace, writer, changes: Changes::new() }))
    }

    pub(super) fn commit(self) -> Result<()> {
        Ok(self.writer.commit(&self.changes)?)
    }

    pub(super) fn stage(&mut self, name: &str, value: Staged) {
        self.changes.insert(name.into(), Some(value));
    }

    /// A copy of a value, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Namespace::get`].
    pub fn get<T: Portable>(&self, name: &str) -> Result<Option<T>> {
        match self.changes.get(name) {
            Some(None) => Ok(None),
            Some(Some(Staged { type_name, bytes })) => {
                refuse_other_type::<T>(name, type_name)?;
                self.namespace.decode(bytes).map(Some)
            }
            None => {
                let Some(entry) = self.writer.directory.find(name)? else { return Ok(None) };
                refuse_other_type::<T>(name, entry.type_name)?;
                self.namespace.decode(&self.namespace.store().load(entry.at)).map(Some)
            }
        }
    }

    /// Sets a value, of any type.
    ///
    /// # Errors
    ///
    /// [`Error::NotPortable`] if it cannot be sent; whether there is room is seen at the end of the
    /// transaction.
    pub fn set<T: Portable>(&mut self, name: &str, value: &T) -> Result<()> {
        let value = self.namespace.encode(value)?;
        self.stage(name, value);
        Ok(())
    }

    /// Changes a value in place. What the closure gives is given back.
    ///
    /// # Errors
    ///
    /// As [`Namespace::update`].
    pub fn update<T: Portable, R>(&mut self, name: &str, f: impl FnOnce(&mut T) -> R) -> Result<R> {
        let value = self.get(name)?;
        let absent = || NamespaceFailure::Absent { name: name.into() };
        self.change(name, value.ok_or_else(absent)?, f)
    }

    /// Changes a value in place, or the type's default if there is none.
    ///
    /// # Errors
    ///
    /// As [`Namespace::update_or_default`].
    pub fn update_or_default<T: Portable + Default, R>(
        &mut self,
        name: &str,
        f: impl FnOnce(&mut T) -> R,
    ) -> Result<R> {
        let value = self.get(name)?.unwrap_or_default();
        self.change(name, value, f)
    }

    fn change<T: Portable, R>(
        &mut self,
        name: &str,
        mut value: T,
        f: impl FnOnce(&mut T) -> R,
    ) -> Result<R> {
        let result = f(&mut value);
        self.set(name, &value)?;
        Ok(result)
    }

    /// Removes a value; true if it was there.
    ///
    /// # Errors
    ///
    /// [`NamespaceFailure::Damaged`].
    pub fn remove(&mut self, name: &str) -> Result<bool> {
        let is_there = self.contains(name)?;
        if is_there {
            self.changes.insert(name.into(), None);
        }
        Ok(is_there)
    }

    /// Whether there is such a value.
    ///
    /// # Errors
    ///
    /// [`NamespaceFailure::Damaged`].
    pub fn contains(&self, name: &str) -> Result<bool> {
        match self.changes.get(name) {
            Some(change) => Ok(change.is_some()),
            None => Ok(self.writer.directory.find(name)?.is_some()),
        }
    }

    /// All names, in order.
    ///
    /// # Errors
    ///
    /// [`NamespaceFailure::Damaged`].
    pub fn names(&self) -> Result<Vec<String>> {
        let held = self.writer.directory.iter().map(|entry| Ok((entry?.0.to_owned(), true)));
        let mut names = held.collect::<Result<std::collections::BTreeMap<_, _>>>()?;
        let changed = self.changes.iter().map(|(name, change)| (name.clone(), change.is_some()));
        names.extend(changed);
        Ok(names.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect())
    }

    /// An error in one's own words, with which to give the transaction up.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let accounts = engine.namespace(4096)?;
    /// accounts.set("alice", &5)?;
    /// let paid = accounts.transaction(|t| {
    ///     let left = t.update("alice", |money: &mut i32| {
    ///         *money -= 20;
    ///         *money
    ///     })?;
    ///     if left < 0 { Err(t.refuse(format!("{} are missing", -left))) } else { Ok(left) }
    /// });
    /// assert!(paid.unwrap_err().to_string().ends_with("15 are missing"));
    /// assert_eq!(accounts.get("alice")?, Some(5));
    /// # Ok(()) }
    /// ```
    pub fn refuse(&self, reason: impl Display) -> Error {
        NamespaceFailure::Refused(reason.to_string()).into()
    }
}

/// An error unless a value of this type's name can be read as a `T`.
pub(super) fn refuse_other_type<T>(name: &str, held: &str) -> Result<(), NamespaceFailure> {
    let asked = std::any::type_name::<T>();
    if held == asked {
        return Ok(());
    }
    let (name, held, asked) = (name.into(), held.into(), asked.into());
    Err(NamespaceFailure::OtherType { name, held, asked })
}
