//! The kernel that makes an array: its pages become present, and each of its elements the same.

use super::access::Out;
use super::chunk::Chunk;
use super::kernel::{Kernel, Shapes};
use super::reduce::Sum;
use super::stream::stream;
use crate::memory::{Pages, make_present};
use crate::shared::crash;
use crate::shared::protocol::CrashPoint;
use serde::{Deserialize, Serialize};

/// Copies of one element in a block of bytes, whose pages are made present first if it is fresh: on
/// the node of whoever works on them, and filled while they are in its caches.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Filled {
    element: Vec<u8>,
    is_fresh: bool,
}

impl Filled {
    /// Of copies of `element`, in a block that `is_fresh` (all zeros, and no pages yet) or not.
    pub(crate) fn with(element: &[u8], is_fresh: bool) -> Filled {
        Filled { element: element.to_vec(), is_fresh }
    }

    /// Fills a chunk's bytes, whatever is there.
    fn fill(&self, chunk: &Chunk, bytes: &mut [u8]) {
        /// Bytes that are copied at once, if elements are not larger.
        const AT_ONCE: usize = 1024;
        let element = self.element.len();
        let copies = AT_ONCE.div_ceil(element);
        // One more, as a piece may begin within an element.
        let repeated = self.element.repeat(copies + 1);
        let fill = |bytes: &mut [u8], first: usize| {
            let phase = (chunk.start() + first) % element;
            for piece in bytes.chunks_mut(copies * element) {
                piece.copy_from_slice(&repeated[phase..phase + piece.len()]);
            }
        };
        if self.is_fresh {
            // What the system has zeroed just now is in the caches, and cheaper to write there.
            fill(bytes, 0);
        } else {
            stream(chunk, bytes, fill);
        }
    }
}

impl Kernel for Filled {
    type Args = Out<u8>;
    /// Chunks whose pages did not become huge.
    type Output = Sum<u64>;

    fn name() -> &'static str {
        "filling an array"
    }

    fn run(&self, chunk: Chunk, bytes: &mut [u8]) -> u64 {
        let mut small = false;
        if self.is_fresh {
            if cfg!(debug_assertions) {
                // Debug builds spoil what a kernel is to write; fresh pages are promised to be zero.
                bytes.fill(0);
            }
            small = make_present(bytes) == Pages::Small;
            crash::pass(CrashPoint::PagesPresent);
        }
        if !self.is_fresh || self.element.iter().any(|byte| *byte != 0) {
            self.fill(&chunk, bytes);
        }
        u64::from(small)
    }

    /// Whole huge pages, each one's bytes together.
    fn grain(&self, _: &Shapes) -> usize {
        2 << 20
    }
}
