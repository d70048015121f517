//! A plan loaded into a worker, and one of its steps bound to the arrays: the only place where
//! kernels meet memory.

use super::access::{Kind, Located, Window};
use super::chunk::Chunk;
use super::failure::{Failure, guarded};
use super::frame::{Ending, Frame, Issued, State};
use super::program::{ArgSpec, Next, Op, Program, StepSpec};
use super::table::{Load, Named, Runner, slot_stride};
use crate::memory::{Permit, Region};
use std::ops::Range;
use std::time::{Duration, Instant};

/// A plan in a worker.
pub(crate) struct Loaded {
    pub(crate) plan: u64,
    pub(crate) program: Program,
    /// Runners of steps that depend on their parameters alone.
    runners: Vec<Option<Box<dyn Runner>>>,
}

/// A step in a worker, for one issue.
pub(crate) struct Bound {
    step: usize,
    window: Window,
    chunks: usize,
    at: Vec<Located>,
    /// The scalars that the kernel is made of.
    scalars: Vec<u8>,
    /// Runner of a step that depends on scalars, for this issue.
    runner: Option<Box<dyn Runner>>,
}

/// Private accumulators of a worker, one behind the other in one buffer.
#[derive(Default)]
pub(crate) struct Private {
    buffer: Vec<Aligned>,
    at: Vec<Located>,
    state: Accumulated,
    merging_takes: Duration,
}

/// What a private accumulator holds.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Accumulated {
    /// Leftovers; to be reset before use.
    #[default]
    Stale,
    /// Chunks since this moment.
    Since(Instant),
}

#[derive(Clone, Copy)]
#[repr(C, align(128))]
struct Aligned([u8; 128]);

impl Loaded {
    /// Reads a plan's image.
    pub(crate) fn new(plan: u64, image: &[u64]) -> Result<Loaded, Failure> {
        let program: Program = postcard::from_bytes(bytemuck::cast_slice(image))
            .map_err(|e| Failure::Refused(format!("the plan's image cannot be read: {e}")))?;
        let runners = program.steps.iter().map(|_| None).collect();
        Ok(Loaded { plan, program, runners })
    }

    /// Binds the step of a frame. Runs no user code: nobody could be blamed for it yet.
    pub(crate) fn bind(
        &self,
        region: &Region,
        frame: &Frame,
        step: usize,
    ) -> Result<Bound, Failure> {
        let spec = &self.program.steps[step];
        let scalars = self.program.gather(&frame.state, &spec.inputs).map_err(Failure::Refused)?;
        let at = spec.args.iter().map(|arg| self.locate(region, &frame.state, arg)).collect();
        let window = Window { range: 0..0, halo: spec.halo };
        Ok(Bound { step, window, chunks: frame.chunks, at, scalars, runner: None })
    }

    fn locate(&self, region: &Region, state: &State, arg: &ArgSpec) -> Located {
        let place = &self.program.arrays[state.order[arg.array]];
        Located {
            base: region.bytes(place.offset, place.len * arg.element_bytes).as_ptr(),
            len: place.len,
            shape: place.shape.clone(),
            stride: arg.stride,
        }
    }

    /// Makes the kernel from its parameters or scalars, once: user code.
    fn load(&mut self, bound: &mut Bound) -> Result<(), Failure> {
        let spec = &self.program.steps[bound.step];
        let runner =
            if spec.inputs.is_empty() { &mut self.runners[bound.step] } else { &mut bound.runner };
        if runner.is_none() {
            *runner = Some(load(spec, &bound.scalars)?);
        }
        Ok(())
    }

    fn runner<'a>(&'a self, bound: &'a Bound) -> &'a dyn Runner {
        let own = bound.runner.as_ref().or(self.runners[bound.step].as_ref());
        own.expect("bound steps have a runner").as_ref()
    }

    fn spec(&self, bound: &Bound) -> &StepSpec {
        &self.program.steps[bound.step]
    }

