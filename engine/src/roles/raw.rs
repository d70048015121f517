//! Launches over arrays whose types are known at run time only: for job files.

use super::arrays::bytes_of;
use super::coordinator::Buried;
use super::engine::Engine;
use crate::compute::{Args, Filled, Kernel, Kind, Place, Value, single_at};
use crate::error::{Error, Result};
use crate::memory::{Array, RawArgument, RawArray};
use ndarray::Ix1;
use std::sync::PoisonError;

impl Engine {
    /// Runs a kernel over arrays whose types are known at run time only.
    pub(crate) fn run_raw<K: Kernel>(
        &self,
        kernel: &K,
        arguments: &[RawArgument<'_>],
    ) -> Result<Value<K>> {
        let refuse = |reason: String| Error::Refused { kernel: K::name().into(), reason };
        if arguments.len() != K::Args::SPECS.len() {
            return Err(refuse(format!("it takes {} arrays", K::Args::SPECS.len())));
        }
        let mut places = vec![];
        for (argument, spec) in arguments.iter().zip(K::Args::SPECS) {
            let array = argument.array();
            let written = spec.kind.is_replaced() || spec.kind == Kind::Update;
            let dimensions = spec.ndim.is_none_or(|ndim| ndim == array.shape().len());
            if array.element() != (spec.element)()
                || !dimensions
                || (written && !argument.is_written())
            {
                return Err(refuse(format!(
                    "an array of {} with shape {:?} does not fit",
                    array.element(),
                    array.shape()
                )));
            }
            let flat = vec![array.len()];
            let shape = if spec.shaped { array.shape().to_vec() } else { flat };
            places.push(Place { address: array.bytes().as_ptr(), len: array.len(), shape });
        }
        let (mut plan, output) = single_at(self.core.region(), kernel, &places)?;
        self.launch(&mut plan, output)
    }

    /// Whether a fresh array gets huge pages.
    pub(crate) fn try_huge_pages(&self) -> Result<bool> {
        let block = self.core.memory.allocate("a trial", 4 << 20)?;
        Ok(self.run_own(&Filled::with(&[0], true), &mut Array::<u8, Ix1>::over(block))? == 0)
    }

    /// Chunks of the step with the most, of what was launched last.
    pub(crate) fn chunks_of_last_launch(&self) -> usize {
        let steps = &self.core.lock_running().program.steps;
        steps.iter().map(|step| step.partition.chunks()).max().unwrap_or(0)
    }

    /// The deaths since the last call, the oldest first.
    pub(crate) fn take_deaths(&self) -> Vec<Buried> {
        let mut latest = self.core.buried.lock().unwrap_or_else(PoisonError::into_inner);
        latest.drain(..).rev().collect()
    }

    /// The region, for handles of arrays.
    pub(crate) fn region(&self) -> &crate::memory::Region {
        self.core.region()
    }

    /// An array of zeros whose element type is known at run time only.
    pub(crate) fn zeros_raw(
        &self,
        element: &'static str,
        element_bytes: usize,
        shape: &[usize],
    ) -> Result<RawArray> {
        let bytes = bytes_of(shape, element_bytes)?;
        let block = self.core.memory.allocate("an array of a job", bytes)?;
        Ok(RawArray::new(self.zeroed(block)?, element, element_bytes, shape))
    }
}
