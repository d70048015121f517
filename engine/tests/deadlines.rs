//! Whatever hangs is ended after its deadline and tried again: chunks, folds, merges and tasks; and
//! workers that are stopped. Who waits for them is not.

mod support;

use gristmill::{
    Activity, Cause, Chunk, DeathRecord, Disturbance, Engine, Error, In, InOut, Kernel, Merge,
    MergeOp, Out, Reduce, Sum, TaskFailure,
};
use serde::{Deserialize, Serialize};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::processes::{part, state_of, this_binary, wait_until};

const N: usize = 20_000;
const DEADLINE: Duration = Duration::from_millis(200);

fn engine(workers: usize) -> Engine {
    Engine::builder().workers(workers).deadline(DEADLINE).build().unwrap()
}

fn hang() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Hangs the first time.
fn hang_once(sign: &Path) {
    if std::fs::OpenOptions::new().write(true).create_new(true).open(sign).is_ok() {
        hang();
    }
}

fn assert_over_the_deadline(death: &DeathRecord) {
    let Cause::Deadline { limit, ran } = death.cause else { panic!("{death}") };
    assert!(limit == DEADLINE && ran > limit, "{death}");
    let said = death.to_string();
    assert!(said.contains("was ended at its deadline of 0.2 s, after "), "{said}");
}

/// y = 2 x, and never gets beyond one chunk.
#[derive(Serialize, Deserialize)]
struct Endless {
    chunk: usize,
}

impl Kernel for Endless {
    type Args = (In<f64>, Out<f64>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, y): (&[f64], &mut [f64])) {
        // Without a system call: a loop that nothing interrupts.
        while chunk.index() == self.chunk {
            std::hint::spin_loop();
        }
        x.iter().zip(y).for_each(|(x, y)| *y = 2.0 * x);
    }
}

#[test]
fn an_infinite_loop_is_set_aside_and_all_else_is_done() {
    for workers in [1, 3] {
        let engine = Engine::builder().workers(workers).attempts(2).deadline(DEADLINE);
        let engine = engine.build().unwrap();
        let x = engine.from_fn(N, |i| i as f64).unwrap();
        let mut y = engine.zeros(N).unwrap();
        let Err(Error::Poisoned(poisoned)) = engine.run(&Endless { chunk: 7 }, (&x, &mut y)) else {
            panic!("it came to an end")
        };
        let [chunk] = &poisoned.chunks[..] else { panic!("{poisoned}") };
        assert_eq!((chunk.place.chunk, chunk.deaths.len()), (7, 2));
        chunk.deaths.iter().for_each(assert_over_the_deadline);
        for (i, (x, y)) in x.as_slice().iter().zip(y.as_slice()).enumerate() {
            assert!((chunk.place.start..chunk.place.end).contains(&i) || *y == 2.0 * x);
        }
        assert_eq!(engine.stats().deaths, 2);
    }
}

/// x = x / 3 + 1 in place; hangs once in the middle of a chunk.
#[derive(Serialize, Deserialize)]
struct UpdateAfterHang {
    sign: PathBuf,
}

impl Kernel for UpdateAfterHang {
    type Args = InOut<f64>;
    type Output = Sum<f64>;

    fn run(&self, chunk: Chunk, x: &mut [f64]) -> f64 {
        let middle = x.len() / 2;
        for (i, x) in x.iter_mut().enumerate() {
            if chunk.index() == 5 && i == middle {
                hang_once(&self.sign);
            }
            *x = *x / 3.0 + 1.0;
        }
        x.iter().sum()
    }
}

#[test]
fn what_hangs_once_costs_a_retry() {
    let folder = tempfile::tempdir().unwrap();
    for workers in [1, 2] {
        let engine = engine(workers);
        let mut x = engine.from_fn(N, |i| i as f64).unwrap();
        let sign = folder.path().join(format!("update-{workers}"));
        engine.run(&UpdateAfterHang { sign }, &mut x).unwrap();
        assert!((0..N).all(|i| x.as_slice()[i] == i as f64 / 3.0 + 1.0));
        assert_eq!((engine.stats().deaths, engine.stats().retries), (1, 1));
    }
}

/// The greatest number; never gets beyond a pair with a 13 in it.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
struct NoThirteen(u32);

impl Reduce for NoThirteen {
    fn identity() -> NoThirteen {
        NoThirteen(0)
    }

    fn combine(self, right: NoThirteen) -> NoThirteen {
        // Not within a chunk, where the left one is the identity or has been combined before.
        if self.0 == 13 {
            hang();
        }
        NoThirteen(self.0.max(right.0))
    }
}

#[test]
fn a_fold_that_hangs_ends_the_launch() {
    let engine = Engine::builder().workers(2).attempts(2).deadline(DEADLINE).build().unwrap();
    let x = engine.filled(N, 13u32).unwrap();
    // Each chunk gives 13, and only the fold combines that with anything.
    let Err(Error::FoldDied { attempts: 2, last, .. }) = engine.run(&Thirteen, &x) else {
        panic!("it came to an end")
    };
    assert_over_the_deadline(&last);
    assert_eq!(engine.sum(&x).unwrap(), 13 * N as u64, "the engine is as good as new");
}

