//! What lies where a worker faulted: which element of which argument of the step that it was at work
//! on, or which of the engine's own areas.

use super::coordinator::{Core, Running};
use crate::compute::{Frame, Issued, Kind};
use crate::error::{Cause, DeathRecord};
use crate::fault_place::{FaultElement, FaultPlace};
use std::ops::Range;

impl Core {
    /// Says what lies at the address of a reaped worker's fault. To be called before its burial.
    pub(crate) fn place_fault(&self, rank: usize, death: &mut DeathRecord) {
        let Cause::Signal { fault: Some(fault), .. } = &mut death.cause else { return };
        let FaultPlace::OtherMemory { offset } = fault.place else { return };
        let control = self.control();
        // A task knows nothing of the step that others are at work on.
        let (_, Some(frame)) = control.current() else { return };
        if control.board().is_at_work(rank)
            && let Some(place) = self.lock_running().place_of(&frame, offset as usize, self.workers)
        {
            fault.place = place;
        }
    }
}

impl Running {
    fn place_of(&self, frame: &Frame, offset: usize, workers: usize) -> Option<FaultPlace> {
        let area = || self.area_at(offset, workers).map(FaultPlace::EngineArea);
        self.element_at(frame, offset).map(FaultPlace::Element).or_else(area)
    }

    /// The argument of the current step that holds the offset.
    fn element_at(&self, frame: &Frame, offset: usize) -> Option<FaultElement> {
        let Issued::Step(step) = frame.issued else { return None };
        let spec = self.program.steps.get(step)?;
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
