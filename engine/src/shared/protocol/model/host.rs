//! The model's workers: hosts of the real protocol.

use super::super::CrashPoint;
use super::super::worker::{Host, Outcome, Step, Surroundings, Turn};
use super::Checker;
use super::world::{END, FAILED, FINISHED, Fate, Frame, Kind, World};
use crate::memory::Permit;
use crate::shared::cell::{CellHost, CellRepairer, Owner, Record};
use crate::shared::damage::Damage;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[derive(Debug)]
pub(super) struct Died;

#[derive(Debug)]
pub(super) struct Worker<C: Checker> {
    world: Arc<World<C>>,
    rank: usize,
    frame: Frame,
    private: Vec<usize>,
    rested: bool,
    /// The issue that it publishes next.
    next: u64,
    fate: Option<Fate>,
    dies_at: Option<CrashPoint>,
}

impl<C: Checker> Worker<C> {
    /// Lives until the model ends or it dies.
    pub(super) fn live(world: Arc<World<C>>, rank: usize, fate: Option<Fate>) {
        let frame = Frame { serial: 0, issued: 0, reissue: false, scalar: 0 };
        let (private, rested, next, dies_at) = (vec![], false, 0, None);
        let shared = Arc::clone(&world);
        let mut worker = Worker { world, rank, frame, private, rested, next, fate, dies_at };
        if worker.serve(&shared).is_err() {
            shared.disown(rank);
        }
    }

    fn serve(&mut self, world: &World<C>) -> Result<(), Died> {
        let board = world.board();
        let mut last = 0;
        loop {
            let issue = board.epoch();
            if issue == END {
                return Ok(());
            }
            if issue != last {
                if board.take_part(self, self.rank, issue)? != Turn::Late {
                    last = issue;
                }
            } else {
                let bell = C::look(&world.bell);
                board.doze(self.rank, || board.epoch() != last, || C::wait(&world.bell, bell));
            }
        }
    }

    /// Whether this worker dies half-way through what comes before `point`.
    fn torn(&self, point: CrashPoint) -> bool {
        self.fate.is_some_and(|fate| fate.point == point && fate.passage == 0 && fate.torn)
    }

    fn dies(&mut self, point: CrashPoint) -> bool {
        if self.dies_at == Some(point) {
            return true;
        }
        match &mut self.fate {
            Some(fate) if fate.point == point && fate.passage == 0 => true,
            Some(fate) if fate.point == point => {
                fate.passage -= 1;
                false
            }
            _ => false,
        }
    }
}

impl<C: Checker> Surroundings for Worker<C> {
    type Died = Died;

    fn at(&mut self, point: CrashPoint) -> Result<(), Died> {
        if point == CrashPoint::WordsSet {
            self.world.check_publication(Some(self.rank));
        }
        if point == CrashPoint::Published {
            self.world.published(self.next);
        }
        let dies = self.dies(point);
        self.world.watch(|ghost| match point {
            CrashPoint::Claimed | CrashPoint::Stolen => ghost.uncounted[self.rank] += 1,
            CrashPoint::Counted => ghost.uncounted[self.rank] = self.private.len() as u64,
            _ => {}
        });
        if dies {
            self.world.deaths.fetch_add(1, Ordering::Relaxed);
            return Err(Died);
        }
        if point == CrashPoint::Idle {
            // The scan looks again; the real one looks at intervals.
            C::ring(&self.world.finish);
        }
        Ok(())
    }

    fn wake_all(&mut self) {
        if self.world.board().anybody_asleep() {
            C::ring(&self.world.bell);
        }
        if self.rested {
            C::ring(&self.world.finish);
        }
    }
}

impl<C: Checker> Host<C> for Worker<C> {
    fn bind(&mut self, issue: u64) -> Step {
        let over = "a claim in an issue that is over";
        self.world.watch(|ghost| assert_eq!(ghost.issue, issue, "{over}"));
        let body = C::read(&self.world.frames[issue as usize & 1].body);
        self.frame = self.world.read_frame(issue);
        assert_eq!(body, self.frame.serial, "a torn frame");
        self.world.check_frame(self.frame);
        let kind = self.world.spec(self.frame).kind;
        Step {
            serial: self.frame.serial,
            in_place: kind == Kind::InPlace,
            cell: kind == Kind::Cell,
            careful: self.frame.reissue,
        }
    }

    fn mark(&self, chunk: usize) -> &C::U64 {
        &self.world.marks[chunk]
    }

