//! Hands out blocks of the region and takes them back. Only the coordinator allocates.
//!
//! First fit over an ordered list of free blocks, merged with their neighbours when they return.
//! Memory once handed out stays present; only growth beyond the high-water mark is checked against
//! what the machine has left, so that nothing ends in SIGBUS or the OOM killer by our own doing.

use super::region::{ARRAYS, HUGE, Region};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Alignment of every block: two cache lines, as adjacent-line prefetchers fetch pairs.
const LINE: usize = 128;

/// Where memory is to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Growth {
    /// In the region, which has its addresses.
    Region,
    /// Where it takes address space, too.
    Elsewhere,
}

/// How many bytes the machine can still give there, and which bound says so.
pub(crate) type Budget = Box<dyn Fn(Growth) -> (u64, String) + Send + Sync>;

fn alignment(len: usize) -> usize {
    if len >= HUGE { HUGE } else { LINE }
}

/// What a block of `len` bytes takes of the region.
#[cfg(feature = "cli")]
pub(crate) fn taken_by(len: u64) -> u64 {
    let align = alignment(usize::try_from(len).unwrap_or(usize::MAX)) as u64;
    len.checked_next_multiple_of(align).unwrap_or(u64::MAX)
}

/// The region and the record of its blocks.
pub(crate) struct Memory {
    region: Region,
    free: Mutex<FreeList>,
    budget: Budget,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("region", &self.region).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct FreeList {
    /// Offset and length of each free block below `top`; no two are adjacent.
    blocks: BTreeMap<usize, usize>,
    /// What is in use, by its offset.
    used: BTreeMap<usize, Use>,
    /// Nothing from here on was ever handed out: its pages are absent, and zero once present.
    top: usize,
}

/// A block that somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) purpose: &'static str,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// A piece of the region that is its owner's until dropped.
#[derive(Debug)]
pub(crate) struct Block {
    owner: Owner,
    offset: usize,
    len: usize,
    fresh: bool,
}

/// Whom a block returns to.
#[derive(Debug)]
enum Owner {
    Memory(Arc<Memory>),
    /// In another process than the coordinator: to nobody, who keeps it there.
    Lent(&'static Region),
}

impl Memory {
    pub(crate) fn new(region: Region, budget: Budget) -> Arc<Memory> {
        let free =
            Mutex::new(FreeList { blocks: BTreeMap::new(), used: BTreeMap::new(), top: ARRAYS });
        Arc::new(Memory { region, free, budget })
    }

    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// Bytes of the region that were ever handed out.
    #[cfg(test)]
    pub(crate) fn high_water(&self) -> usize {
        self.lock().top - ARRAYS
    }

    /// A block of at least `len` bytes for `purpose`, aligned to two cache lines, and to huge
    /// pages where it fills one.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], before anything is touched.
    pub(crate) fn allocate(self: &Arc<Memory>, purpose: &'static str, len: usize) -> Result<Block> {
        let align = alignment(len);
        let too_large = || Error::OutOfMemory {
            purpose,
            requested: len as u64,
            available: (self.region.capacity() - ARRAYS) as u64,
            bound: "the capacity of the engine's region".into(),
        };
        let len = len.max(1).checked_next_multiple_of(align).ok_or_else(too_large)?;
        if len > self.region.capacity() - ARRAYS {
            return Err(too_large());
        }
        let mut free = self.lock();
        let lent = |free: &mut FreeList, offset: usize, fresh| {
            free.used.insert(offset, Use { purpose, start: offset, len });
            Block { owner: Owner::Memory(Arc::clone(self)), offset, len, fresh }
        };
        if let Some(offset) = free.take(len, align) {
            return Ok(lent(&mut free, offset, false));
        }
        let offset = free.top;
        let growth = len.next_multiple_of(HUGE);
        if growth > self.region.capacity() - free.top {
            return Err(Error::OutOfMemory {
                purpose,
                requested: growth as u64,
                available: (self.region.capacity() - free.top) as u64,
                bound: "the capacity of the engine's region".into(),
            });
        }
        self.check(purpose, Growth::Region, growth as u64, free.top)?;
        free.top += growth;
        if growth > len {
            free.give(offset + len, growth - len);
        }
        Ok(lent(&mut free, offset, true))
    }

    /// The block in use that holds an offset.
    pub(crate) fn block_at(&self, offset: usize) -> Option<Use> {
        let free = self.lock();
        let (_, found) = free.used.range(..=offset).next_back()?;
        (offset - found.start < found.len).then_some(*found)
    }

    /// Refuses what the machine has not: for memory that is taken elsewhere than in the region.
    pub(crate) fn refuse_beyond_budget(&self, purpose: &'static str, bytes: u64) -> Result<()> {
        let top = self.lock().top;
        self.check(purpose, Growth::Elsewhere, bytes, top)
    }

