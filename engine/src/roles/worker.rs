//! A worker's life: wait for an issue or a task, take part, wait again.

use super::child;
use crate::compute::{
    Control, Ending, FailedAt, Failure, Frame, Issued, Loaded, Named, Part, Private, Program,
    Serve, guarded, install_panic_hook,
};
use crate::error::Error;
use crate::machine::{clock, futex};
use crate::memory::{Permit, Region};
use crate::process::shield::{self, shielded};
use crate::process::{self, Handover, entry, fault};
use crate::shared::crash::{self, Crashes, Never, Planned};
use crate::shared::damage::Damage;
use crate::shared::lock::RobustLock;
use crate::shared::protocol::{
    Board, CrashPoint, Hardware, Host, Outcome, Step, Surroundings, Turn,
};
use crate::shared::queue::{Lease, Queue};
use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

mod cell;
mod issue;

entry::worker_entry!(main);

/// A sleeping worker looks up this often, to end itself should its coordinator be gone.
const LOOK_UP: Duration = Duration::from_secs(1);

fn main(handover: Handover, region: &'static Region) {
    let Some(control) = Control::handed_over(region, handover.nonce) else { return };
    if let Some(place) = handover.seat.child() {
        return child::live(place, region, control);
    }
    let Some(rank) = handover.seat.rank().filter(|rank| *rank < control.board().workers()) else {
        return;
    };
    let crashes = &control.block.crash;
    if crashes.are_on() {
        crash::follow(crashes, rank);
        start::<Planned>(rank, handover.parent, region, control);
    } else {
        start::<Never>(rank, handover.parent, region, control);
    }
}

fn start<C: Crashes>(rank: usize, parent: i32, region: &'static Region, control: Control<'static>) {
    C::at(CrashPoint::Mapped);
    let fence = if control.start.fences { Some(put_up_fence(region)) } else { None };
    fault::watch(&control.block.faults[rank], region, fence);
    install_panic_hook();
    let Ok(lock) = RobustLock::over(&control.lock) else { return };
    let mut worker = Worker::<C> {
        rank,
        region,
        control,
        lock,
        fence,
        loaded: None,
        frame: Frame::at_rest(0),
        bound: Err(Failure::Refused("no step is bound".into())),
        is_fused: false,
        stage: 0,
        marks: &[],
        private: Private::default(),
        rested: false,
        crashes: PhantomData,
    };
    C::at(CrashPoint::Ready);
    control.block.ready_ns[rank].store(clock::monotonic_ns(), Ordering::Relaxed);
    worker.live(control.board(), parent);
}

