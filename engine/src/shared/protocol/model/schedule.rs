//! A checker that draws from a seed: which thread runs next, which of the stores that a load may
//! see it sees, and at which access a worker dies.
//!
//! Memory is `weak`'s. A death leaves a prefix of a thread's stores in program order, so what only a
//! compiler could reorder is not searched.

use super::repeated;
use super::weak::{Message, Plain, THREADS, View};
use generator::{Generator, Gn};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

const STACK_WORDS: usize = 0x4000;
/// Accesses of one schedule; beyond that nothing gets on.
const STEPS_MAX: u32 = 30_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Ready,
    /// Gave way in a wait for another.
    Yielded,
    Waits(usize),
    Ended,
    Killed,
}

pub(super) struct Thread {
    pub(super) phase: Phase,
    /// A worker; the coordinator's threads do not die.
    pub(super) mortal: bool,
    pub(super) view: View,
    /// What an Acquire fence would join.
    pub(super) loaded: View,
    /// What a Relaxed store carries.
    pub(super) released: View,
    pub(super) reaped: bool,
}

/// A thread that stalls for long before one of its accesses, as long as others can run: what it
/// takes to meet a tag again.
#[derive(Clone, Copy, Default)]
struct Nap {
    thread: usize,
    /// Counts its exchanges only.
    exchanges: bool,
    /// Accesses before it.
    after: u32,
    len: u32,
    /// The step at which it ends, once begun.
    until: u32,
}

/// One schedule.
pub(super) struct Run {
    random: u64,
    steps: u32,
    /// Steps at which whoever runs dies, if it is a worker.
    kills: Vec<u32>,
    /// Chances in 256 to change threads at an access, and to see an old store.
    switch: u64,
    pub(super) stale: u64,
    nap: Nap,
    pub(super) current: usize,
    pub(super) threads: Vec<Thread>,
    pub(super) locations: Vec<Vec<Message>>,
    pub(super) cells: Vec<Plain>,
    pub(super) common: View,
    spawned: Vec<Box<dyn FnOnce() + Send>>,
    failure: Option<String>,
}

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

pub(super) fn with<T>(f: impl FnOnce(&mut Run) -> T) -> T {
    RUN.with(|run| f(run.borrow_mut().as_mut().expect("a schedule runs")))
}

/// Before each access: perhaps another thread goes first, or this one dies here.
pub(super) fn step() {
    if with(|run| run.pass(false)) {
        suspend();
    }
}

pub(super) fn step_exchange() {
    if with(|run| run.pass(true)) {
        suspend();
    }
}

#[allow(deprecated, reason = "the scope would have to be passed through the protocol")]
fn suspend() {
    generator::yield_with(());
}

pub(super) fn give_way(phase: Phase) {
    with(|run| {
        let me = run.current;
        run.threads[me].phase = phase;
    });
    suspend();
}

impl Run {
    pub(super) fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32
    }

    pub(super) fn chance(&mut self, of_256: u64) -> bool {
        self.draw() & 255 < of_256
    }

    /// True if the current thread must stop here.
    fn pass(&mut self, exchange: bool) -> bool {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            self.failure.get_or_insert_with(|| "nothing gets on".into());
            return true;
        }
        let me = self.current;
        if self.kills.last().is_some_and(|&at| at <= self.steps) && self.threads[me].mortal {
            self.kills.pop();
            self.kill(me);
            return true;
        }
        let switch = self.switch;
        self.chance(switch) || self.nods(me, exchange)
    }

    /// Whether this thread's nap begins here.
    fn nods(&mut self, me: usize, exchange: bool) -> bool {
        let nap = &mut self.nap;
        if nap.thread != me || nap.until > 0 || nap.exchanges && !exchange {
            return false;
        }
        if nap.after > 0 {
            nap.after -= 1;
            return false;
        }
        nap.until = self.steps + nap.len;
        true
    }

    fn kill(&mut self, thread: usize) {
        self.threads[thread].phase = Phase::Killed;
        self.wake_coordinator();
    }

    /// A death is news for the coordinator, whatever it waits for.
    fn wake_coordinator(&mut self) {
        for thread in self.threads.iter_mut().filter(|thread| !thread.mortal) {
            if matches!(thread.phase, Phase::Waits(_)) {
                thread.phase = Phase::Ready;
            }
        }
    }

    pub(super) fn spawn(&mut self, mortal: bool, body: Box<dyn FnOnce() + Send>) -> usize {
        let view = self.threads.get(self.current).map_or(View::NOTHING, |parent| parent.view);
        let (loaded, released) = (view, View::NOTHING);
        let phase = Phase::Ready;
        self.threads.push(Thread { phase, mortal, view, loaded, released, reaped: false });
        assert!(self.threads.len() <= THREADS, "too many threads");
        self.spawned.push(body);
        self.threads.len() - 1
    }

    /// Whoever runs next: anybody ready, else those who gave way.
    fn choose(&mut self) -> Option<usize> {
        let nap = self.nap;
        let naps = |thread: usize| thread == nap.thread && self.steps < nap.until;
        use Phase::{Ready, Yielded};
        for (wanted, awake) in [(Ready, true), (Yielded, true), (Ready, false), (Yielded, false)] {
            let able: Vec<usize> = (0..self.threads.len())
                .filter(|&t| self.threads[t].phase == wanted && !(awake && naps(t)))
                .collect();
            if !able.is_empty() {
                let chosen = able[self.draw() as usize % able.len()];
                // Who gave way may go on once somebody else has.
                for thread in &mut self.threads {
                    if thread.phase == Phase::Yielded {
                        thread.phase = Phase::Ready;
                    }
                }
                return Some(chosen);
            }
        }
        None
    }
}

