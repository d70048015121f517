//! Byte strings in the region, written and read in whole atomic words.

use super::region::Region;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes as words, the last one filled up with zeros.
pub(crate) fn words_of(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks(8).map(|bytes| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_ne_bytes(word)
    })
}

impl Region {
    /// Copies bytes into the region, in whole words.
    pub(crate) fn store_bytes(&self, offset: usize, bytes: &[u8]) {
        let words = self.slice::<AtomicU64>(offset, bytes.len().div_ceil(8));
        for (word, bytes) in words.iter().zip(words_of(bytes)) {
            word.store(bytes, Ordering::Relaxed);
        }
    }

    /// Copies bytes out of the region.
    pub(crate) fn load_bytes(&self, offset: usize, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len.next_multiple_of(8));
        self.load_bytes_into(offset, len, &mut bytes);
        bytes
    }

    /// Copies bytes out of the region, behind what is there.
    pub(crate) fn load_bytes_into(&self, offset: usize, len: usize, into: &mut Vec<u8>) {
        let words = self.slice::<AtomicU64>(offset, len.div_ceil(8));
        let end = into.len() + len;
        into.reserve(words.len() * 8);
        for word in words {
            into.extend_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        into.truncate(end);
    }

    /// Fills bytes with zeros, in whole words.
    pub(crate) fn zero(&self, offset: usize, len: usize) {
        let words = self.slice::<AtomicU64>(offset, len.div_ceil(8));
        words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }
}