#[derive(Serialize, Deserialize)]
struct Thirteen;

impl Kernel for Thirteen {
    type Args = In<u32>;
    type Output = NoThirteen;

    fn run(&self, _: Chunk, x: &[u32]) -> NoThirteen {
        NoThirteen(x[0])
    }
}

/// Adds; hangs once in a merge that meets so large a number.
#[derive(Debug)]
struct AddAfterHang;

const HANGS: u64 = 1_000_000;

fn merge_sign(coordinator: u32) -> PathBuf {
    std::env::temp_dir().join(format!("gristmill-test-merge-hang-{coordinator}"))
}

impl MergeOp<u64> for AddAfterHang {
    const EXACT: bool = true;

    fn identity() -> u64 {
        0
    }

    fn merge(into: &mut u64, from: u64) {
        if from >= HANGS {
            hang_once(&merge_sign(std::os::unix::process::parent_id()));
        }
        *into += from;
    }
}

/// Sums everything into a cell; with each chunk a while passes, so that many merge at once.
#[derive(Serialize, Deserialize)]
struct SumInCell;

impl Kernel for SumInCell {
    type Args = (In<u64>, Merge<u64, AddAfterHang>);
    type Output = ();

    fn run(&self, _: Chunk, (x, cell): (&[u64], &mut [u64])) {
        std::thread::sleep(Duration::from_millis(1));
        cell[0] += x.iter().sum::<u64>();
    }
}

#[test]
fn a_merge_that_hangs_is_ended_and_not_those_who_wait_for_its_lock() {
    let sign = merge_sign(std::process::id());
    let _ = std::fs::remove_file(&sign);
    let engine = engine(3);
    let x = engine.from_fn(N, |i| HANGS * u64::from(i == N / 2)).unwrap();
    let mut cell = engine.zeros(1).unwrap();
    engine.run(&SumInCell, (&x, &mut cell)).unwrap();
    assert_eq!(cell.as_slice(), [HANGS]);
    assert!(sign.exists());
    std::fs::remove_file(&sign).unwrap();
    assert_eq!(engine.stats().deaths, 1);
}