type Fiber = Generator<'static, (), ()>;

/// Runs `body` as the coordinator of the schedule `seed`, in which up to `kills` workers die within
/// the first `span` accesses; gives the number of accesses.
fn run(seed: u64, kills: u32, span: u32, body: impl FnOnce() + Send + 'static) -> u32 {
    let mut run = Run {
        random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        steps: 0,
        kills: vec![],
        switch: 0,
        stale: 0,
        nap: Nap::default(),
        current: 0,
        threads: vec![],
        locations: vec![],
        cells: vec![],
        common: View::NOTHING,
        spawned: vec![],
        failure: None,
    };
    (0..4).for_each(|_| _ = run.draw());
    run.switch = [8, 24, 64, 160][run.draw() as usize % 4];
    run.stale = [0, 32, 128][run.draw() as usize % 3];
    run.nap = Nap {
        thread: run.draw() as usize % 5,
        exchanges: run.chance(128),
        after: run.draw() as u32 % 40,
        len: 1 + run.draw() as u32 % span,
        until: 0,
    };
    run.kills = (0..kills).map(|_| 1 + run.draw() as u32 % span).collect();
    run.kills.sort_by_key(|&at| std::cmp::Reverse(at));
    run.spawn(false, Box::new(body));
    RUN.with(|cell| *cell.borrow_mut() = Some(run));
    let mut fibers: Vec<Fiber> = vec![];
    let failure = loop {
        for body in with(|run| std::mem::take(&mut run.spawned)) {
            fibers.push(Gn::new_opt(STACK_WORDS, move || guarded(body)));
        }
        let chosen = with(|run| {
            if run.failure.is_none() && run.threads[0].phase != Phase::Ended {
                run.current = run.choose()?;
                return Some(run.current);
            }
            None
        });
        let Some(chosen) = chosen else {
            break with(|run| {
                let over = run.threads[0].phase == Phase::Ended;
                run.failure.take().or_else(|| (!over).then(|| "all wait for ever".into()))
            });
        };
        fibers[chosen].resume();
        with(|run| {
            if fibers[chosen].is_done() && run.threads[chosen].phase != Phase::Killed {
                run.threads[chosen].phase = Phase::Ended;
                run.wake_coordinator();
            }
        });
    };
    drop(fibers);
    let steps = with(|run| run.steps);
    RUN.with(|cell| *cell.borrow_mut() = None);
    if let Some(failure) = failure {
        panic!("GRISTMILL_MODEL_SEED={seed},{kills},{span}: {failure}");
    }
    steps
}

fn guarded(body: Box<dyn FnOnce() + Send>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
        if payload.is::<generator::Error>() {
            std::panic::resume_unwind(payload);
        }
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string()));
        with(|run| run.failure.get_or_insert(text.unwrap_or_else(|| "a panic".into())).len());
    }
}

/// Runs `schedules` schedules of `body`, each with up to `kills` deaths. `GRISTMILL_MODEL_TIMES`
/// searches longer; `GRISTMILL_MODEL_SEED=seed,kills,span`, as a failure names them, runs one again.
pub(super) fn explore(schedules: u64, kills: u32, body: fn()) {
    if let Ok(one) = std::env::var("GRISTMILL_MODEL_SEED") {
        let numbers: Vec<u64> = one.split(',').map(|n| n.trim().parse().unwrap()).collect();
        run(numbers[0], numbers[1] as u32, numbers[2] as u32, body);
        return;
    }
    let schedules = repeated(schedules);
    let mut span = 200;
    for seed in 1..=schedules {
        let steps = run(seed, (seed % (u64::from(kills) + 1)) as u32, span, body);
        span = ((span * 7 + steps) / 8).max(20);
    }
    println!("{schedules} schedules, the last ones of some {span} accesses");
}
