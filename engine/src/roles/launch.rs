//! Launching a plan and waiting for its end.

use super::coordinator::{Core, Publisher, Running, named};
use crate::compute::{
    Areas, Ending, FailedAt, Failure, Frame, IMAGE_WORDS, Issued, Kind, Next, Op, Plan, Program,
    State, slot_stride,
};
use crate::error::{Error, Panic, Poisoned, PoisonedChunk, Result};
use crate::memory::{Block, Memory, Region, kept_bytes};
use crate::shared::damage::{Damage, seal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[cfg(feature = "cli")]
mod on_threads;

/// What launches keep between them; its lock makes them take turns.
#[derive(Debug, Default)]
pub(crate) struct Launchpad {
    plans: u64,
    /// Number of the plan that ended last.
    ended: u64,
    marks: Option<Block>,
    slots: Option<Block>,
    undo: Option<Block>,
    scratch: Option<Block>,
    pre_image: Option<Block>,
    /// Bytes of private accumulators that the workers may hold, in memory of their own.
    accumulators: u64,
}

/// How a launch is to go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) deadline: Option<Duration>,
    /// It is the engine's own work on arrays.
    pub(super) is_own: bool,
}

/// An error for a state that fits no frame.
fn refuse_large(frame: &Frame) -> Result<()> {
    if frame.fits() {
        return Ok(());
    }
    Err(Error::Limit {
        what: "the state of a plan, in scalars and array slots",
        asked: (frame.state.scalars.len() + frame.state.order.len() * 8) as u64,
        limit: 8 * crate::compute::FRAME_WORDS as u64 - 160,
        remedy: "use fewer or smaller scalars, or several plans",
    })
}

impl Launchpad {
    /// Runs a plan to its end; gives the state with its scalars and roles.
    pub(crate) fn run(
        &mut self,
        core: &Core,
        plan: &mut Plan<'_>,
        Terms { deadline, is_own }: Terms,
    ) -> Result<State> {
        self.make_room(core, plan)?;
        let program = Arc::new(plan.program.clone());
        let mut state = program.begin(&plan.constants);
        let (issued, chunks) = match program.advance(&mut state) {
            Next::Step(step) => (Issued::Step(step), program.steps[step].partition.chunks()),
            // Whoever settles its one chunk leads, and runs the user code that comes first.
            Next::UserCode | Next::Later => (Issued::Start, 1),
            Next::End => return Ok(state),
        };
        #[cfg(feature = "cli")]
        if let Some(threads) = &core.threads {
            let first = on_threads::First { program, issued, state, is_own };
            return self.run_on_threads(core, threads, plan, first);
        }
        let image = encode_image(&program)?;
        self.plans += 1;
        let control = core.control();
        let (issue, rest) = self.rest(core)?;
        let (number, image_words) = (self.plans, image.len());
        let frame = Frame {
            plan: number,
            serial: rest.serial + 1,
            issued,
            reissue: false,
            chunks,
            image_words,
            image_seal: seal(image.iter().copied()),
            state,
        };
        refuse_large(&frame)?;
        let mut running = core.lock_running();
        if let Some(error) = running.ended() {
            return Err(error);
        }
        let (launched, mut hold) = (running.launched, running.hold);
        if let Some(due) = hold.take_if(|hold| !is_own && hold.launch == launched) {
            control.hold.arm(number, frame.serial + due.steps_before, due.chunk);
            control.cancelled.store(number, Ordering::Release);
        }
        *running = Running {
            plan: number,
            launched: launched + u64::from(!is_own),
            hold,
            first_serial: frame.serial,
            program: Arc::clone(&program),
            names: plan.names.clone(),
            accesses: plan.accesses.clone(),
            deadline,
            ..Running::default()
        };
        drop(running);
        core.counters.launches.fetch_add(1, Ordering::Relaxed);
        Region::store_words(&control.image, &image);
        frame.write(control.frame(issue + 1), issue + 1);
        if deadline.is_some() {
            // The issue may have to wait for a worker that hangs in an old one.
            core.handle.wake_for_work();
        }
        let Ok(()) = control.board().issue(&mut Publisher(control), chunks);
        self.wait_for_end(core, number, plan)
    }

    /// The issue in which the workers rest since the last plan, and its frame.
    fn rest(&self, core: &Core) -> Result<(u64, Frame)> {
        let (issue, rest) = core.control().current();
        let Some(rest) = rest.filter(|rest| rest.plan == self.ended) else {
            core.refuse_without_workers()?;
            return Err(core.end_damaged(Damage::Frame));
        };
        Ok((issue, rest))
    }

