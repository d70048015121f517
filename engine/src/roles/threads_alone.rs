//! What is peculiar to launches on threads: who runs them, what goes wrong and how, and what an engine
//! on threads refuses.
#![cfg(feature = "cli")]

use super::engine::Engine;
use super::placement::Pin;
use crate::compute::{Add, Chunk, In, Kernel, Max, Merge, Min, Out, Reduce, Shapes, Sum};
use crate::error::{Error, Panic};
use crate::machine::Machine;
use crate::shared::protocol::CrashPoint;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn engine(threads: usize) -> Engine {
    Engine::builder().workers(threads).pin(Pin::No).on_threads(true).build().unwrap()
}

/// In which processes chunks are run (the least and the greatest number), and on how many CPUs a
/// chunk's thread may run at most.
#[derive(Serialize, Deserialize)]
struct WhereItRuns;

impl Kernel for WhereItRuns {
    type Args = In<u8>;
    type Output = (Min<u32>, Max<u32>, Max<usize>);

    fn run(&self, _: Chunk, _: &[u8]) -> (u32, u32, usize) {
        let pid = std::process::id();
        (pid, pid, Machine::for_start(true).cpus.len())
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

#[test]
fn kernels_run_in_the_program_itself_on_threads_that_are_pinned() {
    let own = std::process::id();
    let cpus = || Machine::for_start(true).cpus.iter().map(|cpu| cpu.number).collect::<Vec<_>>();
    let before = cpus();
    let pinned = Engine::builder().workers(2).pin(Pin::Cpus(vec![before[0]])).on_threads(true);
    let engine = pinned.build().unwrap();
    let x = engine.zeros(20).unwrap();
    assert_eq!(engine.run(&WhereItRuns, &x).unwrap(), (own, own, 1));
    assert!(engine.activities().is_empty(), "there are no workers");
    assert_eq!(engine.workers(), 2);
    // The program's own threads may run where they might before.
    assert_eq!(cpus(), before);
}

/// Panics at these chunks, once it has accumulated; else it counts its indices, also in its output.
#[derive(Serialize, Deserialize)]
struct Panics {
    at: Vec<usize>,
}

impl Kernel for Panics {
    type Args = (In<u8>, Merge<u64, Add>);
    type Output = Sum<u64>;

    fn run(&self, chunk: Chunk, (x, count): (&[u8], &mut [u64])) -> u64 {
        count[0] += x.len() as u64;
        assert!(!self.at.contains(&chunk.index()), "at chunk {}", chunk.index());
        x.len() as u64
    }

    fn grain(&self, _: &Shapes) -> usize {
        10
    }
}

fn panicked(error: Error) -> Panic {
    let Error::Panicked(panic) = error else { panic!("it panicked: {error}") };
    *panic
}

#[test]
fn a_panic_is_an_error_that_names_the_first_chunk_and_the_next_launch_is_right() {
    for threads in 1..=3 {
        let engine = engine(threads);
        let (x, mut count) = (engine.zeros(1000).unwrap(), engine.zeros(1).unwrap());
        let error = engine.run(&Panics { at: vec![61, 17, 40] }, (&x, &mut count)).unwrap_err();
        let panic = panicked(error);
        assert!(panic.kernel.contains("Panics"), "{panic:?}");
        assert_eq!(panic.message, "at chunk 17");
        let place = panic.chunk.unwrap();
        assert_eq!((place.chunk, place.start, place.end), (17, 170, 180));
        assert_eq!(engine.run(&Panics { at: vec![] }, (&x, &mut count)).unwrap(), 1000);
        assert_eq!(count[0], 1000);
    }
}

/// Panics when it is combined.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
struct Picky(u32);

impl Reduce for Picky {
    fn identity() -> Picky {
        Picky(0)
    }

    fn combine(self, right: Picky) -> Picky {
        panic!("{} and {} do not go together", self.0, right.0)
    }
}

#[derive(Serialize, Deserialize)]
struct Sevens;

impl Kernel for Sevens {
    type Args = In<u32>;
    type Output = Picky;

    fn run(&self, _: Chunk, x: &[u32]) -> Picky {
        Picky(x[0])
    }
}

#[test]
fn so_is_a_panic_in_a_fold_or_a_condition() {
    let engine = engine(2);
    let x = engine.filled(10_000, 7u32).unwrap();
    let panic = panicked(engine.run(&Sevens, &x).map(|_| ()).unwrap_err());
    assert_eq!((panic.message.as_str(), panic.chunk), ("7 and 7 do not go together", None));
    let looped = engine.plan(|p| {
        p.repeat(3, |p| p.until(1u32, |one| panic!("no {one}")));
    });
    let panic = panicked(looped.unwrap_err());
    assert_eq!((panic.message.as_str(), panic.chunk), ("no 1", None));
    assert_eq!(panic.kernel, "a condition of the plan");
}

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Counts its indices, and lets rayon run other chunks on its thread meanwhile; yields how many were
/// being run there at once, at most.
#[derive(Serialize, Deserialize)]
struct Yields;

impl Kernel for Yields {
    type Args = (In<u8>, Merge<u64, Add>);
    type Output = Max<usize>;

    fn run(&self, _: Chunk, (x, count): (&[u8], &mut [u64])) -> usize {
        DEPTH.set(DEPTH.get() + 1);
        let (depth, before) = (DEPTH.get(), count[0]);
        rayon::yield_now();
        assert_eq!(count[0], before, "nobody else has this accumulator");
        count[0] += x.len() as u64;
        DEPTH.set(depth - 1);
        depth
    }

    fn grain(&self, _: &Shapes) -> usize {
        50
    }
}

#[test]
fn a_thread_may_come_to_another_chunk_in_the_midst_of_one() {
    for threads in 1..=3 {
        let engine = engine(threads);
        let (x, mut count) = (engine.filled(20_000, 1u8).unwrap(), engine.zeros(1).unwrap());
        let depth = engine.run(&Yields, (&x, &mut count)).unwrap();
        assert_eq!(count[0], 20_000);
        assert!(depth > 1, "with {threads} threads");
    }
}

static ASKED: OnceLock<Engine> = OnceLock::new();

/// Asks an engine for an array and a sum; counts the refusals.
#[derive(Serialize, Deserialize)]
struct Asks;

impl Kernel for Asks {
    type Args = In<f64>;
    type Output = Sum<u64>;

    fn run(&self, _: Chunk, _: &[f64]) -> u64 {
        let engine = ASKED.get().expect("it is set before the launch");
        let array = engine.zeros::<f64, _>(10);
        u64::from(matches!(array, Err(Error::InsideWorker)))
            + u64::from(matches!(engine.plan(|_| ()), Err(Error::InsideWorker)))
    }

    fn grain(&self, _: &Shapes) -> usize {
        100
    }
}

#[test]
fn a_launch_within_a_launch_is_refused() {
    let engine = ASKED.get_or_init(|| engine(2));
    let x = engine.zeros(300).unwrap();
    assert_eq!(engine.run(&Asks, &x).unwrap(), 6);
}

static HAS_BEGUN: AtomicBool = AtomicBool::new(false);
static MAY_END: AtomicBool = AtomicBool::new(false);

/// Says that it has begun, and waits until it may end.
#[derive(Serialize, Deserialize)]
struct Waits;

impl Kernel for Waits {
    type Args = Out<u8>;
    type Output = ();

    fn run(&self, _: Chunk, x: &mut [u8]) {
        HAS_BEGUN.store(true, Ordering::SeqCst);
        while !MAY_END.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_micros(100));
        }
        x.fill(1);
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

#[test]
fn a_launch_can_be_cancelled_after_the_chunks_in_flight() {
    let engine = engine(2);
    let mut x = engine.zeros(100).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !HAS_BEGUN.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_micros(100));
            }
            engine.cancel();
            MAY_END.store(true, Ordering::SeqCst);
        });
        assert!(matches!(engine.run(&Waits, &mut x), Err(Error::Cancelled)));
    });
    let done: usize = x.as_slice().iter().map(|x| usize::from(*x)).sum();
    assert!((1..=2).contains(&done), "{done} chunks");
    engine.run(&Waits, &mut x).unwrap();
    assert_eq!(x.as_slice(), [1; 100]);
}

#[test]
fn what_takes_workers_is_refused() {
    let engine = engine(1);
    let tasks = engine.tasks().map(|x: u64| x + 1, [1u64, 2]);
    let refused = match tasks {
        Err(error) => error,
        Ok(mut results) => results.next().expect("an answer").map(|_| ()).unwrap_err(),
    };
    assert!(refused.to_string().contains("runs its launches on threads"), "{refused}");
    let none = Engine::builder().workers(0).on_threads(true).build().unwrap();
    assert!(matches!(
        none.plan(|p| p.repeat(1, |p| p.until(1, |_| true)).0),
        Err(Error::NoWorkers { .. })
    ));
    let on_threads = || Engine::builder().workers(1).on_threads(true);
    for builder in [
        on_threads().fence(true),
        on_threads().deadline(Duration::from_secs(1)),
        on_threads().worker_memory(1 << 30),
        on_threads().crash_at(CrashPoint::Marked),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains("an engine on threads has no workers"), "{error}");
    }
}