    fn keep_undo(&mut self, _: &Permit, chunk: usize) {
        let block = &self.world.undo[self.rank];
        let [first, second] = &self.world.values[chunk];
        C::write(&block[2], chunk as u64);
        C::write(&block[0], C::read(first));
        if !self.torn(CrashPoint::UndoKept) {
            C::write(&block[1], C::read(second));
        }
    }

    fn run(&mut self, _: &Permit, chunk: usize) -> Outcome {
        let spec = self.world.spec(self.frame);
        let torn = self.torn(CrashPoint::SlotWritten);
        if spec.deadly == Some(chunk) {
            self.dies_at = Some(CrashPoint::SlotWritten);
        }
        match spec.kind {
            Kind::Map if torn => C::write(&self.world.slots[chunk], 7),
            Kind::Map => {
                C::write(&self.world.slots[chunk], self.frame.serial * 100 + chunk as u64);
            }
            Kind::InPlace => {
                let wanted = self.world.updates_before(chunk, self.frame);
                let halves = &self.world.values[chunk];
                let before = halves.each_ref().map(C::read);
                assert_eq!(before, [wanted; 2], "chunk {chunk} is run on what it must not see");
                C::write(&halves[0], wanted + 1);
                if !torn && self.dies_at.is_none() {
                    C::write(&halves[1], wanted + 1);
                }
            }
            Kind::Cell => self.private.push(chunk),
        }
        if spec.fails == Some(chunk) { Outcome::Failed } else { Outcome::Done }
    }

    fn discard(&mut self) {
        self.private.clear();
    }

    fn lead(&mut self, _: &Permit, issue: u64, failed: bool) -> usize {
        let (frame, steps) = (self.frame, &self.world.plan.steps);
        let serial = frame.serial + 1;
        let mut next = Frame { serial, issued: FAILED, reissue: false, scalar: frame.scalar };
        let mut chunks = 0;
        if !failed {
            if self.world.spec(frame).deadly_fold {
                self.dies_at = Some(CrashPoint::FrameWritten);
            }
            self.world.check_publication(Some(self.rank));
            self.world.check_step(frame);
            next.scalar += 1;
            next.issued = frame.issued + 1;
            match steps.get(next.issued as usize) {
                Some(step) => chunks = step.chunks,
                None => next.issued = FINISHED,
            }
        }
        self.next = issue + 1;
        self.rested = next.issued >= FINISHED;
        self.world.write_frame(issue + 1, next, self.torn(CrashPoint::FrameWritten));
        chunks
    }
}

impl<C: Checker> CellRepairer<C> for Worker<C> {
    fn record(&self) -> &Record<C> {
        &self.world.record
    }

    fn cell_mark(&self, chunk: usize) -> Option<&C::U64> {
        self.world.marks.get(chunk)
    }

    fn lock(&mut self) -> Result<Owner, Died> {
        Ok(self.world.lock(self.rank as u64 + 1))
    }

    fn damaged(&mut self, what: Damage) -> Died {
        panic!("nobody scribbles in the model: {what}")
    }

    fn consistent(&mut self) {}

    fn unlock(&mut self) {
        self.world.unlock();
    }

    fn put_pre_image_back(&mut self, _: &Permit) {
        self.world.put_pre_image_back(self.torn(CrashPoint::PreImagePutBack));
    }
}

impl<C: Checker> CellHost<C> for Worker<C> {
    fn keep_pre_image(&mut self, _: &Permit) {
        let deadly = self.world.spec(self.frame).deadly_commit;
        if deadly.is_some_and(|chunk| self.private.contains(&chunk)) {
            self.dies_at = Some(CrashPoint::PreImageKept);
        }
        let chunks = self.world.counts.len();
        let half = if self.torn(CrashPoint::PreImageKept) { chunks / 2 } else { chunks };
        for (to, from) in self.world.pre_image.iter().zip(&self.world.counts).take(half) {
            C::write(to, C::read(from));
        }
    }

    fn merge(&mut self, _: &Permit, first: bool) -> Outcome {
        let spec = self.world.spec(self.frame);
        if spec.deadly_merge.is_some_and(|chunk| self.private.contains(&chunk)) {
            self.dies_at = Some(CrashPoint::Merged);
        }
        if first {
            self.world.counts.iter().for_each(|count| C::write(count, 0));
        }
        for &chunk in &self.private {
            let count = &self.world.counts[chunk];
            C::write(count, C::read(count) + 1);
            if self.torn(CrashPoint::Merged) {
                return Outcome::Done;
            }
        }
        let fails = spec.fails_merge.is_some_and(|chunk| self.private.contains(&chunk));
        self.private.clear();
        if fails { Outcome::Failed } else { Outcome::Done }
    }

    fn commit_is_due(&self) -> bool {
        false
    }
}
