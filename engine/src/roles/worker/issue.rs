//! A worker's way into an issue: its frame, its plan, and the stages of its step, which are steps of
//! the plan that run together.

use super::Worker;
use crate::compute::{Failure, Issued, Loaded};
use crate::memory::{Permit, Region};
use crate::shared::crash::Crashes;
use crate::shared::damage::{Damage, seal};
use std::sync::atomic::{Ordering, compiler_fence};

impl<C: Crashes> Worker<C> {
    /// Reads the frame of an issue, its plan if that is new, and binds its step.
    pub(super) fn read_issue(&mut self, issue: u64) -> Result<Option<usize>, Failure> {
        let read = self.frame.read_again(self.control.frame(issue), issue);
        self.whole(read.ok_or(Damage::Frame));
        (self.stage, self.is_fused) = (0, false);
        if self.loaded.as_ref().is_none_or(|loaded| loaded.plan != self.frame.plan) {
            let mut image = vec![0; self.frame.image_words.min(self.control.image.len())];
            Region::load_words(&self.control.image, &mut image);
            let is_whole = seal(image.iter().copied()) == self.frame.image_seal;
            self.whole(is_whole.then_some(()).ok_or(Damage::Image));
            self.loaded = Some(Loaded::new(self.frame.plan, &image, self.fence)?);
        }
        let loaded = self.loaded.as_ref().expect("loaded above");
        let areas = loaded.program.areas;
        // Of the chunks of this step alone: a claim of any other was written over.
        self.marks = self.region.slice(areas.marks, self.frame.chunks.min(areas.marks_len));
        match self.frame.issued {
            Issued::Step(step) => {
                self.bind_stages(step)?;
                Ok(Some(step))
            }
            _ => Ok(None),
        }
    }

    /// Binds a step with all its stages; where one cannot be bound, it is that one which has failed.
    fn bind_stages(&mut self, step: usize) -> Result<(), Failure> {
        let loaded = self.loaded.as_mut().expect("a step is of a plan");
        let stages = loaded.program.stages(step);
        self.is_fused = stages.len() > 1;
        for stage in stages {
            self.stage = stage - step;
            loaded.bind(self.region, &self.frame.state, stage)?;
        }
        Ok(())
    }

    /// Runs a chunk through the stages of a step, and tells others at which it is.
    // Apart, lest a step of one stage pay for it.
    #[inline(never)]
    pub(super) fn run_stages(
        &mut self,
        permit: &Permit,
        step: usize,
        chunk: usize,
    ) -> Result<(), Failure> {
        let loaded = self.loaded.as_mut().expect("a step is of a plan");
        let at_stage = &self.control.block.stages[self.rank].0;
        let result = loaded.program.stages(step).try_for_each(|stage| {
            self.stage = stage - step;
            at_stage.store(self.stage as u64, Ordering::Release);
            // A death in the kernel must find it stored.
            compiler_fence(Ordering::SeqCst);
            loaded.run(permit, self.region, stage, &mut self.private, chunk)
        });
        at_stage.store(0, Ordering::Release);
        result
    }
}