/// The mapping that kernels' views are of, where there are to be fences.
fn put_up_fence(region: &'static Region) -> &'static Region {
    let put_up = || {
        let views = region.map_again()?;
        views.fence()?;
        shield::set_up(region)?;
        Ok::<_, Error>(views)
    };
    let views = put_up().unwrap_or_else(|error| {
        eprintln!("a worker cannot put up its fence: {error}");
        entry::exit(1);
    });
    Box::leak(Box::new(views))
}

struct Worker<C> {
    rank: usize,
    region: &'static Region,
    control: Control<'static>,
    lock: RobustLock,
    /// The mapping that kernels' views are of, where there are fences.
    fence: Option<&'static Region>,
    /// The plan that was read last.
    loaded: Option<Loaded>,
    /// The frame of the issue that was bound last, and its step: none for a start.
    frame: Frame,
    bound: Result<Option<usize>, Failure>,
    /// The step has several stages, of which this one was bound or run last.
    is_fused: bool,
    stage: usize,
    marks: &'static [AtomicU64],
    private: Private,
    /// Whether the frame that this worker wrote last ends its plan.
    rested: bool,
    crashes: PhantomData<C>,
}

impl<C: Crashes> Worker<C> {
    fn live(&mut self, board: Board<'static, Hardware>, parent: i32) {
        // The issues that it took part in last, and looked for a task at last.
        let (mut last, mut looked) = (0, 0);
        loop {
            let issue = board.epoch();
            // One task goes before an issue: what was put earlier must not wait for the end of a
            // step, which may be hours away. One alone: a flood of tasks must not hold up a step.
            let tasks_turn = issue == last || issue != looked;
            looked = issue;
            if tasks_turn && let Some((queue, lease)) = self.lease() {
                self.serve(queue, lease);
            } else if issue != last {
                let Ok(turn) = board.take_part(self, self.rank, issue);
                if turn != Turn::Late {
                    last = issue;
                }
            } else if !self.wait(board, last, parent) {
                return;
            }
        }
    }

    /// Waits for an issue after `last` or a task; false if the coordinator is gone.
    fn wait(&self, board: Board<'static, Hardware>, last: u64, parent: i32) -> bool {
        let news = || board.epoch() != last || self.has_task();
        for _ in 0..self.control.start.spins {
            if news() {
                return true;
            }
            std::hint::spin_loop();
        }
        let bell = self.control.bell.0.load(Ordering::Acquire);
        board.doze(self.rank, news, || {
            futex::wait(&self.control.bell.0, bell, Some(LOOK_UP));
        });
        nix::unistd::getppid().as_raw() == parent
    }

    fn has_task(&self) -> bool {
        self.control.open_queues().any(|(_, words)| words.has_work())
    }

    fn lease(&mut self) -> Option<(usize, Lease)> {
        let rank = self.rank;
        self.control.open_queues().find_map(|(queue, words)| {
            let Ok(lease) = words.lease(self, rank);
            Some((queue, lease?))
        })
    }

    /// Runs a leased task and settles it.
    fn serve(&mut self, queue: usize, lease: Lease) {
        let words: &'static Queue<Hardware> = &self.control.block.queues[queue];
        let (sequence, slot) = (lease.sequence, words.slot(lease.sequence));
        let (table, [offset, len]) = self.whole(slot.task(sequence));
        let params = self.region.load_bytes(offset as usize, len as usize);
        let result = Named::<Serve>::at(table)
            .map_err(Failure::Refused)
            .and_then(|table| guarded(|| shielded(|| (table.function)(&params))))
            .and_then(|result| result.map_err(Failure::Refused));
        C::at(CrashPoint::TaskRan);
        let (outcome, bytes) = match result {
            Ok((bytes, branches)) if branches.is_empty() => (TaskOutcome::Done, bytes),
            Ok(branched) => {
                let bytes = postcard::to_stdvec::<Branched>(&branched).unwrap_or_default();
                (TaskOutcome::Branched, bytes)
            }
            Err(failure) => (TaskOutcome::Failed, failure.to_bytes()),
        };
        slot.set_len(bytes.len());
        // Looked at again after each grant: it may have answered a dead worker's wish.
        let mut room = self.whole(slot.room(sequence));
        while room[1] < bytes.len() as u64 {
            let Ok(()) = words.want_room(self, lease);
            self.control.wishes.0.fetch_add(1, Ordering::Release);
            self.control.announce_finish();
            while !words.is_granted(lease) {
                if words.is_forgone(lease) {
                    return;
                }
                let bell = self.control.bell.0.load(Ordering::Acquire);
                futex::wait(&self.control.bell.0, bell, Some(Duration::from_millis(1)));
            }
            C::at(CrashPoint::RoomGranted);
            room = self.whole(slot.room(sequence));
        }
        self.region.store_bytes(room[0] as usize, &bytes);
        slot.set_outcome(sequence, outcome as u64);
        C::at(CrashPoint::ResultStored);
        let Ok(()) = words.settle(self, lease);
        self.control.announce_finish();
    }

    /// What was found whole; else this worker ends here.
    fn whole<T>(&self, found: Result<T, Damage>) -> T {
        found.unwrap_or_else(|what| self.end_damaged(what))
    }

    /// Ends this worker, which has found that the control block was written over: the supervisor ends
    /// the engine for it.
    #[cold]
    #[inline(never)]
    fn end_damaged(&self, what: Damage) -> ! {
        self.control.faults[self.rank].note_damage(what);
        eprintln!("{what} in the control block was written over");
        entry::exit(1)
    }

    fn is_cancelled(&self) -> bool {
        self.control.cancelled.load(Ordering::Relaxed) == self.frame.plan
    }

    #[inline]
    fn run_bound(&mut self, permit: &Permit, chunk: usize) -> Result<(), Failure> {
        match &self.bound {
            Ok(Some(step)) if self.is_fused => self.run_stages(permit, *step, chunk),
            Ok(Some(step)) => {
                let loaded = self.loaded.as_mut().expect("a bound step has a plan");
                loaded.run(permit, self.region, *step, &mut self.private, chunk)
            }
            Ok(None) => Ok(()),
            Err(failure) => Err(failure.clone()),
        }
    }

    /// A chunk of a plan that is cancelled, or of which one chunk is to be run alone.
    #[cold]
    fn run_cancelled(&mut self, permit: &Permit, chunk: usize) -> Result<(), Failure> {
        let hold = &self.control.block.hold;
        match hold.part(self.frame.plan, self.frame.serial, chunk) {
            None => Err(Failure::Cancelled),
            Some(Part::OtherStep) => self.run_bound(permit, chunk),
            Some(Part::Neighbour) => Ok(()),
            Some(Part::Held) if !hold.reach(self.rank) => Err(Failure::Cancelled),
            Some(Part::Held) => {
                process::come_to_the_foreground();
                while !hold.is_released() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                let result = self.run_bound(permit, chunk);
                hold.set_returned();
                result.and(Err(Failure::Cancelled))
            }
        }
    }

    /// Notes that a chunk has failed, or what follows the step.
    fn report(&self, at: Option<FailedAt>, failure: &Failure) {
        self.control.failures[self.rank].write(self.frame.serial, at, failure);
    }

    /// The program and its bound step, if the issue is of one.
    fn bound_step(&self) -> Option<(&Program, usize)> {
        let step = self.bound.as_ref().ok().copied().flatten()?;
        Some((&self.loaded.as_ref()?.program, step))
    }

    /// The loaded plan and the bound step: there whenever the protocol calls for them.
    fn parts(&mut self) -> (&mut Loaded, usize, &mut Private) {
        let loaded = self.loaded.as_mut().expect("a bound step has a plan");
        let step = self.bound.as_ref().ok().copied().flatten();
        (loaded, step.expect("a step is bound"), &mut self.private)
    }
}

/// How a task ended, as its slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum TaskOutcome {
    Done,
    /// The result is a [`Branched`].
    Branched,
    /// The result is a [`Failure`].
    Failed,
    /// The coordinator has the death records.
    Died,
    /// The coordinator knows why there is no room for the result.
    NoRoom,
    /// Somebody has cancelled it, and its worker was ended.
    Cancelled,
}

