//! A plan as it lies in the region: arrays, steps, and the operations that lead from step to step.
//!
//! It is written once, before the plan's first issue, and never changes. What changes (position,
//! counters, roles of arrays, scalars) is in the [`State`], which travels in the frames.

use super::frame::State;
use super::table::{Named, Test};
use crate::partition::{Partition, Tiling};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A plan.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Program {
    /// Where each array slot's array lies at the beginning.
    pub(crate) arrays: Vec<ArrayPlace>,
    pub(crate) steps: Vec<StepSpec>,
    pub(crate) ops: Vec<Op>,
    pub(crate) counters: usize,
    /// Where each scalar lies in the state's bytes.
    pub(crate) scalars: Vec<ScalarPlace>,
    pub(crate) areas: Areas,
    /// Arrays that the plan makes for itself, with their places in an area of their own.
    pub(crate) scratch: Vec<(usize, usize)>,
    pub(crate) scratch_bytes: usize,
}

/// Names an array's role or a scalar: the plan that it is of, and its number there. One that was
/// carried over into another plan is refused, as its number means something else there.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InPlan {
    pub(crate) plan: u64,
    pub(crate) index: usize,
}

/// Blocks of the region that a plan works in, by offset.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Areas {
    pub(crate) marks: usize,
    pub(crate) marks_len: usize,
    pub(crate) slots: usize,
    pub(crate) slots_len: usize,
    /// Undo blocks, one per worker.
    pub(crate) undo: usize,
    pub(crate) undo_len: usize,
    pub(crate) pre_image: usize,
    pub(crate) pre_image_len: usize,
}

impl Areas {
    /// The undo block of a worker.
    pub(crate) fn undo_of(&self, rank: usize) -> Range<usize> {
        let start = self.undo + rank * self.undo_len;
        start..start + self.undo_len
    }

    pub(crate) fn pre_image(&self) -> Range<usize> {
        self.pre_image..self.pre_image + self.pre_image_len
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArrayPlace {
    pub(crate) offset: usize,
    /// Number of elements.
    pub(crate) len: usize,
    pub(crate) shape: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScalarPlace {
    pub(crate) offset: usize,
    pub(crate) len: usize,
}

/// One kernel over one partition.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StepSpec {
    /// Offset of the kernel's table in the executable.
    pub(crate) table: u64,
    pub(crate) params: Vec<u8>,
    /// Scalars that the kernel is made of, if it is not made of its parameters alone.
    pub(crate) inputs: Vec<usize>,
    pub(crate) args: Vec<ArgSpec>,
    /// Elements or rows.
    pub(crate) extent: usize,
    /// Of elements or rows, or of tiles: one a chunk.
    pub(crate) partition: Partition,
    pub(crate) tiling: Option<Tiling>,
    pub(crate) halo: usize,
    pub(crate) output: usize,
    pub(crate) slot_bytes: usize,
    pub(crate) cell: bool,
    /// How many of the steps behind it run with it: see [`fuse`](super::fuse).
    pub(crate) followers: usize,
    /// Where its slots begin among those of the steps that run together.
    pub(crate) slots_at: usize,
    /// A later stage takes up what it writes, which should not go past the caches.
    pub(crate) feeds: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct ArgSpec {
    pub(crate) array: usize,
    pub(crate) kind: super::access::Kind,
    pub(crate) element_bytes: usize,
    /// Elements per index.
    pub(crate) stride: usize,
    /// A chunk of it is copied aside before it is run, for a retry.
    pub(crate) kept: bool,
}

/// What leads from step to step. Positions are indices of `ops`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Op {
    /// Run this step, then go on with the next operation.
    Step(usize),
    /// Set a loop's counter, and the scalar that shows it, to 0.
    Begin { counter: usize, shown: usize },
    /// Leave the loop if its body has begun `times` times; else count one more.
    Head { counter: usize, shown: usize, times: u64, exit: usize },
    /// Go on elsewhere.
    Jump(usize),
    /// Go on at `exit` if the condition over these scalars holds.
    Until { table: u64, inputs: Vec<usize>, exit: usize },
    /// Two arrays exchange roles.
    Swap(usize, usize),
}

/// What comes next in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Issue this step.
    Step(usize),
    /// Going on takes user code: a condition, or a step without chunks.
    UserCode,
    /// Many operations, and no step yet: look whether the plan is cancelled, then ask again.
    Later,
    /// The plan is over.
    End,
}

impl ArgSpec {
    /// Bytes of so many indices.
    pub(crate) fn bytes_of(&self, indices: usize) -> usize {
        indices * self.stride * self.element_bytes
    }
}

impl StepSpec {
    /// Elements or rows of a chunk, and columns if it is a tile.
    #[inline]
    pub(crate) fn ranges(&self, chunk: usize) -> [Range<usize>; 2] {
        match &self.tiling {
            None => [self.partition.range(chunk), 0..0],
            Some(tiling) => tiling.ranges(chunk),
        }
    }
}

impl Program {
    /// The steps that run together from `step` on.
    pub(crate) fn stages(&self, step: usize) -> Range<usize> {
        step..step + 1 + self.steps[step].followers
    }

