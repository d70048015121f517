//! How large a region may be, and how much of it arrays get: one answer for the engine, and for
//! whoever asks before there is one. What the machine has is read by floor 1.

use super::region::HUGE;
use crate::machine::{self, MemoryBound, MemoryReason};

/// Address space that the rest of a process needs beside what it had mapped before the region:
/// stacks of threads, and what kernels and the engine itself allocate.
const REST: u64 = 16 << 20;

/// The capacity of a region for this process, and what decided it; `None` where nothing is known.
/// With fences workers map it twice.
pub(crate) fn region_capacity(memory: &machine::Memory, fence: bool) -> Option<MemoryBound> {
    let others = memory.capacity.iter().filter(|bound| !is_address_space(bound)).cloned();
    let shares = memory.available.iter().filter_map(|bound| share(bound, fence));
    others.chain(shares).min_by_key(|bound| bound.bytes)
}

/// What arrays in such a region could have now, and what decides it.
#[cfg(feature = "cli")]
pub(crate) fn available_to_arrays(memory: &machine::Memory, fence: bool) -> Option<MemoryBound> {
    let region = region_capacity(memory, fence).map(|bound| {
        let bytes = super::Region::bytes_for_arrays(bound.bytes as usize) as u64;
        MemoryBound { bytes, ..bound }
    });
    let others = memory.available.iter().filter(|bound| !is_address_space(bound)).cloned();
    others.chain(region).min_by_key(|bound| bound.bytes)
}

fn is_address_space(bound: &MemoryBound) -> bool {
    matches!(bound.reason, MemoryReason::AddressSpace { .. })
}

/// The region's share of a limited address space: half of it, if that leaves enough to the rest.
fn share(bound: &MemoryBound, fence: bool) -> Option<MemoryBound> {
    let MemoryReason::AddressSpace { limit_bytes, .. } = bound.reason else { return None };
    let mappings = if fence { 2 } else { 1 };
    // Aligning a mapping takes up to a huge page.
    let left = (bound.bytes.saturating_sub(REST) / mappings).saturating_sub(HUGE as u64);
    let bytes = left.min(limit_bytes / 2 / mappings) / HUGE as u64 * HUGE as u64;
    let reason = MemoryReason::ShareOfAddressSpace { limit_bytes, mappings };
    Some(MemoryBound { bytes, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(limit_bytes: u64, used_bytes: u64) -> machine::Memory {
        let bound = |bytes, used_bytes| MemoryBound {
            bytes,
            reason: MemoryReason::AddressSpace { limit_bytes, used_bytes },
        };
        let mut memory = machine::Memory::default();
        let ram = MemoryBound { bytes: 1 << 30, reason: MemoryReason::Physical };
        memory.capacity = vec![ram, bound(limit_bytes, 0)];
        memory.available = vec![bound(limit_bytes - used_bytes, used_bytes)];
        memory
    }

    #[test]
    fn of_a_limited_address_space_the_region_leaves_enough_to_the_rest() {
        for (limit, used, fence, expected) in [
            (200 << 20, 30 << 20, false, 100 << 20),
            (200 << 20, 30 << 20, true, 50 << 20),
            (201 << 20, 30 << 20, false, 100 << 20),
            (60 << 20, 30 << 20, false, 12 << 20),
            (60 << 20, 30 << 20, true, 4 << 20),
            (40 << 20, 30 << 20, false, 0),
            (8 << 30, 30 << 20, false, 1 << 30),
        ] {
            let memory = limited(limit, used);
            let region = region_capacity(&memory, fence).unwrap();
            assert_eq!(region.bytes, expected, "{limit} {used} {fence}: {region}");
            let text = region.to_string();
            assert!(expected == 1 << 30 || text.contains("RLIMIT_AS"), "{text}");
        }
        assert_eq!(region_capacity(&machine::Memory::default(), true), None);
    }

    #[cfg(feature = "cli")]
    #[test]
    fn arrays_get_what_the_control_block_leaves() {
        let memory = limited(200 << 20, 30 << 20);
        assert_eq!(available_to_arrays(&memory, false).unwrap().bytes, 96 << 20);
        let region = super::super::Region::create(100 << 20).unwrap();
        assert_eq!(region.capacity() - super::super::ARRAYS, 96 << 20);
    }
}
