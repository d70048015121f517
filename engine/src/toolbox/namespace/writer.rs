//! A transaction's hold of a namespace: the lock, and the commit.

use super::directory::{Directory, Entries, Entry, Room};
use super::store::Store;
use crate::error::{NamespaceFailure, Result};
use crate::machine::Until;
use crate::shared::cell::Owner;
use crate::shared::lock::RobustLock;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::fence;

/// A value that is to be set.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) type_name: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// What is to become of names: set, or removed.
pub(super) type Changes = BTreeMap<String, Option<Staged>>;

thread_local! {
    /// The namespaces in which this thread is making a transaction.
    static WRITING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// An error within a transaction of this thread: the lock is recursive and would not tell.
pub(super) fn refuse_reentrance(store: Store<'_>) -> Result<(), NamespaceFailure> {
    let is_writing = WRITING.with_borrow(|writing| writing.contains(&store.key()));
    if is_writing { Err(NamespaceFailure::Reentered) } else { Ok(()) }
}

/// Holds all other transactions off until it is dropped.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    store: Store<'a>,
    lock: RobustLock,
    /// The current one, which nobody else changes.
    generation: u64,
    /// What that holds.
    pub(super) directory: Directory,
}

impl<'a> Writer<'a> {
    /// Waits for its turn; none if that has not come until then.
    pub(super) fn begin(store: Store<'a>, until: Until) -> Result<Option<Writer<'a>>> {
        refuse_reentrance(store)?;
        let lock = RobustLock::over(&store.words().lock)?;
        match lock.lock_within(until).map_err(|_| NamespaceFailure::Damaged)? {
            None => return Ok(None),
            Some(Owner::Released) => {}
            // It left the old generation or the new one: see the module `store`.
            Some(Owner::Died) => lock.consistent(),
        }
        let generation = store.words().generation.0.load(Acquire);
        match store.directory(generation) {
            Ok(directory) => {
                WRITING.with_borrow_mut(|writing| writing.push(store.key()));
                Ok(Some(Writer { store, lock, generation, directory }))
            }
            Err(failure) => {
                lock.unlock();
                Err(failure.into())
            }
        }
    }

    /// Waits for its turn, without an end.
    pub(super) fn begin_at_last(store: Store<'a>) -> Result<Writer<'a>> {
        Writer::begin(store, Until::Forever).map(|writer| writer.expect("waiting has no end"))
    }

    /// Makes the changes, all at once.
    pub(super) fn commit(self, changes: &Changes) -> Result<(), NamespaceFailure> {
        if !changes.is_empty() {
            let next = self.prepare(changes)?;
            self.publish(next);
            self.store.tell();
        }
        Ok(())
    }

    /// Writes the next generation beside the current one; gives its number.
    pub(super) fn prepare(&self, changes: &Changes) -> Result<u64, NamespaceFailure> {
        let Writer { store, generation, directory, .. } = self;
        let next = generation + 1;
        let mut entries = directory.iter().collect::<Result<Entries<'_>, _>>()?;
        let spans = entries.values().map(|entry| entry.at).chain([directory.at]);
        let mut room = Room::beside(directory.capacity, spans)?;
        let mut writes = Vec::new();
        for (name, change) in changes {
            entries.remove(&name[..]);
            if let Some(Staged { type_name, bytes }) = change {
                let at = room.take(bytes.len())?;
                entries.insert(name, Entry { type_name, version: next, at });
                writes.push((at, &bytes[..]));
            }
        }
        let bytes = Directory::encode(&entries);
        let at = room.take(bytes.len())?;
        writes.push((at, &bytes));
        // Who reads what is written from here on also reads that the generation has changed since.
        fence(Release);
        for (at, bytes) in writes {
            store.store(at, bytes);
        }
        store.set_root(next, at, &bytes);
        Ok(next)
    }

    pub(super) fn publish(&self, next: u64) {
        self.store.words().generation.0.store(next, Release);
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        WRITING.with_borrow_mut(|writing| writing.retain(|key| *key != self.store.key()));
        self.lock.unlock();
    }
}