    /// Runs a claimed chunk; its partial result goes to its slot.
    #[inline]
    pub(crate) fn run(
        &mut self,
        _: &Permit,
        region: &Region,
        bound: &mut Bound,
        private: &mut Private,
        chunk: usize,
    ) -> Result<(), Failure> {
        self.load(bound)?;
        let spec = &self.program.steps[bound.step];
        bound.window.range = spec.partition.range(chunk);
        if cfg!(debug_assertions) {
            self.spoil_outputs(bound, spec);
        }
        if spec.cell {
            self.prepare_private(bound, spec, private);
        }
        let at = if spec.cell { &private.at } else { &bound.at };
        let extent = spec.partition.extent();
        let piece = Chunk::new(chunk, bound.chunks, bound.window.range.clone(), extent);
        let stride = slot_stride(spec.slot_bytes);
        let offset = self.program.areas.slots + chunk * stride;
        let slot = region.bytes(offset, spec.slot_bytes).as_ptr();
        // SAFETY: the chunk's own slot, which only the holder of its claim writes (the permit).
        let slot = unsafe { std::slice::from_raw_parts_mut(slot, spec.slot_bytes) };
        let runner = self.runner(bound);
        // SAFETY: located arrays lie in the region, with the element types that the launch checked
        // against the kernel's; the claim (the permit) makes the chunk's pieces ours alone, and
        // what is read whole is written by no chunk of this step (the launch's borrows).
        guarded(|| unsafe { runner.run(piece, &bound.window, at, slot) })
    }

    /// Fills what a kernel is to write with a pattern, so that reading it shows.
    fn spoil_outputs(&self, bound: &Bound, spec: &StepSpec) {
        for (at, arg) in bound.at.iter().zip(&spec.args).filter(|(_, a)| a.kind == Kind::Write) {
            let stride = at.stride * arg.element_bytes;
            let Range { start, end } = bound.window.range;
            // SAFETY: the pieces of a claimed chunk, which are ours to write.
            unsafe { at.base.add(start * stride).write_bytes(0xA5, (end - start) * stride) }
        }
    }

    /// What a chunk updates in place, as ranges of the region.
    fn updated(&self, region: &Region, bound: &Bound, chunk: usize) -> Vec<Range<usize>> {
        let spec = self.spec(bound);
        let range = spec.partition.range(chunk);
        let updated = bound.at.iter().zip(&spec.args).filter(|(_, a)| a.kind == Kind::Update);
        updated
            .map(|(at, arg)| {
                let stride = at.stride * arg.element_bytes;
                let all = at.len * arg.element_bytes;
                let base = region.offset_of(at.base, all).expect("arrays lie in the region");
                base + range.start * stride..base + range.end * stride
            })
            .collect()
    }

    /// Copies what the chunk will update to the worker's undo block.
    pub(crate) fn keep_undo(
        &self,
        permit: &Permit,
        region: &Region,
        bound: &Bound,
        rank: usize,
        chunk: usize,
    ) {
        let ranges = self.updated(region, bound, chunk);
        region.keep(permit, self.program.areas.undo_of(rank), &ranges);
    }

