//! The model's coordinator: what the roles do with the protocol, without processes.

use super::super::CrashPoint;
use super::super::coordinator::Culprit;
use super::super::worker::Surroundings;
use super::Checker;
use super::host::Worker;
use super::world::{FAILED, FINISHED, FOLD_DIED, Fate, Frame, Plan, World};
use crate::memory::Permit;
use crate::shared::cell::{self, CellRepairer, Owner, Record};
use crate::shared::damage::Damage;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How a model ended.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) issued: u64,
    pub(super) poisoned: Vec<usize>,
    pub(super) deaths: u32,
    pub(super) reissues: u32,
}

pub(super) struct Coordinator<C: Checker> {
    world: Arc<World<C>>,
    threads: Vec<Option<C::Thread>>,
    /// Fates of the workers to be started, by rank.
    fates: Vec<Vec<Fate>>,
    recovering: bool,
    chunk_deaths: HashMap<(u64, usize), u32>,
    fold_deaths: HashMap<u64, u32>,
    ended: Ended,
}

impl<C: Checker> Coordinator<C> {
    /// Runs the model to its end. The workers of rank 0 die as `fates` says, one after the other.
    pub(super) fn run(plan: Plan, fates: &[Fate]) -> Ended {
        let workers = plan.workers;
        let mut coordinator = Coordinator::<C> {
            world: Arc::new(World::new(plan)),
            threads: (0..workers).map(|_| None).collect(),
            fates: (0..workers)
                .map(|rank| if rank == 0 { fates.to_vec() } else { vec![] })
                .collect(),
            recovering: false,
            chunk_deaths: HashMap::new(),
            fold_deaths: HashMap::new(),
            ended: Ended::default(),
        };
        coordinator.coordinate();
        coordinator.ended
    }

    fn coordinate(&mut self) {
        let world = Arc::clone(&self.world);
        let launch_first = world.plan.launch_first;
        if launch_first {
            launch(&world);
        }
        (0..self.threads.len()).for_each(|rank| self.start(rank));
        for launch in 0..world.plan.launches {
            let serial = launch * (world.plan.steps.len() as u64 + 1) + 1;
            // Launches are another thread's: in the grace it may wait for a burial.
            let launching = (launch > 0 || !launch_first).then(|| {
                let world = Arc::clone(&world);
                C::spawn(None, move || self::launch(&world))
            });
            let rest = self.wait_for_rest(serial);
            launching.into_iter().for_each(C::join);
            self.ended.issued = rest.issued;
            if rest.issued != FINISHED {
                let step = (rest.serial - 3) % (world.plan.steps.len() as u64 + 1);
                world.check_failed(rest, step);
                break;
            }
        }
        self.ended.deaths = world.deaths.load(Ordering::Relaxed);
        world.end();
        self.threads.drain(..).flatten().for_each(C::join);
    }

    fn start(&mut self, rank: usize) {
        let world = Arc::clone(&self.world);
        let fate = (!self.fates[rank].is_empty()).then(|| self.fates[rank].remove(0));
        let body = move || Worker::live(world, rank, fate);
        self.threads[rank] = Some(C::spawn(Some(&self.world.finish), body));
    }

    /// Watches over the workers until a plan launched after the rest `serial` has ended.
    fn wait_for_rest(&mut self, serial: u64) -> Frame {
        let world = Arc::clone(&self.world);
        loop {
            let seen = C::look(&world.finish);
            for rank in 0..self.threads.len() {
                if self.threads[rank].as_ref().is_some_and(C::reap) {
                    self.threads[rank] = None;
                    self.bury(rank);
                    self.start(rank);
                    self.recovering = true;
                }
            }
            let (issue, frame) = world.current();
            if frame.issued >= FINISHED && frame.serial > serial {
                return frame;
            }
            let published = self.recovering && self.recover();
            if !published && world.board().epoch() == issue {
                C::wait(&world.finish, seen);
            }
        }
    }