/// What a task leaves that has put others: its result, and the parameters of each of them. So they are
/// there once it is settled and not before, and whatever becomes of its attempts they are put once.
pub(crate) type Branched = (Vec<u8>, Vec<Vec<u8>>);

impl<C: Crashes> Surroundings for Worker<C> {
    type Died = Infallible;

    #[inline]
    fn at(&mut self, point: CrashPoint) -> Result<(), Infallible> {
        C::at(point);
        Ok(())
    }

    fn wake_all(&mut self) {
        if self.control.board().anybody_asleep() {
            self.control.ring();
        }
        if self.rested {
            self.control.announce_finish();
        }
    }
}

impl<C: Crashes> Host<Hardware> for Worker<C> {
    fn bind(&mut self, issue: u64) -> Step {
        self.bound = self.read_issue(issue);
        let step = self.bound_step();
        Step {
            serial: self.frame.serial,
            in_place: step.is_some_and(|(program, step)| program.is_in_place(step)),
            cell: step.is_some_and(|(program, step)| program.steps[step].cell),
            careful: self.frame.reissue,
        }
    }

    #[inline]
    fn mark(&self, chunk: usize) -> &AtomicU64 {
        self.marks.get(chunk).unwrap_or_else(|| self.end_damaged(Damage::Claim))
    }

    fn keep_undo(&mut self, permit: &Permit, chunk: usize) {
        let (region, rank) = (self.region, self.rank);
        let (loaded, step, _) = self.parts();
        loaded.keep_undo(permit, region, step, rank, chunk);
    }

    #[inline]
    fn run(&mut self, permit: &Permit, chunk: usize) -> Outcome {
        let result = match self.is_cancelled() {
            false => self.run_bound(permit, chunk),
            true => self.run_cancelled(permit, chunk),
        };
        match result {
            Ok(()) => Outcome::Done,
            Err(failure) => {
                self.report(Some(FailedAt { stage: self.stage, chunk }), &failure);
                Outcome::Failed
            }
        }
    }

    fn discard(&mut self) {
        self.private.discard();
    }

    fn lead(&mut self, permit: &Permit, issue: u64, failed: bool) -> usize {
        let is_cell = self.bound_step().is_some_and(|(program, step)| program.steps[step].cell);
        let oldest = self.control.board().oldest();
        let cell_is_empty =
            is_cell && !self.whole(self.control.cell.holds_since(oldest, self.frame.serial));
        let (control, plan) = (self.control, self.frame.plan);
        let cancelled =
            || control.cancelled.load(Ordering::Relaxed) == plan && !control.hold.is_of(plan);
        let loaded = self.loaded.as_mut().expect("whoever leads has bound the step");
        let mut frame = self.frame.clone();
        let issued = if failed {
            Issued::Rest(Ending::Failed)
        } else {
            match loaded.lead(permit, self.region, &mut frame, cell_is_empty, cancelled) {
                Ok(issued) => issued,
                Err(failure) => {
                    self.report(None, &failure);
                    Issued::Rest(Ending::Failed)
                }
            }
        };
        C::at(CrashPoint::Folded);
        let loaded = self.loaded.as_ref().expect("as above");
        let next = loaded.next_frame(frame, issued);
        next.write(self.control.frame(issue + 1), issue + 1);
        self.rested = matches!(next.issued, Issued::Rest(_));
        next.chunks
    }
}
