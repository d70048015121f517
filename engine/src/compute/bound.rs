//! A plan loaded into a worker, and one of its steps bound to the arrays: the only place where
//! kernels meet memory.

use super::access::{Located, Window};
use super::apart::Apart;
use super::chunk::Chunk;
use super::failure::{Failure, guarded};
use super::fence::Fenced;
use super::frame::{Ending, Frame, Issued, State};
use super::private::{Private, merged};
use super::program::{ArgSpec, Next, Op, Program, StepSpec};
use super::spoil::Spoiling;
use super::table::{Load, Named, Runner, slot_stride};
use crate::machine::exceeds_caches;
use crate::memory::{Permit, Region};
use crate::process::shield::shielded;
use crate::shared::crash;
use std::ops::Range;
use std::time::Instant;

/// A plan in a worker.
pub(crate) struct Loaded {
    pub(crate) plan: u64,
    pub(crate) program: Program,
    /// The mapping that views are of, where there are fences; else that of the engine.
    fence: Option<&'static Region>,
    /// One per step, kept from issue to issue: binding again allocates nothing.
    steps: Vec<Bound>,
}

/// A step in a worker, as it was bound last.
struct Bound {
    /// The chunk that was run last, of which the next one differs in its place alone.
    window: Window,
    at: Vec<Located>,
    /// The scalars that the kernel is made of.
    scalars: Vec<u8>,
    /// Made by the first chunk: that is user code, and somebody must be to blame for it.
    runner: Option<Box<dyn Runner>>,
    /// The runner is yet to be made, of these scalars.
    stale: bool,
}

impl Loaded {
    /// Reads a plan's image.
    pub(crate) fn new(
        plan: u64,
        image: &[u64],
        fence: Option<&'static Region>,
    ) -> Result<Loaded, Failure> {
        let program: Program = postcard::from_bytes(bytemuck::cast_slice(image))
            .map_err(|e| Failure::Refused(format!("the plan's image cannot be read: {e}")))?;
        Ok(Loaded { fence, ..Loaded::of(plan, program) })
    }

    /// A plan that needs not be read, without fences.
    pub(crate) fn of(plan: u64, program: Program) -> Loaded {
        let steps = program.steps.iter().map(Bound::nowhere).collect();
        Loaded { plan, program, fence: None, steps }
    }

