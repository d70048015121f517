//! The kernel of which nothing is measured but the engine.

use gristmill::{Chunk, In, Kernel, Shapes};
use serde::{Deserialize, Serialize};
use std::hint::black_box;

/// A chunk per element, of which nothing is read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Empty;

impl Kernel for Empty {
    type Args = In<u8>;
    type Output = ();

    fn run(&self, chunk: Chunk, _: &[u8]) {
        black_box(chunk.index());
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}
