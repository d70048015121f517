//! The coordinator's record of what its processes share beside arrays: it makes each such thing, frees
//! it when nobody has it any more, and sets it right when a process that may have held it is no more.

use super::anchor::Anchor;
use super::header::{HEADER, Header, Kind};
use crate::error::Result;
use crate::memory::{Block, Memory, Region};
use crate::shared::crossing::{Cargo, Home};
use crate::shared::seat::{Gone, Seat};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Sets the thing at an offset right after a participant's end. It runs on the supervisor's thread and
/// must wait for nobody: single stores and exchanges of words, and wakes.
pub(crate) type Bury = fn(&Region, usize, Gone);

/// Whether the process of a seat has, or had, a handle of the thing at an offset, for its burial.
pub(super) fn was_held(region: &Region, offset: usize, seat: Seat) -> bool {
    region.at::<Header>(offset - HEADER).is_held_by(seat)
}

/// What is to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec {
    pub(crate) kind: Kind,
    /// What it is for, in errors about memory.
    pub(crate) purpose: &'static str,
    /// Of its own words, behind the header.
    pub(crate) bytes: usize,
    /// The name of the type of its handles, which those who attach must have as well.
    pub(crate) type_name: &'static str,
    pub(crate) bury: Bury,
}

/// See the module.
pub(crate) struct Commons {
    memory: Arc<Memory>,
    things: Mutex<Things>,
}

#[derive(Default)]
struct Things {
    next_id: u64,
    /// By offset.
    entries: BTreeMap<usize, Entry>,
}

struct Entry {
    bury: Bury,
    held: Weak<Held>,
    /// Its memory, once the coordinator has no handle, but others have, or it may be on its way to
    /// somebody.
    pinned: Option<Blocks>,
}

/// The memory of a thing.
struct Blocks {
    _own: Block,
    /// The elements of a frozen array.
    array: Option<Arc<Block>>,
}

/// The memory of a thing, as long as a handle of the coordinator is there, or a process has been sent
/// one.
pub(crate) struct Held {
    commons: Arc<Commons>,
    offset: usize,
    /// None of what is pinned.
    blocks: Mutex<Option<Blocks>>,
}

impl std::fmt::Debug for Commons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commons").field("things", &self.lock().entries.len()).finish()
    }
}

impl Commons {
    pub(crate) fn new(memory: Arc<Memory>) -> Arc<Commons> {
        Arc::new(Commons { memory, things: Mutex::default() })
    }

    pub(crate) fn region(&self) -> &Region {
        self.memory.region()
    }

    /// Makes a thing of zeroed words, which `initialise` sets up, given their offset.
    pub(crate) fn make(
        self: &Arc<Commons>,
        spec: Spec,
        initialise: impl FnOnce(&Region, usize) -> Result<()>,
    ) -> Result<Anchor> {
        self.make_of((spec, spec.bytes), None, initialise)
    }

    /// The same of a thing of which the first bytes alone, so many, need to be zeroed.
    pub(crate) fn make_partly_zeroed(
        self: &Arc<Commons>,
        spec: Spec,
        zeroed: usize,
        initialise: impl FnOnce(&Region, usize) -> Result<()>,
    ) -> Result<Anchor> {
        self.make_of((spec, zeroed), None, initialise)
    }

    /// A thing to which an array belongs that all may read, and nobody writes.
    pub(crate) fn make_with(
        self: &Arc<Commons>,
        spec: Spec,
        array: Arc<Block>,
        initialise: impl FnOnce(&Region, usize) -> Result<()>,
    ) -> Result<Anchor> {
        self.make_of((spec, spec.bytes), Some(array), initialise)
    }