    /// The mapping that views are of.
    fn views<'r>(&self, region: &'r Region) -> &'r Region {
        self.fence.unwrap_or(region)
    }

    /// Binds a step to the arrays and scalars that the state gives it. Runs no user code: nobody
    /// could be blamed for it yet.
    pub(crate) fn bind(
        &mut self,
        region: &Region,
        state: &State,
        step: usize,
    ) -> Result<(), Failure> {
        let views = self.views(region);
        let (spec, bound) = (&self.program.steps[step], &mut self.steps[step]);
        if !spec.inputs.is_empty() {
            bound.scalars = self.program.gather(state, &spec.inputs).map_err(Failure::Refused)?;
            bound.stale = true;
        }
        let mut total = 0;
        for (at, arg) in bound.at.iter_mut().zip(&spec.args) {
            let place = &self.program.arrays[state.order[arg.array]];
            let bytes = place.len * arg.element_bytes;
            at.base = views.bytes(place.offset, bytes).as_ptr();
            at.len = place.len;
            at.shape.clone_from(&place.shape);
            total += bytes;
        }
        bound.window.chunk.exceeds_caches = !spec.feeds && exceeds_caches(total);
        Ok(())
    }

    /// Runs a claimed chunk; its partial result goes to its slot.
    // Once per chunk, from more than one place: left to itself the compiler calls it (3 ns a chunk).
    #[inline(always)]
    pub(crate) fn run(
        &mut self,
        _: &Permit,
        region: &Region,
        step: usize,
        private: &mut Private,
        chunk: usize,
    ) -> Result<(), Failure> {
        let (spec, bound) = (&self.program.steps[step], &mut self.steps[step]);
        bound.load(spec, self.fence)?;
        let piece = &mut bound.window.chunk;
        (piece.index, [piece.range, piece.columns]) = (chunk, spec.ranges(chunk));
        if spec.cell {
            private.prepare(spec, &bound.at, bound.runner())?;
        }
        let at = if spec.cell { private.at() } else { &bound.at };
        let slots = self.program.areas.slots + spec.slots_at;
        let offset = slots + chunk * slot_stride(spec.slot_bytes);
        let slot = region.bytes(offset, spec.slot_bytes).as_ptr();
        // SAFETY: the chunk's own slot, which only the holder of its claim writes (the permit).
        let slot = unsafe { std::slice::from_raw_parts_mut(slot, spec.slot_bytes) };
        // SAFETY: located arrays lie in the region, with the element types that the launch checked
        // against the kernel's; the claim (the permit) makes the chunk's pieces ours alone, and
        // what is read whole is written by no chunk of this step (the launch's borrows), nor by
        // another chunk's other stages (`fuse` sees to that).
        guarded(|| unsafe { bound.runner().run(&bound.window, at, slot) })
    }

    /// Copies what the chunk will update to the worker's undo block.
    pub(crate) fn keep_undo(
        &self,
        permit: &Permit,
        region: &Region,
        step: usize,
        rank: usize,
        chunk: usize,
    ) {
        let views = self.views(region);
        let kept = |stage: usize| self.steps[stage].kept(&self.program.steps[stage], views, chunk);
        let ranges: Vec<_> = self.program.stages(step).flat_map(kept).collect();
        region.keep(permit, self.program.areas.undo_of(rank), &ranges);
    }

    /// Copies the cell's data to its pre-image.
    pub(crate) fn keep_pre_image(&self, permit: &Permit, region: &Region, step: usize) {
        let views = self.views(region);
        let range = |(at, arg): (&Located, &ArgSpec)| {
            let bytes = at.len * arg.element_bytes;
            let base = views.offset_of(at.base, bytes).expect("arrays lie in the region");
            base..base + bytes
        };
        let ranges: Vec<_> =
            merged(&self.program.steps[step], &self.steps[step].at).map(range).collect();
        region.keep(permit, self.program.areas.pre_image(), &ranges);
    }

    /// Merges the private accumulator into the cell, which holds nothing of this step if `first`.
    /// Runs user code: where that panics the cell is torn.
    pub(crate) fn merge(
        &self,
        _: &Permit,
        step: usize,
        private: &mut Private,
        first: bool,
    ) -> Result<(), Failure> {
        let (started, bound) = (Instant::now(), &self.steps[step]);
        let runner = bound.runner();
        // SAFETY: the permit says that the cell's lock is held, so its arrays are ours alone; the
        // accumulators are this process's own.
        let merged = guarded(|| unsafe {
            if first {
                runner.reset(&bound.at);
            }
            runner.merge(&bound.at, private.at());
        });
        private.set_merged(started);
        merged
    }

    /// Fills the cell's arrays with the identity: for a step that merged nothing.
    fn clear_cell(&self, _: &Permit, step: usize) {
        let bound = &self.steps[step];
        // SAFETY: the step has ended, and its leader alone touches its arrays.
        unsafe { bound.runner().reset(&bound.at) };
    }

    /// Folds the step of the frame, and goes on in its state to the next step, which is what to
    /// issue. Runs user code; where that fails the state tells where.
    pub(crate) fn lead(
        &mut self,
        permit: &Permit,
        region: &Region,
        frame: &mut Frame,
        cell_is_empty: bool,
        cancelled: impl Fn() -> bool,
    ) -> Result<Issued, Failure> {
        let state = &mut frame.state;
        if let Issued::Step(step) = frame.issued {
            for stage in self.program.stages(step) {
                self.finish_stage(permit, region, state, stage, cell_is_empty)?;
            }
        }
        loop {
            // A loop may hold no step that is ever issued.
            if cancelled() {
                return Err(Failure::Cancelled);
            }
            match self.program.advance(state) {
                Next::Step(step) => return Ok(Issued::Step(step)),
                Next::End => return Ok(Issued::Rest(Ending::Finished)),
                Next::Later => {}
                Next::UserCode => match self.program.ops[state.position].clone() {
                    Op::Until { table, inputs, exit } => {
                        let test = || shielded(|| self.program.test(state, table, &inputs));
                        let holds = guarded(test)?;
                        let holds = holds.map_err(Failure::Refused)?;
                        state.position = if holds { exit } else { state.position + 1 };
                    }
                    Op::Step(step) => {
                        self.finish_stage(permit, region, state, step, true)?;
                    }
                    other => unreachable!("{other:?} needs no user code"),
                },
            }
        }
    }

    /// Folds the slots of a stage into its scalar, and moves past it.
    fn finish_stage(
        &mut self,
        permit: &Permit,
        region: &Region,
        state: &mut State,
        step: usize,
        cell_is_empty: bool,
    ) -> Result<(), Failure> {
        // A step without chunks has not been bound before.
        self.bind(region, state, step)?;
        let spec = &self.program.steps[step];
        self.steps[step].load(spec, self.fence)?;
        if spec.cell && cell_is_empty {
            guarded(|| self.clear_cell(permit, step))?;
        }
        let bound = &self.steps[step];
        let len = bound.window.chunk.count * slot_stride(spec.slot_bytes);
        let slots = region.bytes(self.program.areas.slots + spec.slots_at, len).as_ptr();
        // SAFETY: all chunks are counted, so nobody writes their slots any more (the permit).
        let slots = unsafe { std::slice::from_raw_parts(slots, len) };
        let value = self.program.scalar_mut(state, spec.output);
        guarded(|| bound.runner().fold(bound.window.chunk.count, slots, value))?;
        state.position += 1;
        Ok(())
    }

    /// The frame after `frame`, whose state has come to `issued`: one serial on.
    pub(crate) fn next_frame(&self, frame: Frame, issued: Issued) -> Frame {
        let chunks = match issued {
            Issued::Step(step) => self.program.steps[step].partition.chunks(),
            Issued::Start => 1,
            Issued::Rest(_) => 0,
        };
        Frame { serial: frame.serial + 1, issued, reissue: false, chunks, ..frame }
    }
}