    /// What was handed out and is not present yet is promised: the machine does not know of it.
    fn check(
        &self,
        purpose: &'static str,
        growth: Growth,
        requested: u64,
        top: usize,
    ) -> Result<()> {
        let promised = ((top - ARRAYS) as u64).saturating_sub(self.region.present_bytes());
        let (left, bound) = (self.budget)(growth);
        let available = left.saturating_sub(promised);
        if requested > available {
            return Err(Error::OutOfMemory { purpose, requested, available, bound });
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, FreeList> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FreeList {
    fn take(&mut self, len: usize, align: usize) -> Option<usize> {
        let (start, size, offset) = self.blocks.iter().find_map(|(&start, &size)| {
            let offset = start.next_multiple_of(align);
            (offset + len <= start + size).then_some((start, size, offset))
        })?;
        self.blocks.remove(&start);
        if offset > start {
            self.blocks.insert(start, offset - start);
        }
        if offset + len < start + size {
            self.blocks.insert(offset + len, start + size - offset - len);
        }
        Some(offset)
    }

    fn give(&mut self, mut offset: usize, mut len: usize) {
        if let Some((&before, &size)) = self.blocks.range(..offset).next_back()
            && before + size == offset
        {
            self.blocks.remove(&before);
            offset = before;
            len += size;
        }
        if let Some(size) = self.blocks.remove(&(offset + len)) {
            len += size;
        }
        self.blocks.insert(offset, len);
    }
}

impl Block {
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether its pages were never touched, and so are absent and will be zero.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Bytes of the region that the coordinator has lent to this process; none where they do not lie
    /// among the arrays.
    pub(crate) fn lent(region: &'static Region, offset: usize, len: usize) -> Option<Block> {
        let inside = offset >= ARRAYS && offset.checked_add(len)? <= region.capacity();
        (inside && offset.is_multiple_of(LINE)).then_some(Block {
            owner: Owner::Lent(region),
            offset,
            len,
            fresh: false,
        })
    }

    pub(crate) fn region(&self) -> &Region {
        match &self.owner {
            Owner::Memory(memory) => &memory.region,
            Owner::Lent(region) => region,
        }
    }

    pub(crate) fn address(&self) -> *mut u8 {
        self.region().bytes(self.offset, self.len).as_ptr()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let Owner::Memory(memory) = &self.owner else { return };
        let mut free = memory.lock();
        free.used.remove(&self.offset);
        free.give(self.offset, self.len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn memory(available: u64) -> Arc<Memory> {
        let budget: Budget = Box::new(move |_| (available, "test".into()));
        Memory::new(Region::create(64 << 20).unwrap(), budget)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn blocks_never_overlap_and_all_return(
            steps in prop::collection::vec((1usize..3_000_000, any::<prop::sample::Index>()), 1..60)
        ) {
            let memory = memory(u64::MAX);
            let mut held: Vec<Block> = Vec::new();
            for (len, pick) in steps {
                match memory.allocate("a test", len) {
                    Ok(block) => {
                        for other in &held {
                            prop_assert!(
                                block.offset + block.len <= other.offset
                                    || other.offset + other.len <= block.offset
                            );
                        }
                        prop_assert!(block.len >= len && block.offset >= ARRAYS);
                        held.push(block);
                    }
                    Err(_) => { held.swap_remove(pick.index(held.len())); }
                }
                if held.len() > 12 {
                    held.swap_remove(pick.index(held.len()));
                }
            }
            held.clear();
            let free = memory.lock();
            let whole: usize = free.blocks.values().sum();
            prop_assert_eq!(whole, free.top - ARRAYS);
            prop_assert!(free.blocks.len() <= 1);
        }
    }

    #[test]
    fn what_is_promised_is_not_promised_again() {
        let memory = memory(40 << 20);
        let first = memory.allocate("a test", 30 << 20).unwrap();
        let refused = memory.allocate("a test", 20 << 20).unwrap_err();
        let Error::OutOfMemory { available, .. } = refused else { panic!("{refused}") };
        assert_eq!(available, 10 << 20);
        assert!(memory.refuse_beyond_budget("a test", 20 << 20).is_err());
        // Once present it is the machine that counts it.
        // SAFETY: the block is this test's own.
        unsafe { first.address().write_bytes(1, 30 << 20) };
        assert!(memory.refuse_beyond_budget("a test", 20 << 20).is_ok());
        memory.allocate("a test", 20 << 20).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_numbers() {
        let memory = memory(1 << 20);
        let error = memory.allocate("an array", 8 << 20).unwrap_err();
        let Error::OutOfMemory { requested, available, .. } = error else { panic!("{error}") };
        assert_eq!((requested, available), (8 << 20, 1 << 20));
        assert_eq!(memory.high_water(), 0);
    }
}