    fn make_of(
        self: &Arc<Commons>,
        (spec, zeroed): (Spec, usize),
        array: Option<Arc<Block>>,
        initialise: impl FnOnce(&Region, usize) -> Result<()>,
    ) -> Result<Anchor> {
        self.free_what_nobody_has();
        let block = self.memory.allocate(spec.purpose, HEADER + spec.bytes)?;
        let (region, offset) = (self.region(), block.offset());
        if !block.is_fresh() {
            region.zero(offset, HEADER + zeroed);
        }
        initialise(region, offset + HEADER)?;
        let mut things = self.lock();
        things.next_id += 1;
        let id = things.next_id;
        region.at::<Header>(offset).initialise(spec.kind, id, spec.type_name);
        let blocks = Mutex::new(Some(Blocks { _own: block, array }));
        let held = Held { commons: Arc::clone(self), offset, blocks };
        let held = Arc::new(held);
        let entry = Entry { bury: spec.bury, held: Arc::downgrade(&held), pinned: None };
        things.entries.insert(offset, entry);
        Ok(Anchor::held(held, id))
    }

    /// The thing at an offset, if it is still there.
    pub(crate) fn find(self: &Arc<Commons>, offset: usize) -> Option<Arc<Held>> {
        let mut things = self.lock();
        let entry = things.entries.get_mut(&offset)?;
        if let Some(held) = entry.held.upgrade() {
            return Some(held);
        }
        entry.pinned.as_ref()?;
        let held = Held { commons: Arc::clone(self), offset, blocks: Mutex::new(None) };
        let held = Arc::new(held);
        entry.held = Arc::downgrade(&held);
        Some(held)
    }

    /// Sets all things right after a participant's end.
    pub(crate) fn bury(&self, gone: Gone) {
        // Under the lock, so that nothing is freed meanwhile.
        let things = self.lock();
        for (&offset, entry) in &things.entries {
            (entry.bury)(self.region(), offset + HEADER, gone);
            self.region().at::<Header>(offset).forget(gone.seat);
        }
        drop(things);
        self.free_what_nobody_has();
    }

    /// Frees what was kept because a process still had a handle when the coordinator's last one went.
    fn free_what_nobody_has(&self) {
        self.lock().entries.retain(|&offset, entry| {
            let header = self.region().at::<Header>(offset);
            let is_kept = entry.held.strong_count() > 0
                // Its last handle is about to go.
                || entry.pinned.is_none()
                || header.is_pinned()
                || header.is_held_elsewhere();
            if !is_kept {
                header.end();
            }
            is_kept
        });
    }

    fn lock(&self) -> MutexGuard<'_, Things> {
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    pub(crate) fn commons(&self) -> &Arc<Commons> {
        &self.commons
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }
}

impl Held {
    /// The array that belongs to it, for the one who has the only handle of it; else the handle again.
    pub(crate) fn into_array(self: Arc<Held>) -> Result<Arc<Block>, Arc<Held>> {
        let commons = Arc::clone(&self.commons);
        // Under the lock nobody finds it again.
        let things = commons.lock();
        let header = commons.region().at::<Header>(self.offset);
        if Arc::strong_count(&self) > 1 || header.is_pinned() || header.is_held_elsewhere() {
            return Err(self);
        }
        let array = self.blocks().as_mut().and_then(|blocks| blocks.array.take());
        drop(things);
        array.ok_or(self)
    }

    /// The array that belongs to it.
    pub(crate) fn array(&self) -> Option<Arc<Block>> {
        let of = |blocks: &Option<Blocks>| blocks.as_ref()?.array.clone();
        let own = of(&self.blocks());
        // What was found again has its memory in the record.
        own.or_else(|| of(&self.commons.lock().entries.get(&self.offset)?.pinned))
    }

    fn blocks(&self) -> MutexGuard<'_, Option<Blocks>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let blocks = self.blocks().take();
        let mut things = self.commons.lock();
        let Some(entry) = things.entries.get_mut(&self.offset) else { return };
        let header = self.commons.region().at::<Header>(self.offset);
        // It may have been found again meanwhile, as what is pinned can be.
        if header.is_pinned() || header.is_held_elsewhere() || entry.held.strong_count() > 0 {
            entry.pinned = entry.pinned.take().or(blocks);
        } else {
            header.end();
            things.entries.remove(&self.offset);
            // Its memory only now, lest a new thing of this place be taken for it.
            drop(blocks);
        }
    }
}

impl Cargo for Held {
    /// It has a handle from here on: it may die before it has unpacked that.
    fn hand_over(&self, to: Seat) {
        self.commons.region().at::<Header>(self.offset).hold(to);
    }

    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl Home for Commons {
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
