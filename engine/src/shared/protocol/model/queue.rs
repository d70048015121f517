//! Scenarios of the task queue: items are put, leased, settled, given back by burials, forgone,
//! and the queue is used again while workers may still look at its former life.

use super::super::CrashPoint;
use super::super::words::Board;
use super::super::worker::Surroundings;
use super::super::{Heart, Line, Post, Word64};
use super::Checker;
use super::exhaustive::{EXECUTIONS_MAX, Loom, check};
use super::repeated;
use super::schedule::explore;
use super::seeded::Seeded;
use super::threads::Threads;
use crate::shared::queue::{Lease, Queue};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

/// What a queue is put through.
#[derive(Debug, Clone, Copy)]
struct Use {
    workers: usize,
    items: u64,
    lives: u64,
    /// Odd items ask for room for their results.
    wants: bool,
    /// A life is dropped after so many results.
    dropped_after: Option<u64>,
    /// This item kills its worker, always.
    deadly: Option<u64>,
    /// Where worker 0 dies.
    fate: Option<CrashPoint>,
}

const PLAIN: Use = Use {
    workers: 2,
    items: 4,
    lives: 2,
    wants: false,
    dropped_after: None,
    deadly: None,
    fate: None,
};
const ATTEMPTS_MAX: u64 = 3;
const DONE: u64 = 1;
const DIED: u64 = 2;
const CLOSED: u64 = 0;
const OPEN: u64 = 1;
/// Being dropped: nobody wants results.
const FORSAKEN: u64 = 2;

#[derive(Debug)]
struct World<C: Checker> {
    how: Use,
    heart: Heart<C>,
    posts: Vec<Post<C>>,
    queue: Queue<C>,
    /// A task's parameters and result, by slot: plain memory.
    params: Vec<C::Cell>,
    results: Vec<C::Cell>,
    open: C::U64,
    over: C::U64,
    /// Deaths by item, and what the queue is: kept by the coordinator, under a lock.
    deaths: Vec<C::Cell>,
    lives: C::Cell,
    /// What had been reached when a lease was given back.
    reached: C::Cell,
    /// Rooms for results, by slot: written under the lock, read by who was granted them.
    rooms: Vec<C::Cell>,
    locked: C::U64,
    bell: C::Bell,
    finish: Arc<C::Bell>,
}

impl<C: Checker> World<C> {
    fn new(how: Use) -> World<C> {
        let zero = || C::atomic(0);
        let post = || Post {
            claim: Line(zero()),
            asleep: zero(),
            state: zero(),
            note: zero(),
            undo_serial: zero(),
            undo_chunk: zero(),
            pending_len: zero(),
            pending: C::pending(),
        };
        World {
            how,
            heart: Heart { epoch: Line(zero()), count: Line(zero()), failed: Line(zero()) },
            posts: (0..how.workers).map(|_| post()).collect(),
            queue: Queue::with(zero, |make| C::slots(make)),
            params: (0..2).map(|_| C::cell(0)).collect(),
            results: (0..2).map(|_| C::cell(0)).collect(),
            open: zero(),
            deaths: (0..how.items).map(|_| C::cell(0)).collect(),
            lives: C::cell(CLOSED),
            reached: C::cell(0),
            rooms: (0..2).map(|_| C::cell(0)).collect(),
            locked: zero(),
            over: zero(),
            bell: C::bell(),
            finish: Arc::new(C::bell()),
        }
    }

    fn board(&self) -> Board<'_, C> {
        Board::new(&self.heart, &self.posts, 1)
    }

    /// The coordinator's own lock of its queues.
    fn lock(&self) {
        while !self.locked.exchange(0, 1) {
            C::pause(0);
        }
    }

    fn unlock(&self) {
        self.locked.store(0, Release);
    }

    /// Answers all wishes for room, as any thread of the coordinator may at any time.
    fn answer(&self) {
        self.lock();
        let lives = C::read(&self.lives);
        let wishes = if lives == CLOSED { vec![] } else { self.queue.wishes() };
        for &sequence in &wishes {
            if lives == FORSAKEN {
                self.queue.forgo(sequence);
            } else {
                C::write(&self.rooms[sequence as usize % 2], 100 + sequence);
                self.queue.slot(sequence).set_room(sequence, [0, 1]);
                self.queue.grant(sequence);
            }
        }
        self.unlock();
        if !wishes.is_empty() {
            C::ring(&self.bell);
            C::ring(&self.finish);
        }
    }
}

#[derive(Debug)]
struct Died;

struct Worker<'w, C: Checker> {
    world: &'w World<C>,
    fate: Option<CrashPoint>,
}

impl<C: Checker> Surroundings for Worker<'_, C> {
    type Died = Died;

    fn at(&mut self, point: CrashPoint) -> Result<(), Died> {
        if self.fate == Some(point) { Err(Died) } else { Ok(()) }
    }

    fn wake_all(&mut self) {}
}