    /// Whether chunks of a step, with all its stages, change what they begin from.
    pub(crate) fn is_in_place(&self, step: usize) -> bool {
        self.steps[self.stages(step)].iter().flat_map(|stage| &stage.args).any(|arg| arg.kept)
    }

    /// Says where the area of the plan's own arrays lies.
    pub(crate) fn place_scratch(&mut self, area: usize) {
        for (array, at) in &self.scratch {
            self.arrays[*array].offset = area + at;
        }
    }

    /// Goes on from the state's position to the next step, past everything that needs no user code.
    pub(crate) fn advance(&self, state: &mut State) -> Next {
        const OPERATIONS_MAX: u32 = 10_000;
        for _ in 0..OPERATIONS_MAX {
            match self.ops.get(state.position) {
                None => return Next::End,
                Some(Op::Step(step)) => {
                    let empty = self.steps[*step].partition.chunks() == 0;
                    return if empty { Next::UserCode } else { Next::Step(*step) };
                }
                Some(Op::Until { .. }) => return Next::UserCode,
                Some(Op::Begin { counter, shown }) => {
                    state.counters[*counter] = 0;
                    self.show(state, *shown, 0);
                    state.position += 1;
                }
                Some(Op::Head { counter, shown, times, exit }) => {
                    let done = state.counters[*counter];
                    if done == *times {
                        state.position = *exit;
                    } else {
                        state.counters[*counter] = done + 1;
                        self.show(state, *shown, done + 1);
                        state.position += 1;
                    }
                }
                Some(Op::Jump(target)) => state.position = *target,
                Some(Op::Swap(a, b)) => {
                    state.order.swap(*a, *b);
                    state.position += 1;
                }
            }
        }
        Next::Later
    }

    fn show(&self, state: &mut State, scalar: usize, value: u64) {
        self.scalar_mut(state, scalar).copy_from_slice(&value.to_ne_bytes());
    }

    /// The bytes of a scalar, to write; it counts as set from now on.
    pub(crate) fn scalar_mut<'s>(&self, state: &'s mut State, scalar: usize) -> &'s mut [u8] {
        state.set[scalar] = true;
        let place = self.scalars[scalar];
        &mut state.scalars[place.offset..place.offset + place.len]
    }

    /// The bytes of a scalar, if it has been set.
    pub(crate) fn scalar<'s>(&self, state: &'s State, scalar: usize) -> Option<&'s [u8]> {
        let place = self.scalars[scalar];
        state.set[scalar].then(|| &state.scalars[place.offset..place.offset + place.len])
    }

    /// The values of several scalars, one behind the other.
    ///
    /// # Errors
    ///
    /// Where one has not been set: its step lies in a loop that did not run.
    pub(crate) fn gather(&self, state: &State, scalars: &[usize]) -> Result<Vec<u8>, String> {
        let mut bytes = vec![];
        for &scalar in scalars {
            let value = self.scalar(state, scalar).ok_or(
                "a scalar is read before it is set: the step that yields it lies in a loop that \
                 did not run",
            )?;
            bytes.extend_from_slice(value);
        }
        Ok(bytes)
    }

    /// Whether the condition at the state's position holds: user code.
    pub(crate) fn test(&self, state: &State, table: u64, inputs: &[usize]) -> Result<bool, String> {
        let condition = Named::<Test>::at(table)?;
        Ok((condition.function)(&self.gather(state, inputs)?))
    }

    /// A state before the first operation; `constants` are scalars with their values.
    pub(crate) fn begin(&self, constants: &[(usize, Vec<u8>)]) -> State {
        let bytes = self.scalars.last().map_or(0, |last| last.offset + last.len);
        let mut state = State {
            position: 0,
            counters: vec![0; self.counters],
            order: (0..self.arrays.len()).collect(),
            set: vec![false; self.scalars.len()],
            scalars: vec![0; bytes],
        };
        for (scalar, value) in constants {
            self.scalar_mut(&mut state, *scalar).copy_from_slice(value);
        }
        state
    }
}
