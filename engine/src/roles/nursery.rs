//! The supervisor's care for child processes: it starts them, ends them at their deadlines, and buries
//! them. There is no replacement: how one ended is for whoever joins it.

use super::children::{Record, Stage};
use super::supervisor::Supervisor;
use crate::error::{Cause, DeathRecord, Result};
use crate::process::{self, Child, Handover};
use crate::shared::seat::{Gone, Seat, WORKERS_MAX};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A child that asks for room while no thread of the coordinator waits is answered after this time.
const WISHES_WAIT: Duration = Duration::from_millis(50);

/// A child process that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(super) child: Child,
    place: usize,
    number: u64,
    started: Instant,
    deadline: Option<Duration>,
}

impl Supervisor {
    /// Starts the child processes that were asked for.
    pub(super) fn start_children(&mut self) {
        if !self.core.children_asked.swap(false, Ordering::AcqRel) {
            return;
        }
        let mut started = vec![];
        let mut records = self.core.children.lock();
        for (place, record) in records.taken() {
            if !matches!(record.stage, Stage::Asked) {
                continue;
            }
            record.stage = match self.start_child(place, record) {
                Ok(child) => {
                    let (pid, deadline) = (child.pid, record.terms.deadline);
                    let (number, now) = (record.number, Instant::now());
                    started.push(Running { child, place, number, started: now, deadline });
                    Stage::Runs { pid }
                }
                Err(error) => {
                    // What it was handed over is nobody's.
                    self.core.commons.bury(Gone { seat: Seat::of_child(place), cleanly: false });
                    Stage::NotStarted(Some(error))
                }
            };
        }
        drop(records);
        self.children.append(&mut started);
        self.core.control().announce_finish();
    }

    fn start_child(&self, place: usize, record: &Record) -> Result<Child> {
        let (seat, parent) = (Seat::of_child(place), std::process::id() as i32);
        let (cpu, limits) = (record.terms.cpu, record.terms.limits);
        let handover = Handover { seat, parent, nonce: self.nonce, cpu, limits };
        let name = format!("process {}", record.name);
        let spawn = || process::spawn(&name, &handover, self.core.region());
        self.core.handle.start(WORKERS_MAX + place, spawn)
    }

    /// How long until a child must be looked at, if any runs.
    pub(super) fn next_look_at_children(&self) -> Option<Duration> {
        let left = |running: &Running| {
            running
                .deadline
                .map_or(WISHES_WAIT, |all| all.saturating_sub(running.started.elapsed()))
        };
        self.children.iter().map(left).min().map(|left| left.min(WISHES_WAIT))
    }

    /// Ends the children that are over their deadlines.
    pub(super) fn end_late_children(&self) {
        for running in &self.children {
            let ran = running.started.elapsed();
            if let Some(limit) = running.deadline.filter(|limit| ran > *limit) {
                let cause = Cause::Deadline { limit, ran };
                self.core.handle.end(WORKERS_MAX + running.place, cause);
            }
        }
    }

    /// Buries the children that have ended; true if any has.
    pub(super) fn bury_children(&mut self) -> bool {
        let mut over = vec![];
        for (at, running) in self.children.iter_mut().enumerate() {
            let faults = &self.core.control().block.child_faults[running.place];
            if let Some(death) = process::reap(running.place, &mut running.child, faults) {
                over.push((at, death));
            }
        }
        for (at, death) in over.iter_mut().rev() {
            let running = self.children.swap_remove(*at);
            self.bury_child(&running, death);
        }
        if !over.is_empty() {
            self.core.control().ring();
            self.core.control().announce_finish();
        }
        !over.is_empty()
    }

    fn bury_child(&mut self, running: &Running, death: &mut DeathRecord) {
        self.core.handle.let_go(WORKERS_MAX + running.place, &mut death.cause);
        self.explain_by_memory(&mut death.cause);
        let has_settled = self.core.post(running.place).result(running.number).is_some();
        let cleanly = has_settled && death.cause == Cause::Exit { status: 0 };
        self.core.commons.bury(Gone { seat: Seat::of_child(running.place), cleanly });
        let mut records = self.core.children.lock();
        let record = records.at(running.place);
        death.process = Some(record.name.clone());
        record.stage = Stage::Over(death.clone());
        let gone = if record.is_detached { records.all[running.place].take() } else { None };
        drop(records);
        // Its luggage may take locks as it is dropped.
        drop(gone);
    }

    /// Kills all children, and waits for their ends.
    pub(super) fn stop_children(&mut self) {
        let mut records = self.core.children.lock();
        records.is_closed = true;
        for (_, record) in records.taken() {
            if matches!(record.stage, Stage::Asked) {
                record.stage = Stage::too_late(None);
            }
        }
        drop(records);
        for running in &self.children {
            self.core.handle.end(WORKERS_MAX + running.place, Cause::EngineEnded);
        }
        while !self.children.is_empty() {
            self.pump(Some(Duration::from_millis(10)));
            self.bury_children();
        }
        self.core.control().announce_finish();
    }
}
