//! What lies where a worker faulted: which element of which argument of the step that it was at work
//! on, which of the engine's own areas, or what else has been allocated there.

use super::coordinator::{Core, Running};
use crate::compute::{Frame, Issued, Kind};
use crate::error::{Cause, DeathRecord};
use crate::fault_place::{FaultBlock, FaultElement, FaultPlace};
use crate::memory::Use;
use std::ops::Range;

impl Core {
    /// Says what lies at the address of a reaped worker's fault. To be called before its burial.
    pub(crate) fn place_fault(&self, rank: usize, death: &mut DeathRecord) {
        let Cause::Signal { fault: Some(fault), .. } = &mut death.cause else { return };
        let FaultPlace::OtherMemory { offset } = fault.place else { return };
        fault.place =
            self.place_of(rank, offset as usize).unwrap_or(FaultPlace::OtherMemory { offset });
    }

    fn place_of(&self, rank: usize, offset: usize) -> Option<FaultPlace> {
        let control = self.control();
        // A task knows nothing of the step that others are at work on.
        let frame = control.current().1.filter(|_| control.board().is_at_work(rank));
        let of_step = frame.and_then(|frame| {
            self.lock_running().place_of(&frame, control.stage(rank), offset, self.workers)
        });
        of_step.or_else(|| self.block_at(offset))
    }

    /// Whatever is in use there.
    fn block_at(&self, offset: usize) -> Option<FaultPlace> {
        let Use { purpose, start, len } = self.memory.block_at(offset)?;
        Some(FaultPlace::OtherBlock(FaultBlock {
            purpose: purpose.into(),
            start: self.region().bytes(start, len).addr().get() as u64,
            bytes: len as u64,
            byte: (offset - start) as u64,
        }))
    }
}

impl Running {
    fn place_of(
        &self,
        frame: &Frame,
        stage: usize,
        offset: usize,
        workers: usize,
    ) -> Option<FaultPlace> {
        let area = || self.area_at(offset, workers).map(FaultPlace::EngineArea);
        self.element_at(frame, stage, offset).map(FaultPlace::Element).or_else(area)
    }

    /// The argument of a stage of the current step that holds the offset.
    fn element_at(&self, frame: &Frame, stage: usize, offset: usize) -> Option<FaultElement> {
        let Issued::Step(step) = frame.issued else { return None };
        let step = (step < self.program.steps.len()).then(|| self.at_stage(step, stage))?;
        let spec = &self.program.steps[step];
        let accesses = self.accesses.get(step)?;
        spec.args.iter().enumerate().find_map(|(argument, arg)| {
            let array = self.program.arrays.get(*frame.state.order.get(arg.array)?)?;
            let inside = offset.checked_sub(array.offset)?;
            let position = inside / arg.element_bytes.max(1);
            let access = match accesses.get(argument) {
                Some(access) => access.marker(),
                None if arg.kind == Kind::Write => "the folded result".into(),
                None => "the accumulators".into(),
            };
            let shape = array.shape.clone();
            let found = || FaultElement::new(argument, access, shape, position);
            (position < array.len).then(found)
        })
    }

    /// The engine's own area that holds the offset.
    fn area_at(&self, offset: usize, workers: usize) -> Option<&'static str> {
        let areas = self.areas();
        let from = |start: usize, len: usize| start..start + len;
        let all: [(Range<usize>, &'static str); 4] = [
            (from(areas.marks, 8 * areas.marks_len), "done marks"),
            (from(areas.slots, areas.slots_len), "partial results"),
            (from(areas.undo, areas.undo_len * workers), "undo copies"),
            (areas.pre_image(), "copy of a reduction cell"),
        ];
        all.into_iter().find(|(range, _)| range.contains(&offset)).map(|(_, area)| area)
    }
}