    /// Waits until the plan of this number has ended; gives its last state.
    fn wait_for_end(&mut self, core: &Core, number: u64, plan: &mut Plan<'_>) -> Result<State> {
        let frame = core.wait_until(|| end_of(core, number))?;
        self.ended = number;
        let control = core.control();
        if let Some(what) = control.damage() {
            return Err(core.end_damaged(what));
        }
        plan.write_back(&frame.state.order);
        match frame.issued {
            Issued::Rest(Ending::Finished) => Ok(frame.state),
            Issued::Rest(ending) => Err(core.lock_running().explain(core, &frame, ending)),
            _ => unreachable!("waited for rest"),
        }
    }

    /// Makes ready the memory that a plan works in.
    fn make_room(&mut self, core: &Core, plan: &mut Plan<'_>) -> Result<()> {
        // Whoever buries the dead reads marks and undo copies under this lock.
        let running = core.lock_running();
        plan.program.areas = self.areas(core, &plan.program)?;
        drop(running);
        let scratch = plan.program.scratch_bytes;
        let (scratch, _) = grow(&mut self.scratch, &core.memory, "accumulators", scratch)?;
        plan.program.place_scratch(scratch);
        Ok(())
    }

    /// Blocks that the plan works in; they grow and are kept.
    fn areas(&mut self, core: &Core, program: &Program) -> Result<Areas> {
        let memory = &core.memory;
        let chunks = program.steps.iter().map(|step| step.partition.chunks()).max().unwrap_or(0);
        let slots = program
            .steps
            .iter()
            .map(|step| step.slots_at + step.partition.chunks() * slot_stride(step.slot_bytes))
            .max();
        let in_place = (0..program.steps.len()).filter(|&step| program.is_in_place(step));
        let undo = in_place.map(|step| {
            let stages = &program.steps[program.stages(step)];
            let kept = stages.iter().flat_map(|stage| &stage.args).filter(|arg| arg.kept);
            let grain = stages[0].partition.grain().min(stages[0].partition.extent());
            kept_bytes(kept.map(|arg| arg.bytes_of(grain)))
        });
        let pre_image = program.steps.iter().filter(|step| step.cell).map(|step| {
            let merged = step.args.iter().filter(|arg| arg.kind == Kind::Merge);
            kept_bytes(merged.map(|arg| program.arrays[arg.array].len * arg.element_bytes))
        });
        let (undo, pre_image) = (undo.max().unwrap_or(0), pre_image.max().unwrap_or(0));
        let accumulators = pre_image as u64 * core.computing() as u64;
        if accumulators > self.accumulators {
            let more = accumulators - self.accumulators;
            memory.refuse_beyond_budget("the workers' private accumulators", more)?;
            self.accumulators = accumulators;
        }
        let marks_len = chunks.max(1);
        let marks = self.marks(memory, marks_len)?;
        let slots_len = slots.unwrap_or(0);
        Ok(Areas {
            marks,
            marks_len,
            slots: grow(&mut self.slots, memory, "partial results", slots_len)?.0,
            slots_len,
            undo: grow(&mut self.undo, memory, "undo copies", undo * core.workers)?.0,
            undo_len: undo,
            pre_image: grow(&mut self.pre_image, memory, "a cell's pre-image", pre_image)?.0,
            pre_image_len: pre_image,
        })
    }

    /// Marks carry serials and are never cleared, so a new block must start at 0.
    fn marks(&mut self, memory: &Arc<Memory>, len: usize) -> Result<usize> {
        let (offset, is_new) = grow(&mut self.marks, memory, "done marks", len.max(1024) * 8)?;
        if is_new {
            let words = self.marks.as_ref().map_or(0, Block::len) / 8;
            let marks = memory.region().slice::<AtomicU64>(offset, words);
            marks.iter().for_each(|mark| mark.store(0, Ordering::Relaxed));
        }
        Ok(offset)
    }
}

/// The frame that ended the plan, if it has ended.
fn end_of(core: &Core, plan: u64) -> Option<Result<Frame>> {
    if core.control().seems_at_rest(plan)
        && let (_, Some(frame)) = core.control().current()
        && frame.plan == plan
        && matches!(frame.issued, Issued::Rest(_))
    {
        return Some(Ok(frame));
    }
    core.lock_running().ended().map(Err)
}

/// The offset of a block of at least `len` bytes, and whether it was allocated just now: then its
/// bytes are anybody's, even if it begins where the old one began.
fn grow(
    block: &mut Option<Block>,
    memory: &Arc<Memory>,
    purpose: &'static str,
    len: usize,
) -> Result<(usize, bool)> {
    if let Some(block) = block.as_ref().filter(|block| block.len() >= len) {
        return Ok((block.offset(), false));
    }
    *block = None;
    Ok((block.insert(memory.allocate(purpose, len)?).offset(), true))
}