impl<C: Checker> Worker<'_, C> {
    fn live(&mut self, rank: usize) -> Result<(), Died> {
        let world = self.world;
        loop {
            if world.over.load(Acquire) == 1 {
                return Ok(());
            }
            let lease =
                if world.open.load(Acquire) == 1 { world.queue.lease(self, rank)? } else { None };
            if let Some(lease) = lease {
                self.serve(lease)?;
                continue;
            }
            let bell = C::look(&world.bell);
            let news = || {
                let work = world.open.load(Acquire) == 1 && world.queue.has_work();
                work || world.over.load(Acquire) == 1
            };
            world.board().doze(rank, news, || C::wait(&world.bell, bell));
        }
    }

    fn serve(&mut self, lease: Lease) -> Result<(), Died> {
        let World { queue, how, .. } = self.world;
        let slot = queue.slot(lease.sequence);
        let at = lease.sequence as usize % 2;
        let params = C::read(&self.world.params[at]);
        if how.deadly == Some(lease.sequence) {
            return Err(Died);
        }
        // One who asks again has room already.
        if how.wants && lease.sequence % 2 == 1 && slot.room(lease.sequence) == Ok([0, 0]) {
            queue.want_room(self, lease)?;
            C::ring(&self.world.finish);
            loop {
                let bell = C::look(&self.world.bell);
                if queue.is_granted(lease) {
                    break;
                }
                if queue.is_forgone(lease) {
                    return Ok(());
                }
                C::wait(&self.world.bell, bell);
            }
            assert_eq!(slot.room(lease.sequence), Ok([0, 1]), "no room was granted");
            assert_eq!(C::read(&self.world.rooms[at]), 100 + lease.sequence, "another's room");
        }
        C::write(&self.world.results[at], params + 1);
        slot.set_outcome(lease.sequence, DONE);
        queue.settle(self, lease)?;
        C::ring(&self.world.finish);
        Ok(())
    }
}

/// The thread that uses the queue.
struct User<C: Checker>(Arc<World<C>>);

/// The thread that buries.
struct Supervisor<C: Checker> {
    world: Arc<World<C>>,
    threads: Vec<Option<C::Thread>>,
    fate: Option<CrashPoint>,
}

fn run<C: Checker>(how: Use) {
    let world = Arc::new(World::<C>::new(how));
    let shared = Arc::clone(&world);
    let supervisor = C::spawn(None, move || {
        let threads = (0..how.workers).map(|_| None).collect();
        Supervisor { world: shared, threads, fate: how.fate }.supervise();
    });
    let mut user = User(world);
    (0..how.lives).for_each(|life| user.live(life));
    user.0.over.store(1, Release);
    C::ring(&user.0.bell);
    C::ring(&user.0.finish);
    C::join(supervisor);
}

impl<C: Checker> Supervisor<C> {
    fn supervise(&mut self) {
        (0..self.threads.len()).for_each(|rank| self.start(rank));
        while self.world.over.load(Acquire) == 0 {
            let seen = C::look(&self.world.finish);
            (0..self.threads.len()).for_each(|rank| self.watch(rank));
            self.world.answer();
            if self.world.over.load(Acquire) == 0 {
                C::wait(&self.world.finish, seen);
            }
        }
        self.threads.drain(..).flatten().for_each(C::join);
    }

    fn start(&mut self, rank: usize) {
        let world = Arc::clone(&self.world);
        let fate = if rank == 0 { self.fate.take() } else { None };
        let body = move || _ = Worker { world: &world, fate }.live(rank);
        self.threads[rank] = Some(C::spawn(Some(&self.world.finish), body));
    }

    fn watch(&mut self, rank: usize) {
        let world = Arc::clone(&self.world);
        if !self.threads[rank].as_ref().is_some_and(C::reap) {
            return;
        }
        self.threads[rank] = None;
        world.board().bury(rank, 0, |_| None, |_| ());
        world.lock();
        if C::read(&world.lives) != CLOSED {
            for sequence in world.queue.leases_of(rank) {
                let deaths = &world.deaths[sequence as usize];
                C::write(deaths, C::read(deaths) + 1);
                if C::read(deaths) >= ATTEMPTS_MAX {
                    world.queue.slot(sequence).set_outcome(sequence, DIED);
                    world.queue.fail(sequence);
                } else {
                    let reached = world.queue.give_back(sequence);
                    C::write(&world.reached, C::read(&world.reached).max(reached));
                }
            }
        }
        world.unlock();
        C::ring(&world.bell);
        C::ring(&world.finish);
        self.start(rank);
    }
}

