//! The supervisor: one thread that starts the workers, watches them by pidfd, buries the dead,
//! starts replacements, and issues a step again once nobody is at work on it.
//!
//! Workers die with this thread (PDEATHSIG), so it lives as long as the engine.

use super::audit::Auditor;
use super::coordinator::{Core, End};
use super::nursery;
use super::recovery_points::Recovery;
use super::repair::repair_cell;
use crate::compute::{Ending, Frame, Issued};
use crate::error::{Cause, DeathRecord, Error, Result};
use crate::machine::{Killed, OomWatch};
use crate::process::{self, Child, Handover, Limits};
use crate::shared::damage::Damage;
use crate::shared::protocol::CrashPoint;
use crate::shared::seat::{Gone, Seat};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::Signal;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// What starts of a worker that fail, or end before the worker is ready, may weigh together, one
/// after the other. Whoever kills workers from outside hits starting ones as well, and more often than
/// not where they start slowly: much patience with that, little with starts that end by themselves.
const FAILED_STARTS_MAX: u32 = 1024;

/// The weight of a start that SIGKILL ended, as also a deadline does where it was stopped.
pub(super) const KILLED_START: u32 = 1;

/// The weight of any other failed start.
pub(super) const FAILED_START: u32 = 64;

/// Deaths that no chunk can be blamed for, within one step: beyond these (and the attempts of all
/// workers) something else is wrong, and going on would be endless.
const UNBLAMED_MAX: u64 = 1000;

/// How long all workers of an engine may take to start.
pub(super) const START_MAX: Duration = Duration::from_secs(60);

/// A replacement that starts within this time takes part in what is left of the step before that is
/// issued again: so whatever killed its predecessor is tried last.
const REPLACEMENT_TAKES: Duration = Duration::from_millis(100);

/// A worker that asks for room while no thread of the coordinator waits is answered after this time.
const WISHES_WAIT: Duration = Duration::from_millis(2);

pub(crate) struct Supervisor {
    pub(crate) core: Arc<Core>,
    pub(crate) nonce: u64,
    pub(crate) posts: Vec<Post>,
    /// The child processes that run.
    pub(crate) children: Vec<nursery::Running>,
    /// A death has happened and the step has not been issued again yet.
    pub(crate) recovering: Option<Instant>,
    /// When it was last looked for workers that hang; none while nothing has a deadline.
    pub(crate) looked: Option<Instant>,
    pub(crate) limits: Limits,
    /// Kills by the kernel for want of memory; none until the workers have been started.
    pub(crate) oom_watch: Option<OomWatch>,
    /// Why nothing can go on.
    pub(crate) given_up: Option<End>,
    pub(crate) auditor: Auditor,
}

/// What the supervisor knows of one rank.
#[derive(Debug, Default)]
pub(crate) struct Post {
    child: Option<Child>,
    /// What the failed starts weigh since a worker of this rank was last ready.
    pub(super) failed_starts: u32,
}

/// A worker that has been reaped.
#[derive(Debug)]
pub(super) struct Loss {
    pub(super) death: DeathRecord,
    /// Whether it is held against what the worker was about.
    pub(super) is_attempt: bool,
}

impl Supervisor {
    /// Of an engine whose workers have not been started yet.
    pub(crate) fn of(core: Arc<Core>, limits: Limits) -> Supervisor {
        Supervisor {
            nonce: core.start.nonce,
            core,
            posts: vec![],
            children: vec![],
            recovering: None,
            looked: None,
            limits,
            oom_watch: None,
            given_up: None,
            auditor: Auditor::default(),
        }
    }

    /// Starts all workers, says how that went, then watches until told to stop.
    pub(crate) fn run(mut self, ready: &mpsc::Sender<Result<()>>) {
        let started = self.start_all().and_then(|()| self.wait_until_all_are_ready());
        let failed = started.is_err();
        let told = ready.send(started);
        if !failed && told.is_ok() {
            let watching = AssertUnwindSafe(|| {
                while self.given_up.is_none() && !self.core.handle.stop.load(Ordering::Acquire) {
                    self.watch(self.timeout());
                    self.start_children();
                    self.core.answer_wishes();
                    self.core.rings().iter().for_each(|ring| ring.tend_aside());
                    self.end_the_hung();
                    self.end_late_children();
                    self.recover();
                    self.audit();
                }
            });
            if catch_unwind(watching).is_err() {
                // A mistake of ours, or a lock scribbled over: nobody must wait for what cannot come.
                let reason = "the supervisor panicked; its message is on standard error";
                self.given_up = Some(End::NoWorkers(reason.into()));
            }
        }
        self.stop_children();
        self.stop_all();
        // Only now: whoever waits takes its arrays back, and no worker may write them any more.
        let dropped = || End::NoWorkers("the engine was dropped".into());
        self.core.give_up(self.given_up.take().unwrap_or_else(dropped));
    }

    fn start_all(&mut self) -> Result<()> {
        self.posts.resize_with(self.core.workers, Post::default);
        (0..self.core.workers).try_for_each(|rank| self.start(rank))?;
        // While they start.
        self.oom_watch = Some(OomWatch::here());
        Ok(())
    }