fn encode_image(program: &Program) -> Result<Vec<u64>> {
    let mut bytes = postcard::to_stdvec(program)
        .map_err(|e| Error::NotPortable { what: "the plan".into(), reason: e.to_string() })?;
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    if bytes.len() > IMAGE_WORDS * 8 {
        return Err(Error::Limit {
            what: "the size of a plan in bytes",
            asked: bytes.len() as u64,
            limit: IMAGE_WORDS as u64 * 8,
            remedy: "use fewer steps (a loop), or put large parameters into arrays",
        });
    }
    let word = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("padded to whole words"));
    Ok(bytes.chunks(8).map(word).collect())
}

impl Running {
    /// Why the plan ended as `frame` says.
    fn explain(&self, core: &Core, frame: &Frame, ending: Ending) -> Error {
        let serial = frame.serial - 1;
        let step = self.step_at(&frame.state);
        if ending == Ending::GivenUp {
            let (deaths, last) = self.unblamed.get(&serial).cloned().unwrap_or_default();
            let kernel = self.kernel(step, None);
            return Error::GivenUp { kernel, deaths, last: last.map(Box::new) };
        }
        if ending == Ending::FoldDied {
            let deaths = self.fold_deaths.get(&serial);
            let last = deaths.and_then(|deaths| deaths.last()).expect("it died").clone();
            let kernel = self.kernel(step, None);
            return Error::FoldDied { kernel, attempts: core.attempts_max, last: Box::new(last) };
        }
        // A plan that begins with user code has a chunk before its first step.
        let chunks = step.map_or(1, |step| self.program.steps[step].partition.chunks().max(1));
        let first = core.control().failures[..core.workers]
            .iter()
            .filter_map(|page| page.read(serial))
            .filter(|(at, _)| at.is_none_or(|at| at.chunk < chunks))
            .min_by_key(|(at, _)| (at.is_none(), *at));
        let Some((at, failure)) = first else { return self.explain_poison(step, serial) };
        self.tell(step, at, failure)
    }

    /// The error for a failure at a chunk of a step, or in what follows that.
    fn tell(&self, step: Option<usize>, at: Option<FailedAt>, failure: Failure) -> Error {
        // In a fold the state tells which.
        let kernel = self.kernel(step, Some(at.map_or(0, |at| at.stage)));
        match failure {
            Failure::Panic { message, place, backtrace } => {
                let chunk = at.map(|at| self.place(step, at.chunk));
                Error::Panicked(Box::new(Panic { kernel, chunk, message, place, backtrace }))
            }
            Failure::Refused(reason) => Error::Refused { kernel, reason },
            Failure::Cancelled => Error::Cancelled,
        }
    }

    /// The step that a state has come to, if it has come to one.
    fn step_at(&self, state: &State) -> Option<usize> {
        match self.program.ops.get(state.position) {
            Some(Op::Step(step)) => Some(*step),
            _ => None,
        }
    }

    /// Why a step has failed where no worker has left a message. Of several stages it is the first, as
    /// if those behind it had not been run.
    fn explain_poison(&self, step: Option<usize>, serial: u64) -> Error {
        let poisoned = || self.poisoned.iter().filter(|((of, _), _)| *of == serial);
        let Some(((_, FailedAt { stage, .. }), _)) = poisoned().next() else {
            let reason = "a chunk failed, and its message was lost with the worker that kept it";
            return Error::Refused { kernel: self.kernel(step, None), reason: reason.into() };
        };
        let of_stage = poisoned().filter(|((_, at), _)| at.stage == *stage);
        let chunks = of_stage.map(|((_, at), deaths)| PoisonedChunk {
            place: self.place(step, at.chunk),
            deaths: deaths.clone(),
        });
        Error::Poisoned(Poisoned {
            kernel: self.kernel(step, Some(*stage)),
            // The engine's own work may stand between this launch and the one before.
            launches_before: self.launched.saturating_sub(1),
            steps_before: serial - self.first_serial,
            chunks: chunks.collect(),
        })
    }

    /// The name of the kernel at a stage of a step; of all of them where the stage is not known.
    fn kernel(&self, step: Option<usize>, stage: Option<usize>) -> String {
        match (step, stage) {
            (None, _) => "a condition of the plan".into(),
            (Some(step), Some(stage)) => self.names[self.at_stage(step, stage)].into(),
            (Some(step), None) => named(&self.names[self.program.stages(step)]),
        }
    }
}