impl<C: Checker> User<C> {
    fn live(&mut self, life: u64) {
        let world = Arc::clone(&self.0);
        let Use { items, dropped_after, .. } = world.how;
        world.lock();
        world.queue.reset();
        world.deaths.iter().for_each(|deaths| C::write(deaths, 0));
        C::write(&world.reached, 0);
        C::write(&world.lives, OPEN);
        world.open.store(1, Release);
        world.unlock();
        let (mut put, mut taken, mut waiting) = (0, 0, BTreeSet::new());
        while taken < dropped_after.unwrap_or(items) {
            let seen = C::look(&world.finish);
            let before = (put, taken);
            while put < items && self.put(life, put) {
                waiting.insert(put);
                put += 1;
            }
            world.answer();
            for sequence in waiting.clone() {
                if world.queue.is_done(sequence) {
                    self.take(life, sequence);
                    waiting.remove(&sequence);
                    taken += 1;
                }
            }
            if before == (put, taken) {
                C::wait(&world.finish, seen);
            }
        }
        self.drop_queue(&waiting);
    }

    fn put(&self, life: u64, sequence: u64) -> bool {
        let world = &self.0;
        let put = world.queue.put(|sequence, slot| {
            C::write(&world.params[sequence as usize % 2], life * 100 + sequence);
            slot.set_room(sequence, [0, 0]);
        });
        if put.is_some() && world.board().anybody_asleep() {
            C::ring(&world.bell);
        }
        assert!(put.is_none_or(|put| put == sequence));
        put.is_some()
    }

    fn take(&mut self, life: u64, sequence: u64) {
        let queue = &self.0.queue;
        self.0.lock();
        let reached = C::read(&self.0.reached).max(queue.reached());
        self.0.unlock();
        assert!(sequence < reached, "it is done, and would not be looked at");
        let (outcome, _) = queue.slot(sequence).result(sequence).unwrap();
        if outcome == DONE {
            let result = C::read(&self.0.results[sequence as usize % 2]);
            assert_eq!(result, life * 100 + sequence + 1, "the result of another task");
            assert_ne!(self.0.how.deadly, Some(sequence));
        } else {
            assert_eq!((outcome, self.0.how.deadly), (DIED, Some(sequence)));
        }
        queue.take(sequence);
    }

    /// As the queue's Drop: withdraws what nobody has begun, waits for what somebody has.
    fn drop_queue(&mut self, waiting: &BTreeSet<u64>) {
        let world = Arc::clone(&self.0);
        let begun: Vec<u64> =
            waiting.iter().copied().filter(|&s| !world.queue.withdraw(s)).collect();
        world.lock();
        C::write(&world.lives, FORSAKEN);
        world.unlock();
        loop {
            let seen = C::look(&world.finish);
            world.answer();
            if begun.iter().all(|&sequence| world.queue.is_done(sequence)) {
                break;
            }
            C::wait(&world.finish, seen);
        }
        world.open.store(0, Release);
        world.lock();
        C::write(&world.lives, CLOSED);
        world.unlock();
        // The room is somebody else's now: nobody may write results any more.
        world.results.iter().for_each(|result| C::write(result, 7));
    }
}

#[test]
fn seeds_a_queue_and_its_next_life() {
    explore(6000, 2, || run::<Seeded>(PLAIN));
}

#[test]
fn seeds_results_that_want_room() {
    explore(4000, 2, || run::<Seeded>(Use { wants: true, ..PLAIN }));
}

#[test]
fn seeds_a_queue_that_is_dropped() {
    explore(6000, 2, || {
        run::<Seeded>(Use { wants: true, dropped_after: Some(1), lives: 3, workers: 3, ..PLAIN });
    });
}

#[test]
fn seeds_a_task_that_kills() {
    explore(3000, 0, || run::<Seeded>(Use { deadly: Some(1), items: 3, ..PLAIN }));
}

/// Under loom, cut off: none of these ends by itself before.
fn exhaust(how: Use) {
    let executions = check(1, EXECUTIONS_MAX, move || run::<Loom>(how));
    println!("{executions} executions, {:?}", how.fate);
    assert!(executions >= 1_900, "{how:?}: only {executions} executions");
}

#[test]
fn loom_a_queue() {
    for fate in [None, Some(CrashPoint::LeaseTaken), Some(CrashPoint::LeaseSettled)] {
        exhaust(Use { items: 2, lives: 1, fate, ..PLAIN });
    }
}

#[test]
fn loom_a_queue_used_again() {
    exhaust(Use { items: 1, lives: 2, ..PLAIN });
}

#[test]
fn threads_a_queue_and_its_next_life() {
    for fate in [None, Some(CrashPoint::LeaseTaken), Some(CrashPoint::LeaseSettled)] {
        for _ in 0..repeated(200) {
            run::<Threads>(Use { fate, wants: true, ..PLAIN });
        }
    }
}