#[test]
fn a_task_that_hangs_fails_alone() {
    let engine = Engine::builder().workers(2).attempts(2).deadline(DEADLINE).build().unwrap();
    let task = |n: u32| if n == 3 { hang() } else { n * n };
    let results: Vec<_> = engine.tasks().map(task, 0..6).unwrap().collect();
    for (n, result) in results.into_iter().enumerate() {
        match result {
            Ok(square) => assert_eq!(square as usize, n * n),
            Err(Error::Task { index: 3, reason: TaskFailure::Died(deaths), .. }) => {
                assert_eq!(deaths.len(), 2);
                deaths.iter().for_each(assert_over_the_deadline);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn tasks_may_have_a_deadline_of_their_own() {
    let engine = Engine::builder().workers(1).attempts(1).build().unwrap();
    let task = |n: u32| if n == 0 { hang() } else { n };
    let tasks = engine.tasks().deadline(Some(DEADLINE));
    let results: Vec<bool> = tasks.map(task, 0..3).unwrap().map(|r| r.is_ok()).collect();
    assert_eq!(results, [false, true, true]);
}

#[test]
fn a_launch_has_the_deadline_of_its_time() {
    let engine = Engine::builder().workers(2).attempts(1).build().unwrap();
    let x = engine.from_fn(N, |i| i as f64).unwrap();
    let mut y = engine.zeros(N).unwrap();
    assert_eq!(engine.deadline(), None);
    engine.set_deadline(Some(DEADLINE));
    assert!(engine.run(&Endless { chunk: 0 }, (&x, &mut y)).is_err());
    engine.set_deadline(None);
    engine.run(&Endless { chunk: usize::MAX }, (&x, &mut y)).unwrap();
}

/// Leaves a file when it begins, and ends when another is there.
fn wait_for_leave(folder: &Path) {
    std::fs::write(folder.join("begun"), "").unwrap();
    wait_until("leave", || folder.join("leave").exists());
}

/// The sum; one chunk waits for leave.
#[derive(Serialize, Deserialize)]
struct SumWithLeave {
    folder: PathBuf,
}

impl Kernel for SumWithLeave {
    type Args = In<f64>;
    type Output = Sum<f64>;

    fn run(&self, chunk: Chunk, x: &[f64]) -> f64 {
        if chunk.index() == 3 {
            wait_for_leave(&self.folder);
        }
        x.iter().sum()
    }
}

#[test]
fn a_worker_that_is_stopped_holds_nothing_up() {
    for workers in [1, 3] {
        let engine = engine(workers);
        let x = engine.from_fn(N, |i| i as f64).unwrap();
        let sum = engine.sum(&x).unwrap();
        // At rest, where nobody minds; then something is to do, by all or by one of them.
        for rank in 0..workers {
            assert!(engine.disturb(rank, Disturbance::Stop));
        }
        assert_eq!(engine.sum(&x).unwrap(), sum);
        for rank in 0..workers {
            // Of whom was ended the replacement may still be to come.
            wait_until("a worker to stop", || engine.disturb(rank, Disturbance::Stop));
        }
        let doubled = engine.tasks().map(|n: u32| 2 * n, 0..9).unwrap();
        assert!(doubled.map(Result::unwrap).eq((0..9).map(|n| 2 * n)));
        // While it starts, which may take much longer than the deadline, but not by standing still.
        stop_while_it_starts(&engine, 0);
        let started = Instant::now();
        assert_eq!(engine.sum(&x).unwrap(), sum);
        assert!(started.elapsed() < Duration::from_secs(30), "it was given the time of a start");
        assert_eq!(engine.stats().poisoned, 0);
    }
}

/// Kills the worker of a rank and stops its replacement before that has come as far as the protocol.
fn stop_while_it_starts(engine: &Engine, rank: usize) {
    let worker = || engine.activities().swap_remove(rank);
    loop {
        let killed = worker().pid;
        engine.disturb(rank, Disturbance::Kill);
        wait_until("a replacement", || ![None, killed].contains(&worker().pid));
        let pid = worker().pid.unwrap();
        engine.disturb(rank, Disturbance::Stop);
        wait_until("a worker to stop", || state_of(pid) == Some('T'));
        if worker().activity == Activity::Starting {
            return;
        }
    }
}

#[test]
fn a_worker_that_is_stopped_in_a_chunk_or_task_is_ended() {
    let engine = engine(1);
    let x = engine.from_fn(N, |i| i as f64).unwrap();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let stop_and_let_go = |folder: &Path| {
        wait_until("the begin", || folder.join("begun").exists());
        engine.disturb(0, Disturbance::Stop);
        // Whoever is stopped does not see it; the one after it does.
        std::fs::write(folder.join("leave"), "").unwrap();
    };
    std::thread::scope(|scope| {
        scope.spawn(|| stop_and_let_go(folders[0].path()));
        engine.run(&SumWithLeave { folder: folders[0].path().into() }, &x).unwrap();
        scope.spawn(|| stop_and_let_go(folders[1].path()));
        let task = |folder: PathBuf| wait_for_leave(&folder);
        let mut tasks = engine.tasks().map(task, [folders[1].path().to_owned()]).unwrap();
        tasks.next().unwrap().unwrap();
    });
}

#[test]
fn without_a_deadline_one_can_see_who_is_at_what_for_how_long() {
    let engine = Engine::builder().workers(2).build().unwrap();
    let x = engine.from_fn(N, |i| i as f64).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let kernel = SumWithLeave { folder: folder.path().into() };
    let long = Duration::from_millis(50);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| engine.run(&kernel, &x).unwrap());
        let mut seen = None;
        wait_until("a worker that is long at a chunk", || {
            let workers = engine.activities().into_iter();
            let mut at_chunks = workers.filter(|worker| {
                matches!(worker.activity, Activity::Chunk { .. }) && worker.since > long
            });
            seen = at_chunks.next();
            seen.is_some()
        });
        let worker = seen.unwrap();
        let Activity::Chunk { kernel, place } = &worker.activity else { unreachable!() };
        assert!(kernel.contains("SumWithLeave") && place.chunk == 3, "{worker:?}");
        let name = std::fs::read(format!("/proc/{}/cmdline", worker.pid.unwrap())).unwrap();
        assert!(name.starts_with(format!("gristmill worker {}", worker.rank).as_bytes()));
        std::fs::write(folder.path().join("leave"), "").unwrap();
        run.join().unwrap();
    });
    wait_until("the end of all work", || {
        engine.activities().iter().all(|worker| worker.activity == Activity::Idle)
    });
}

/// What the program below does: a chunk that waits for leave, under a deadline.
fn run_under_a_deadline(folder: &str) {
    let engine = Engine::builder().workers(2).deadline(Duration::from_secs(1)).build().unwrap();
    let x = engine.from_fn(N, |i| i as f64).unwrap();
    engine.run(&SumWithLeave { folder: folder.into() }, &x).unwrap();
    assert_eq!(engine.stats().deaths, 0);
}

#[test]
fn time_in_which_the_whole_program_was_stopped_does_not_count() {
    if let Some(folder) = part() {
        return run_under_a_deadline(&folder);
    }
    use nix::sys::signal::{Signal, killpg};
    let folder = tempfile::tempdir().unwrap();
    let test = "time_in_which_the_whole_program_was_stopped_does_not_count";
    let mut program = this_binary(test, folder.path().to_str().unwrap());
    let mut program = program.process_group(0).spawn().unwrap();
    wait_until("the begin", || folder.path().join("begun").exists());
    let group = nix::unistd::Pid::from_raw(program.id() as i32);
    killpg(group, Signal::SIGSTOP).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    std::fs::write(folder.path().join("leave"), "").unwrap();
    killpg(group, Signal::SIGCONT).unwrap();
    assert!(program.wait().unwrap().success());
}

#[test]
fn no_time_at_all_is_no_deadline() {
    let refused = Engine::builder().workers(1).deadline(Duration::ZERO).build();
    assert!(matches!(refused, Err(Error::TooSmall { asked: 0, .. })));
}
