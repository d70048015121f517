//! Burying a reaped worker: its words are set right, and what it was about gets the blame.

use super::coordinator::{About, Buried, Running};
use super::supervisor::{FAILED_START, KILLED_START, Loss, Supervisor};
use crate::compute::{FailedAt, Part};
use crate::error::{Cause, DeathRecord};
use crate::memory::Permit;
use crate::shared::damage::Damage;
use crate::shared::protocol::{CrashPoint, Culprit};
use crate::shared::seat::{Gone, Seat};
use std::sync::atomic::{AtomicU64, Ordering};

impl Supervisor {
    /// Sets right what a reaped worker left, and blames what it was about.
    pub(super) fn bury(&mut self, rank: usize, Loss { death, is_attempt }: &Loss) {
        self.core.commons.bury(Gone { seat: Seat::of_worker(rank), cleanly: false });
        let control = self.core.control();
        let failed_starts = &mut self.posts[rank].failed_starts;
        *failed_starts = match &death.cause {
            _ if control.board().is_announced(rank) => 0,
            _ if !is_attempt => 0,
            Cause::Signal { number: libc::SIGKILL, .. } | Cause::Deadline { .. } => {
                *failed_starts + KILLED_START
            }
            _ => *failed_starts + FAILED_START,
        };
        control.lock.disown(death.pid);
        // From here on the areas stay those of the frame: a launch exchanges both under this lock.
        let mut running = self.core.lock_running();
        let (_, Some(frame)) = control.current() else {
            drop(running);
            return self.damaged(Some(Damage::Frame));
        };
        let serial = frame.serial;
        let areas = running.areas();
        let marks = self.core.region().slice::<AtomicU64>(areas.marks, areas.marks_len);
        let put_back = |permit: &Permit| {
            self.core.region().put_back(permit, areas.undo_of(rank));
            self.at(CrashPoint::UndoPutBack);
        };
        let burial = control.board().bury(rank, serial, |chunk| marks.get(chunk), put_back);
        if let Some(what) = burial.damage {
            drop(running);
            return self.damaged(Some(what));
        }
        if burial.at_work && burial.culprits.is_empty() && *is_attempt {
            let (count, last) = running.unblamed.entry(serial).or_default();
            *count += 1;
            *last = Some(death.clone());
        }
        let stage = running.stage(&frame, control.stage(rank));
        control.stages[rank].0.store(0, Ordering::Relaxed);
        let mut about = About::Nothing;
        let retries_before = self.core.stats().retries;
        for culprit in burial.culprits {
            about = match culprit {
                Culprit::Chunk(chunk) => {
                    let death = is_attempt.then_some(death);
                    let at = FailedAt { stage, chunk };
                    self.blame_chunk(&mut running, (serial, at), &marks[chunk], death);
                    About::Chunk(chunk)
                }
                Culprit::Fold => {
                    if *is_attempt {
                        running.fold_deaths.entry(serial).or_default().push(death.clone());
                    }
                    self.core.counters.retries.fetch_add(1, Ordering::Relaxed);
                    About::Fold
                }
            };
        }
        drop(running);
        if self.core.return_leases(rank, is_attempt.then_some(death)) {
            about = About::Task;
            self.at(CrashPoint::LeaseReturned);
        }
        let retries = self.core.stats().retries - retries_before;
        self.core.note_death(Buried { death: death.clone(), about, retries });
        self.at(CrashPoint::Buried);
        control.ring();
        control.announce_finish();
    }

    /// The chunk gets another attempt, or is set aside at its limit of deaths in one kernel; `death` if
    /// there was one that counts.
    fn blame_chunk(
        &self,
        running: &mut Running,
        (serial, at): (u64, FailedAt),
        mark: &AtomicU64,
        death: Option<&DeathRecord>,
    ) {
        let deaths = running.deaths.entry((serial, at)).or_default();
        deaths.extend(death.cloned());
        let hold = &self.core.control().hold;
        let is_held = hold.part(running.plan, serial, at.chunk) == Some(Part::Held);
        let attempts_max = if is_held { 1 } else { self.core.attempts_max };
        if (deaths.len() as u32) < attempts_max {
            self.core.counters.retries.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let deaths = deaths.clone();
        running.poisoned.insert((serial, at), deaths);
        self.core.control().board().poison(serial, mark);
        self.core.counters.poisoned.fetch_add(1, Ordering::Relaxed);
    }
}