    fn bury(&mut self, rank: usize) {
        let world = &self.world;
        world.disown(rank);
        world.watch(|ghost| ghost.uncounted[rank] = 0);
        let (_, frame) = world.current();
        let serial = frame.serial;
        let mark = |chunk: usize| world.marks.get(chunk);
        let put_back = |_: &Permit| world.put_undo_back(rank);
        let burial = world.board().bury(rank, serial, mark, put_back);
        assert_eq!(burial.damage, None, "nobody scribbles in the model");
        for culprit in burial.culprits {
            match culprit {
                Culprit::Chunk(chunk) => {
                    let deaths = self.chunk_deaths.entry((serial, chunk)).or_default();
                    *deaths += 1;
                    if *deaths >= world.plan.attempts_max {
                        world.board().poison(serial, &world.marks[chunk]);
                        self.ended.poisoned.push(chunk);
                    }
                }
                Culprit::Fold => *self.fold_deaths.entry(serial).or_default() += 1,
            }
        }
        C::ring(&world.bell);
    }

    /// Issues the step again if all is quiet; false to be asked again.
    fn recover(&mut self) -> bool {
        let world = Arc::clone(&self.world);
        let (current, frame) = world.current();
        if frame.issued >= FINISHED {
            self.recovering = false;
            return true;
        }
        let Some(quiet) = world.board().quiet().filter(|quiet| quiet.issue() == current) else {
            return false;
        };
        self.recovering = false;
        let mut repairer = Repairer(&world);
        let Ok(()) = cell::lock_and_repair(&mut repairer);
        repairer.unlock();
        let deaths = self.fold_deaths.get(&frame.serial).copied().unwrap_or(0);
        let (next, chunks) = if deaths >= world.plan.attempts_max {
            let serial = frame.serial + 1;
            (Frame { serial, issued: FOLD_DIED, reissue: false, ..frame }, 0)
        } else {
            (Frame { reissue: true, ..frame }, world.spec(frame).chunks)
        };
        world.write_frame(current + 1, next, false);
        let Ok(()) = world.board().reissue(&mut Publisher(&world, current + 1), &quiet, chunks);
        self.ended.reissues += 1;
        true
    }
}

fn launch<C: Checker>(world: &World<C>) {
    let (issue, rest) = world.current();
    let serial = rest.serial + 1;
    let frame = Frame { serial, issued: 0, reissue: false, scalar: rest.scalar };
    world.write_frame(issue + 1, frame, false);
    let chunks = world.plan.steps[0].chunks;
    let Ok(()) = world.board().issue(&mut Publisher(world, issue + 1), chunks);
}

impl Ended {
    pub(super) fn finished(&self) {
        assert_eq!((self.issued, self.poisoned.as_slice()), (FINISHED, [].as_slice()));
    }

    pub(super) fn failed(&self, poisoned: &[usize]) {
        assert_eq!((self.issued, self.poisoned.as_slice()), (FAILED, poisoned));
    }
}

struct Publisher<'w, C: Checker>(&'w World<C>, u64);

impl<C: Checker> Surroundings for Publisher<'_, C> {
    type Died = Infallible;

    fn at(&mut self, point: CrashPoint) -> Result<(), Infallible> {
        if point == CrashPoint::WordsSet {
            self.0.check_publication(None);
        }
        if point == CrashPoint::Published {
            self.0.published(self.1);
        }
        Ok(())
    }

    fn wake_all(&mut self) {
        if self.0.board().anybody_asleep() {
            C::ring(&self.0.bell);
        }
    }
}

struct Repairer<'w, C: Checker>(&'w World<C>);

impl<C: Checker> Surroundings for Repairer<'_, C> {
    type Died = Infallible;

    fn at(&mut self, _: CrashPoint) -> Result<(), Infallible> {
        Ok(())
    }

    fn wake_all(&mut self) {}
}

impl<C: Checker> CellRepairer<C> for Repairer<'_, C> {
    fn record(&self) -> &Record<C> {
        &self.0.record
    }

    fn cell_mark(&self, chunk: usize) -> Option<&C::U64> {
        self.0.marks.get(chunk)
    }

    fn lock(&mut self) -> Result<Owner, Infallible> {
        Ok(self.0.lock(1000))
    }

    fn damaged(&mut self, what: Damage) -> Infallible {
        panic!("nobody scribbles in the model: {what}")
    }

    fn consistent(&mut self) {}

    fn unlock(&mut self) {
        self.0.unlock();
    }

    fn put_pre_image_back(&mut self, _: &Permit) {
        self.0.put_pre_image_back(false);
    }
}