impl Bound {
    /// A step that has not been bound yet.
    fn nowhere(spec: &StepSpec) -> Bound {
        let nowhere = |arg: &ArgSpec| Located {
            base: std::ptr::null_mut(),
            len: 0,
            shape: vec![],
            stride: arg.stride,
        };
        let chunk = Chunk {
            index: 0,
            count: spec.partition.chunks(),
            range: 0..0,
            columns: 0..0,
            extent: spec.extent,
            exceeds_caches: false,
        };
        Bound {
            window: Window { chunk, halo: spec.halo },
            at: spec.args.iter().map(nowhere).collect(),
            scalars: vec![],
            runner: None,
            stale: true,
        }
    }

    /// Makes the kernel from its parameters or scalars, if that is to be done: user code.
    #[inline]
    fn load(&mut self, spec: &StepSpec, fence: Option<&'static Region>) -> Result<(), Failure> {
        if self.stale {
            self.runner = Some(load(spec, &self.scalars, fence)?);
            self.stale = false;
        }
        Ok(())
    }

    fn runner(&self) -> &dyn Runner {
        self.runner.as_deref().expect("loaded before it is run")
    }

    /// What is to be kept of a chunk for a retry, as ranges of the region.
    fn kept(
        &self,
        spec: &StepSpec,
        views: &Region,
        chunk: usize,
    ) -> impl Iterator<Item = Range<usize>> {
        let range = spec.partition.range(chunk);
        let kept = self.at.iter().zip(&spec.args).filter(|(_, arg)| arg.kept);
        kept.map(move |(at, arg)| {
            let stride = at.stride * arg.element_bytes;
            let all = at.len * arg.element_bytes;
            let base = views.offset_of(at.base, all).expect("arrays lie in the region");
            base + range.start * stride..base + range.end * stride
        })
    }
}

/// Makes the kernel ready to run; what is wanted around it (fences, a crash point, a debug build's
/// pattern) wraps it, so that what is not wanted costs nothing.
fn load(
    spec: &StepSpec,
    scalars: &[u8],
    fence: Option<&'static Region>,
) -> Result<Box<dyn Runner>, Failure> {
    let table = Named::<Load>::at(spec.table).map_err(Failure::Refused)?;
    let mut runner = guarded(|| shielded(|| (table.function)(&spec.params, scalars)))?
        .map_err(|e| Failure::Refused(format!("the parameters of {}: {e}", table.name())))?;
    if cfg!(debug_assertions) {
        runner = Box::new(Spoiling { inner: runner, args: spec.args.clone() });
    }
    if let Some(views) = fence {
        runner = Box::new(Fenced { inner: runner, views, args: spec.args.clone() });
    }
    if fence.is_some() || crash::is_followed() {
        runner = Box::new(Apart { inner: runner });
    }
    Ok(runner)
}
