//! Accumulators whose merging is not exact: sums of floats, say. Their bits depend on the order of
//! additions, so that order is fixed: the index space is cut into groups, each with an accumulator
//! of its own in the region, and those are folded by the fixed tree, element by element.
//!
//! The step that accumulates gets its chunks from here (a group is a chunk), and is followed by a
//! step that folds. How many groups there are depends on the accumulator's size alone.

use super::access::{MergeOp, Out, Whole};
use super::chunk::Chunk;
use super::kernel::Kernel;
use super::reduce::fold_pairwise;
use crate::memory::Element;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// The most groups: enough to share among many workers.
const GROUPS_MAX: usize = 256;
/// Bytes that all accumulators of a step may take together, as far as one is not larger already.
const BYTES_MAX: usize = 256 << 20;

/// The most groups of a step whose accumulators take `bytes` bytes.
pub(crate) fn groups_max(bytes: usize) -> usize {
    (BYTES_MAX / bytes.max(1)).clamp(1, GROUPS_MAX)
}

/// Folds the accumulators of all groups, one behind the other in the first array, into the second.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FoldGroups<T, Op> {
    #[serde(skip)]
    types: PhantomData<fn(T) -> Op>,
}

impl<T: Element, Op: MergeOp<T>> Kernel for FoldGroups<T, Op> {
    type Args = (Whole<T>, Out<T>);
    type Output = ();

    fn name() -> &'static str {
        "folding accumulators"
    }

    fn run(&self, chunk: Chunk, (groups, into): (&[T], &mut [T])) {
        let own_part = |group: usize| {
            let start = group * chunk.extent();
            groups[start + chunk.start()..][..chunk.len()].to_vec()
        };
        let merge = |mut left: Vec<T>, right: Vec<T>| {
            left.iter_mut().zip(right).for_each(|(left, right)| Op::merge(left, right));
            left
        };
        let folded = fold_pairwise(groups.len() / chunk.extent(), own_part, merge);
        match folded {
            Some(folded) => into.copy_from_slice(&folded),
            None => into.fill_with(Op::identity),
        }
    }
}
