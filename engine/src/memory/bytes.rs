//! Byte strings in the region, written and read in whole atomic words.

use super::region::Region;
use std::sync::atomic::{AtomicU64, Ordering};

impl Region {
    /// Copies bytes into the region, in whole words.
    pub(crate) fn store_bytes(&self, offset: usize, bytes: &[u8]) {
        let words = self.slice::<AtomicU64>(offset, bytes.len().div_ceil(8));
        for (word, bytes) in words.iter().zip(bytes.chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(whole), Ordering::Relaxed);
        }
    }

    /// Copies bytes out of the region.
    pub(crate) fn load_bytes(&self, offset: usize, len: usize) -> Vec<u8> {
        let words = self.slice::<AtomicU64>(offset, len.div_ceil(8));
        let mut bytes: Vec<u8> =
            words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
        bytes.truncate(len);
        bytes
    }
}