    fn merged<'a>(&'a self, bound: &'a Bound) -> impl Iterator<Item = (&'a Located, &'a ArgSpec)> {
        let args = &self.spec(bound).args;
        bound.at.iter().zip(args).filter(|(_, arg)| arg.kind == Kind::Merge)
    }

    /// Copies the cell's data to its pre-image.
    pub(crate) fn keep_pre_image(&self, permit: &Permit, region: &Region, bound: &Bound) {
        let range = |(at, arg): (&Located, &ArgSpec)| {
            let bytes = at.len * arg.element_bytes;
            let base = region.offset_of(at.base, bytes).expect("arrays lie in the region");
            base..base + bytes
        };
        let ranges: Vec<_> = self.merged(bound).map(range).collect();
        region.keep(permit, self.program.areas.pre_image(), &ranges);
    }

    /// Lays out private accumulators for the bound step, and resets them if they are stale.
    fn prepare_private(&self, bound: &Bound, spec: &StepSpec, private: &mut Private) {
        if private.state != Accumulated::Stale {
            return;
        }
        let bytes = |(at, arg): (&Located, &ArgSpec)| {
            (at.len * arg.element_bytes).next_multiple_of(size_of::<Aligned>())
        };
        let total: usize = self.merged(bound).map(bytes).sum();
        let lines = total / size_of::<Aligned>();
        if private.buffer.len() < lines {
            private.buffer.resize(lines, Aligned([0; 128]));
        }
        private.at = bound.at.clone();
        let mut used = 0;
        for (at, arg) in private.at.iter_mut().zip(&spec.args) {
            if arg.kind == Kind::Merge {
                at.base = private.buffer[used..].as_mut_ptr().cast();
                used += bytes((at, arg)) / size_of::<Aligned>();
            }
        }
        // SAFETY: accumulators lie one behind the other in a buffer of this process alone.
        unsafe { self.runner(bound).reset(&private.at) };
        private.state = Accumulated::Since(Instant::now());
    }

    /// Merges the private accumulator into the cell, which holds nothing of this step if `first`.
    pub(crate) fn merge(&self, _: &Permit, bound: &Bound, private: &mut Private, first: bool) {
        let started = Instant::now();
        let runner = self.runner(bound);
        // SAFETY: the permit says that the cell's lock is held, so its arrays are ours alone; the
        // accumulators are this process's own.
        unsafe {
            if first {
                runner.reset(&bound.at);
            }
            runner.merge(&bound.at, &private.at);
        }
        private.state = Accumulated::Stale;
        private.merging_takes = started.elapsed();
    }

    /// Fills the cell's arrays with the identity: for a step that merged nothing.
    fn clear_cell(&self, _: &Permit, bound: &Bound) {
        // SAFETY: the step has ended, and its leader alone touches its arrays.
        unsafe { self.runner(bound).reset(&bound.at) };
    }

    /// Folds the ended step, goes on to the next one, and describes its issue. Runs user code.
    pub(crate) fn lead(
        &mut self,
        permit: &Permit,
        region: &Region,
        frame: &Frame,
        cell_is_empty: bool,
    ) -> Result<Frame, Failure> {
        let mut state = frame.state.clone();
        if let Issued::Step(step) = frame.issued {
            self.finish_step(permit, region, frame, &mut state, step, cell_is_empty)?;
        }
        loop {
            match self.program.advance(&mut state) {
                Next::Step(step) => return Ok(self.next_frame(frame, Issued::Step(step), state)),
                Next::End => {
                    return Ok(self.next_frame(frame, Issued::Rest(Ending::Finished), state));
                }
                Next::UserCode => match self.program.ops[state.position].clone() {
                    Op::Until { table, inputs, exit } => {
                        let holds = guarded(|| self.program.test(&state, table, &inputs))?;
                        let holds = holds.map_err(Failure::Refused)?;
                        state.position = if holds { exit } else { state.position + 1 };
                    }
                    Op::Step(step) => {
                        self.finish_step(permit, region, frame, &mut state, step, true)?;
                    }
                    other => unreachable!("{other:?} needs no user code"),
                },
            }
        }
    }

    /// Folds the slots of a step into its scalar, and moves past it.
    fn finish_step(
        &mut self,
        permit: &Permit,
        region: &Region,
        frame: &Frame,
        state: &mut State,
        step: usize,
        cell_is_empty: bool,
    ) -> Result<(), Failure> {
        let at_frame = Frame { state: state.clone(), chunks: 0, ..frame.clone() };
        let mut bound = self.bind(region, &at_frame, step)?;
        self.load(&mut bound)?;
        let spec = self.spec(&bound);
        let (chunks, output) = (spec.partition.chunks(), spec.output);
        if spec.cell && cell_is_empty {
            guarded(|| self.clear_cell(permit, &bound))?;
        }
        let len = chunks * slot_stride(spec.slot_bytes);
        let slots = region.bytes(self.program.areas.slots, len).as_ptr();
        // SAFETY: all chunks are counted, so nobody writes their slots any more (the permit).
        let slots = unsafe { std::slice::from_raw_parts(slots, len) };
        let mut value = vec![0; spec.slot_bytes];
        guarded(|| self.runner(&bound).fold(chunks, slots, &mut value))?;
        self.program.scalar_mut(state, output).copy_from_slice(&value);
        state.position += 1;
        Ok(())
    }

    /// The frame after `frame`: one serial on.
    pub(crate) fn next_frame(&self, frame: &Frame, issued: Issued, state: State) -> Frame {
        let chunks = match issued {
            Issued::Step(step) => self.program.steps[step].partition.chunks(),
            Issued::Start => 1,
            Issued::Rest(_) => 0,
        };
        let serial = frame.serial + 1;
        Frame { serial, issued, reissue: false, chunks, state, ..frame.clone() }
    }
}

impl Private {
    /// Throws away what was accumulated.
    pub(crate) fn discard(&mut self) {
        self.state = Accumulated::Stale;
    }

    /// Whether it has been held long enough: a commit then costs little beside the work that a
    /// death would lose.
    pub(crate) fn is_due(&self) -> bool {
        let held_max = Duration::from_millis(50).max(20 * self.merging_takes);
        matches!(self.state, Accumulated::Since(start) if start.elapsed() > held_max)
    }
}

fn load(spec: &StepSpec, scalars: &[u8]) -> Result<Box<dyn Runner>, Failure> {
    let table = Named::<Load>::at(spec.table).map_err(Failure::Refused)?;
    guarded(|| (table.function)(&spec.params, scalars))?
        .map_err(|e| Failure::Refused(format!("the parameters of {}: {e}", table.name())))
}
