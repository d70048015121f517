//! Describing a step: a kernel and its arrays become a partition, and what the workers need to know.

use super::access::{AccessSpec, Args, Kind};
use super::fuse::{STAGES_MAX, fuse};
use super::groups::groups_max;
use super::kernel::{Kernel, Shapes};
use super::plan::Plan;
use super::program::{ArgSpec, ArrayPlace, InPlan, Op, StepSpec};
use super::reduce::Output;
use super::scalar::StepKernel;
use crate::error::{Error, Result};
use crate::partition::{CHUNKS_MAX, Partition, Tiling};
use std::borrow::Borrow;

/// Arrays begin at multiples of this.
const LINE: usize = 128;

impl Plan<'_> {
    /// Adds a step over these slots, whose result is the scalar `output`.
    pub(super) fn try_step<S: StepKernel>(
        &mut self,
        step: &S,
        slots: &[InPlan],
        output: usize,
    ) -> Result<()> {
        let name = S::Kernel::name();
        let specs = <S::Kernel as Kernel>::Args::SPECS;
        let slots = slots.iter().map(|&slot| self.own(slot)).collect::<Result<Vec<usize>>>()?;
        // As a launch of one kernel has them: where order alone counts, one axis.
        let shapes = specs.iter().zip(&slots).map(|(spec, &slot)| {
            let array = &self.program.arrays[slot];
            if spec.shaped { array.shape.clone() } else { vec![array.len] }
        });
        let shapes = shapes.collect();
        let shapes = Shapes::new(specs, shapes)
            .map_err(|reason| Error::Shape { kernel: name.into(), reason })?;
        let source = step.source(self)?;
        let kernel = source.kernel.borrow();
        kernel.check(&shapes).map_err(|reason| Error::Refused { kernel: name.into(), reason })?;
        let (tiling, partition) = cut(kernel, specs, &shapes);
        let args = specs.iter().zip(&slots).enumerate().map(|(argument, (spec, &slot))| ArgSpec {
            array: slot,
            kind: spec.kind,
            element_bytes: spec.element_bytes,
            stride: super::kernel::stride_of(spec.shaped, shapes.of(argument)),
            kept: spec.kind == Kind::Update,
        });
        let mut spec = StepSpec {
            extent: shapes.extent(),
            tiling,
            table: source.table,
            params: source.params,
            inputs: source.inputs,
            args: args.collect(),
            partition,
            halo: kernel.halo(),
            output,
            slot_bytes: <S::Kernel as Kernel>::Output::BYTES,
            cell: specs.iter().any(|spec| spec.kind == Kind::Merge),
            followers: 0,
            slots_at: 0,
            feeds: false,
        };
        if spec.args.iter().any(|arg| arg.kept) && specs.iter().any(|spec| spec.kind.is_merged()) {
            let reason = "a kernel cannot both update in place and merge: a chunk that is merged \
                          later could not be undone; split it into two steps";
            return Err(Error::Refused { kernel: name.into(), reason: reason.into() });
        }
        let folds = self.give_groups_accumulators::<S::Kernel>(&mut spec)?;
        self.push_step(name, specs, spec);
        // They read accumulators that no argument of the user's kernel names.
        folds.into_iter().for_each(|fold| self.push_step(name, &[], fold));
        Ok(())
    }

    fn push_step(
        &mut self,
        name: &'static str,
        accesses: &'static [AccessSpec],
        mut spec: StepSpec,
    ) {
        if let Some(Op::Step(last)) = self.program.ops.last() {
            let steps = &mut self.program.steps;
            let head = (last.saturating_sub(STAGES_MAX)..=*last)
                .find(|&head| head + steps[head].followers == *last)
                .expect("the last step ends the last group");
            fuse(&mut steps[head..], &mut spec);
        }
        self.program.ops.push(Op::Step(self.program.steps.len()));
        self.program.steps.push(spec);
        self.names.push(name);
        self.accesses.push(accesses);
    }

    /// Where accumulators cannot be merged in any order each chunk gets one of its own, in an array
    /// that the plan makes for itself; gives the steps that fold them into the user's arrays.
    fn give_groups_accumulators<K: Kernel>(
        &mut self,
        step: &mut StepSpec,
    ) -> Result<Vec<StepSpec>> {
        let mut folds = vec![];
        let mut used = 0;
        for (arg, folding) in step.args.iter_mut().zip(K::Args::foldings()) {
            let Some(table) = folding else { continue };
            let result = arg.array;
            let len = self.program.arrays[result].len;
            // At most `groups_max`, so that this fits.
            let groups = step.partition.chunks();
            arg.array = self.program.arrays.len();
            arg.stride = len;
            self.program.arrays.push(ArrayPlace {
                offset: 0,
                len: groups * len,
                shape: vec![groups * len],
            });
            self.blocks.push(None);
            self.program.scratch.push((arg.array, used));
            used += (groups * len * arg.element_bytes).next_multiple_of(LINE);
            let output = self.add_scalar(0);
            folds.push(fold_of(table?, arg, result, len, output));
        }
        self.program.scratch_bytes = self.program.scratch_bytes.max(used);
        Ok(folds)
    }
}

/// How a kernel's index space is cut.
pub(crate) fn cut<K: Kernel>(
    kernel: &K,
    specs: &[AccessSpec],
    shapes: &Shapes,
) -> (Option<Tiling>, Partition) {
    let grouped = specs.iter().enumerate().filter(|(_, spec)| spec.kind == Kind::Accumulate);
    let bytes = grouped.map(|(argument, spec)| shapes.of(argument)[0] * spec.element_bytes).sum();
    let chunks_max = if bytes > 0 { groups_max(bytes) } else { CHUNKS_MAX };
    if let Some(argument) = specs.iter().position(|spec| spec.kind.is_tiled()) {
        let shape = [shapes.of(argument)[0], shapes.of(argument)[1]];
        let tiling = Tiling::new(shape, kernel.tile(shapes), chunks_max);
        return (Some(tiling), Partition::new(tiling.tiles(), 1));
    }
    let (extent, grain) = (shapes.extent(), kernel.grain(shapes));
    (None, Partition::new(extent, grain.max(extent.div_ceil(chunks_max))))
}

/// The step that folds the accumulators of one argument into the array of `len` elements that the
/// user gave for it.
fn fold_of(table: u64, arg: &ArgSpec, result: usize, len: usize, output: usize) -> StepSpec {
    let (groups, element_bytes) = (arg.array, arg.element_bytes);
    let arg = |array, kind| ArgSpec { array, kind, element_bytes, stride: 1, kept: false };
    StepSpec {
        table,
        params: vec![],
        inputs: vec![],
        args: vec![arg(groups, Kind::Whole), arg(result, Kind::Write)],
        extent: len,
        partition: Partition::new(len, len.div_ceil(256).max(4096 / element_bytes.max(1))),
        tiling: None,
        halo: 0,
        output,
        slot_bytes: 0,
        cell: false,
        followers: 0,
        slots_at: 0,
        feeds: false,
    }
}