    fn start(&mut self, rank: usize) -> Result<()> {
        let parent = std::process::id() as i32;
        self.core.control().crash.revive(rank);
        let (cpu, limits) = (self.core.cpus[rank], self.limits);
        let seat = Seat::of_worker(rank);
        let handover = Handover { seat, parent, nonce: self.nonce, cpu, limits };
        let name = format!("worker {rank}");
        let spawn = || process::spawn(&name, &handover, self.core.region());
        self.posts[rank].child = Some(self.core.handle.start(rank, spawn)?);
        Ok(())
    }

    /// The first start is not forgiving: a worker that ends now would end each time.
    fn wait_until_all_are_ready(&mut self) -> Result<()> {
        let since = Instant::now();
        let what_runs =
            "a worker is this same executable, so what runs before `main` runs in it too";
        while self.somebody_starts() {
            if self.pump(Some(patience(since)))
                && let Some(loss) = (0..self.posts.len()).find_map(|rank| self.reap(rank))
            {
                let death = loss.death;
                return Err(Error::Start { reason: format!("{death}; {what_runs}") });
            }
            if since.elapsed() > START_MAX {
                return Err(Error::Start {
                    reason: format!("workers were not ready within {START_MAX:?}; {what_runs}"),
                });
            }
        }
        Ok(())
    }

    /// Waits for news, and passes on what the workers print; false if none came.
    pub(super) fn pump(&mut self, timeout: Option<Duration>) -> bool {
        let mut fds = vec![PollFd::new(self.core.handle.event.as_fd(), PollFlags::POLLIN)];
        let workers = self.posts.iter().filter_map(|post| post.child.as_ref());
        for child in workers.chain(self.children.iter().map(|running| &running.child)) {
            fds.push(PollFd::new(child.pidfd.fd(), PollFlags::POLLIN));
            let pipes = child.relays.iter().filter_map(process::Relay::pipe);
            fds.extend(pipes.map(|pipe| PollFd::new(pipe, PollFlags::POLLIN)));
        }
        // An interrupted wait is as good as news.
        if ppoll(&mut fds, timeout.map(Into::into), None) == Ok(0) {
            return false;
        }
        // Left readable, it would keep the next wait from waiting.
        let _ = self.core.handle.event.read();
        let workers = self.posts.iter_mut().filter_map(|post| post.child.as_mut());
        for child in workers.chain(self.children.iter_mut().map(|running| &mut running.child)) {
            child.relays.iter_mut().for_each(process::Relay::pump);
        }
        true
    }

    /// How long to wait for news, at most.
    fn timeout(&self) -> Option<Duration> {
        self.core.handle.sleeps.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let wishes = self.tasks_are_out().then_some(WISHES_WAIT);
        let looks = [wishes, self.look_period(), self.next_look_at_children()];
        let looks = looks.into_iter().flatten().min();
        self.core.handle.sleeps.store(looks.is_none(), Ordering::Relaxed);
        self.recovering.map(patience).or(looks)
    }

    /// Whether some worker may ask for room, or some result may be left to be taken from its slot.
    fn tasks_are_out(&self) -> bool {
        self.core.control().open_queues().any(|(_, words)| words.is_in_use())
    }

    fn watch(&mut self, timeout: Option<Duration>) {
        if !self.pump(timeout) {
            return;
        }
        for rank in 0..self.posts.len() {
            if let Some(mut loss) = self.reap(rank) {
                self.core.place_fault(rank, &mut loss.death);
                self.core.counters.deaths.fetch_add(1, Ordering::Relaxed);
                self.at(CrashPoint::Reaped);
                self.bury(rank, &loss);
                self.replace(rank);
                self.recovering = Some(Instant::now());
            }
        }
        self.bury_children();
    }

    fn reap(&mut self, rank: usize) -> Option<Loss> {
        let child = self.posts[rank].child.as_mut()?;
        let faults = &self.core.control().block.faults[rank];
        let mut death = process::reap(rank, child, faults)?;
        self.damaged(faults.damage());
        self.posts[rank].child = None;
        let at_ns = self.core.handle.let_go(rank, &mut death.cause);
        self.core.recoveries.died(rank, at_ns, &self.core.control().ready_ns[rank]);
        // Between the look that condemned it and its end it may have got on: then it ran no longer than
        // it may, and what it was at when it died has done nothing.
        let got_on = self.core.paces.forget(rank, self.core.control());
        self.explain_by_memory(&mut death.cause);
        let in_vain = got_on && matches!(death.cause, Cause::Deadline { .. });
        let is_attempt = death.cause.is_an_attempt() && !in_vain;
        Some(Loss { death, is_attempt })
    }

    /// A SIGKILL may have been the kernel's, for want of memory.
    pub(super) fn explain_by_memory(&mut self, cause: &mut Cause) {
        if let Some(killed) = self.oom_watch.as_mut().and_then(OomWatch::explain)
            && let Cause::Signal { number: libc::SIGKILL, .. } = cause
        {
            *cause = Cause::OutOfMemory { in_cgroup: killed == Killed::InCgroup };
        }
    }

    /// Starts a replacement; gives the rank up when too many starts have failed.
    fn replace(&mut self, rank: usize) {
        let mut reason = String::from("workers end as soon as they start");
        while self.posts[rank].failed_starts < FAILED_STARTS_MAX {
            match self.start(rank) {
                Ok(()) => return self.at(CrashPoint::Replaced),
                Err(error) => reason = error.to_string(),
            }
            let failed_starts = &mut self.posts[rank].failed_starts;
            *failed_starts += FAILED_START;
            std::thread::sleep(Duration::from_millis((*failed_starts / FAILED_START).into()));
        }
        if self.nobody_is_left() {
            self.given_up = Some(End::NoWorkers(reason));
        }
    }

    /// Ends the engine if something was written over; the first that is found is told.
    pub(super) fn damaged(&mut self, found: Option<Damage>) {
        self.given_up = self.given_up.take().or(found.map(End::Damaged));
    }

    fn audit(&mut self) {
        if !self.auditor.is_due(&self.core) {
            return;
        }
        // What others are killed for explains no death of ours that comes later.
        self.oom_watch.iter_mut().for_each(OomWatch::look);
        let found = self.auditor.look(&self.core, self.recovering.is_some());
        self.damaged(found);
    }

    fn somebody_starts(&self) -> bool {
        let board = self.core.control().board();
        let mut posts = self.posts.iter().enumerate();
        posts.any(|(rank, post)| post.child.is_some() && !board.is_announced(rank))
    }

    fn nobody_is_left(&self) -> bool {
        self.posts.iter().all(|post| post.child.is_none())
    }

    /// Issues the interrupted step again, once nobody can hold a chunk of it.
    fn recover(&mut self) {
        let Some(since) = self.recovering else { return };
        let control = self.core.control();
        let (current, Some(frame)) = control.current() else {
            return self.damaged(Some(Damage::Frame));
        };
        if matches!(frame.issued, Issued::Rest(_)) || self.nobody_is_left() {
            // The plan ended meanwhile: whoever was buried holds nothing of a later one.
            self.recovering = None;
            return;
        }
        if since.elapsed() < REPLACEMENT_TAKES && self.somebody_starts() {
            return;
        }
        let Some(quiet) = control.board().quiet().filter(|quiet| quiet.issue() == current) else {
            return;
        };
        self.recovering = None;
        self.at(CrashPoint::Quiet);
        if let Err(what) = repair_cell(&self.core) {
            return self.damaged(Some(what));
        }
        self.at(CrashPoint::CellRepaired);
        let ending = self.given_up(frame.serial);
        let next = match ending {
            Some(ending) => {
                let (serial, issued) = (frame.serial + 1, Issued::Rest(ending));
                Frame { serial, issued, chunks: 0, reissue: false, ..frame }
            }
            None => Frame { reissue: true, ..frame },
        };
        next.write(control.frame(current + 1), current + 1);
        let Ok(()) = control.board().reissue(&mut self.recovery(), &quiet, next.chunks);
        self.core.counters.reissues.fetch_add(1, Ordering::Relaxed);
        if ending.is_some() {
            control.announce_finish();
        }
    }

    /// A step of the recovery has been taken: the crash plan may kill somebody here.
    pub(super) fn at(&self, point: CrashPoint) {
        self.recovery().pass(point);
    }

    fn recovery(&self) -> Recovery<'_> {
        Recovery(&self.core)
    }

    /// Whether the step has cost so many deaths that it is not issued again.
    fn given_up(&self, serial: u64) -> Option<Ending> {
        let running = self.core.lock_running();
        let attempts = u64::from(self.core.attempts_max);
        let folds = running.fold_deaths.get(&serial).map_or(0, Vec::len) as u64;
        let unblamed = running.unblamed.get(&serial).map_or(0, |(count, _)| *count);
        if folds >= attempts {
            Some(Ending::FoldDied)
        } else if unblamed > UNBLAMED_MAX.saturating_add(attempts * self.core.workers as u64) {
            Some(Ending::GivenUp)
        } else {
            None
        }
    }

    /// Kills is how workers stop: nothing they could be about outlives the engine.
    fn stop_all(&mut self) {
        self.posts.iter().filter_map(|post| post.child.as_ref()).for_each(|child| {
            child.pidfd.send(Signal::SIGKILL);
        });
        while self.posts.iter().any(|post| post.child.is_some()) {
            self.pump(Some(Duration::from_millis(10)));
            for rank in 0..self.posts.len() {
                if self.reap(rank).is_some() {
                    // Handles outlive the engine, and nobody is to wait for the dead.
                    self.core.commons.bury(Gone { seat: Seat::of_worker(rank), cleanly: false });
                    // A launch may wait until this worker has left an old issue.
                    self.core.control().board().vacate(rank);
                }
            }
        }
    }
}

/// How long to wait for workers to start or to leave a step, which they do not announce, before the
/// next look: little at first, then more.
fn patience(since: Instant) -> Duration {
    Duration::from_micros(if since.elapsed() < Duration::from_millis(20) { 20 } else { 1000 })
}
