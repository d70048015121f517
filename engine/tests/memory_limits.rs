//! Workers that want too much memory: at their own limit, and at that of their cgroup.

mod support;

use gristmill::{
    Cause, Chunk, DeathRecord, Disturbance, Engine, Error, In, Kernel, Out, TaskFailure,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use support::processes::skipped;

const N: usize = 20_000;
const MIB: usize = 1 << 20;

/// y = 2 x; one chunk wants so many bytes more and writes to all of them, if it is given them.
#[derive(Serialize, Deserialize)]
struct Greedy {
    chunk: usize,
    bytes: usize,
}

impl Kernel for Greedy {
    type Args = (In<f64>, Out<f64>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, y): (&[f64], &mut [f64])) {
        if chunk.index() == self.chunk {
            std::hint::black_box(vec![1u8; self.bytes]);
        }
        x.iter().zip(y).for_each(|(x, y)| *y = 2.0 * x);
    }
}

/// The deaths of a greedy chunk, once all others have been found done.
fn deaths_of_greed(engine: &Engine, bytes: usize) -> Vec<DeathRecord> {
    let x = engine.from_fn(N, |i| i as f64).unwrap();
    let mut y = engine.zeros(N).unwrap();
    let run = engine.run(&Greedy { chunk: 4, bytes }, (&x, &mut y));
    let Err(Error::Poisoned(mut poisoned)) = run else { panic!("{run:?}") };
    let chunk = poisoned.chunks.remove(0);
    assert!(poisoned.chunks.is_empty() && chunk.place.chunk == 4);
    for (i, (x, y)) in x.as_slice().iter().zip(y.as_slice()).enumerate() {
        assert!((chunk.place.start..chunk.place.end).contains(&i) || *y == 2.0 * x);
    }
    chunk.deaths
}

#[test]
fn a_chunk_that_wants_more_than_a_worker_may_have_is_set_aside() {
    let limit = 256 * MIB as u64;
    let engine = Engine::builder().workers(2).attempts(2).worker_memory(limit).build().unwrap();
    let deaths = deaths_of_greed(&engine, 10_000 * MIB);
    assert_eq!(deaths.len(), 2);
    for death in deaths {
        let (bytes, limit_bytes) = (10_000 * MIB as u64, Some(limit));
        assert_eq!(death.cause, Cause::AllocationFailed { bytes, limit_bytes });
        let said = death.to_string();
        let numbers = "could not have 10485760000 bytes more, as it may have 268435456 bytes";
        assert!(said.contains(numbers), "{said}");
    }
    // The engine is as good as new, and arrays do not count.
    let x = engine.filled(40 * MIB, 1u8).unwrap();
    assert_eq!(engine.sum(&x).unwrap(), 40 * MIB as u64);
}

/// y = 2 x, and 8 MiB are never given back.
#[derive(Serialize, Deserialize)]
struct Leaky;

impl Kernel for Leaky {
    type Args = (In<f64>, Out<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (x, y): (&[f64], &mut [f64])) {
        std::mem::forget(std::hint::black_box(Vec::<u8>::with_capacity(8 * MIB)));
        x.iter().zip(y).for_each(|(x, y)| *y = 2.0 * x);
    }
}

#[test]
fn a_leak_costs_a_retry() {
    let engine = Engine::builder().workers(1).worker_memory(128 * MIB as u64).build().unwrap();
    let x = engine.from_fn(N, |i| i as f64).unwrap();
    let mut y = engine.zeros(N).unwrap();
    engine.run(&Leaky, (&x, &mut y)).unwrap();
    assert!(x.as_slice().iter().zip(y.as_slice()).all(|(x, y)| *y == 2.0 * x));
    let stats = engine.stats();
    assert!(stats.deaths > 1 && stats.poisoned == 0, "{stats:?}");
    assert_eq!(stats.deaths, stats.retries);
}

#[test]
fn a_limit_that_leaves_no_worker_alive_is_refused() {
    let refused = Engine::builder().workers(1).worker_memory(1 << 20).build();
    let Err(Error::TooSmall { asked: 1_048_576, least: 16_777_216, .. }) = refused else {
        panic!("{refused:?}")
    };
}

#[test]
fn the_most_memory_in_use_is_told() {
    // More in the coordinator than in the worker, from which the system does not tell it.
    let own = std::hint::black_box(vec![1u8; 700 * MIB]);
    let engine = Engine::builder().workers(1).attempts(1).build().unwrap();
    let task = |bytes: usize| {
        std::hint::black_box(vec![1u8; bytes]);
        std::process::abort()
    };
    let death = deaths_of_task(&engine, task, 400 * MIB).remove(0);
    let peak = death.peak_bytes.unwrap();
    assert!((400 * MIB as u64..600 * MIB as u64).contains(&peak), "{peak}");
    drop(own);
    // Long enough for the memory to be touched, however busy the machine is.
    let deadline = Some(std::time::Duration::from_secs(3));
    let hang = |bytes: usize| {
        std::hint::black_box(vec![1u8; bytes]);
        std::thread::sleep(std::time::Duration::from_secs(1000));
    };
    let result = engine.tasks().deadline(deadline).map(hang, [100 * MIB]).unwrap().next();
    let Some(Err(Error::Task { reason: TaskFailure::Died(deaths), .. })) = result else {
        panic!("{result:?}")
    };
    let peak = deaths[0].peak_bytes.unwrap();
    assert!((100 * MIB as u64..200 * MIB as u64).contains(&peak), "{peak}");
}

/// What a task dies of, each time.
fn deaths_of_task<P: gristmill::Portable, F>(engine: &Engine, task: F, param: P) -> Vec<DeathRecord>
where
    F: Fn(P) + Copy + Send + Sync + 'static,
{
    let result = engine.tasks().map(task, [param]).unwrap().next().unwrap();
    let Err(Error::Task { reason: TaskFailure::Died(deaths), .. }) = result else {
        panic!("{result:?}")
    };
    deaths
}

fn of_own_process(file: &str) -> String {
    std::fs::read_to_string(format!("/proc/self/{file}")).unwrap()
}

fn in_a_worker<R: gristmill::Portable, F>(engine: &Engine, task: F) -> R
where
    F: Fn(()) -> R + Copy + Send + Sync + 'static,
{
    engine.tasks().map(task, [()]).unwrap().next().unwrap().unwrap()
}

#[test]
fn workers_are_offered_to_the_oom_killer_before_their_coordinator() {
    let engine = Engine::builder().workers(1).build().unwrap();
    let score = |()| of_own_process("oom_score_adj").trim().parse::<i32>().unwrap();
    let (own, workers) = (score(()), in_a_worker(&engine, score));
    assert_eq!(workers, (own + 300).min(1000));
}

/// The limit on core dumps, and whether the region is left out of them.
fn dumps((): ()) -> (String, bool) {
    let limits = of_own_process("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let maps = of_own_process("smaps");
    let region = maps.split_once("memfd:gristmill").unwrap().1;
    let flags = region.lines().find(|line| line.starts_with("VmFlags:")).unwrap();
    let soft = core.split_whitespace().nth(4).unwrap();
    (soft.into(), flags.split_whitespace().any(|flag| flag == "dd"))
}

#[test]
fn there_are_core_dumps_with_the_region_if_they_are_asked_for() {
    let engine = Engine::builder().workers(1).build().unwrap();
    assert_eq!(in_a_worker(&engine, dumps), ("0".into(), true));
    drop(engine);
    let engine = Engine::builder().workers(1).core_dumps(true).build().unwrap();
    let limits = of_own_process("limits");
    let own = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let own = own.split_whitespace().nth(4).unwrap();
    assert_eq!(in_a_worker(&engine, dumps), (own.into(), false));
}

/// A memory cgroup with a limit, removed when dropped.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// None where this process may not make one, or its swap cannot be kept out of it.
    fn new(test: &str, limit: usize) -> Option<MemoryGroup> {
        let name = format!("gristmill-test-{}-{test}", std::process::id());
        let [v1, v2] = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"].map(Path::new);
        let is_v1 = v1.join("memory.limit_in_bytes").exists();
        let group = MemoryGroup(if is_v1 { v1 } else { v2 }.join(name));
        std::fs::create_dir(&group.0).ok()?;
        let file = if is_v1 { "memory.limit_in_bytes" } else { "memory.max" };
        std::fs::write(group.0.join(file), limit.to_string()).ok()?;
        let swap = std::fs::read_to_string("/proc/swaps").ok()?;
        (swap.lines().count() == 1).then_some(group)
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

const GROUP: &str = "GRISTMILL_TEST_CGROUP";

/// Runs a test once more as a program of its own, in a cgroup with 300 MiB of memory; there it is
/// given the group.
fn in_a_group(test: &str, part: impl FnOnce()) {
    if let Ok(group) = std::env::var(GROUP) {
        let own = std::process::id().to_string();
        std::fs::write(Path::new(&group).join("cgroup.procs"), own).unwrap();
        return part();
    }
    let Some(group) = MemoryGroup::new(test, 300 * MIB) else {
        return skipped("it takes root, a memory cgroup, and a machine without swap");
    };
    let program = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(GROUP, &group.0)
        .status();
    assert!(program.unwrap().success());
}

#[test]
fn a_worker_that_the_kernel_kills_for_want_of_memory_is_told_as_that() {
    in_a_group("a_worker_that_the_kernel_kills_for_want_of_memory_is_told_as_that", || {
        let engine = Engine::builder().workers(2).attempts(2).build().unwrap();
        let deaths = deaths_of_greed(&engine, 400 * MIB);
        assert_eq!(deaths.len(), 2);
        for death in deaths {
            assert_eq!(death.cause, Cause::OutOfMemory { in_cgroup: true }, "{death}");
        }
    });
}

#[test]
fn somebody_elses_want_of_memory_explains_no_death_of_ours() {
    in_a_group("somebody_elses_want_of_memory_explains_no_death_of_ours", || {
        let engine = Engine::builder().workers(1).attempts(2).build().unwrap();
        // It keeps the last lines, of which the first never ends.
        let other = std::process::Command::new("tail").arg("/dev/zero").status().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&other), Some(libc::SIGKILL));
        // Any death makes the engine read the counts again, and so does time.
        engine.disturb(0, Disturbance::Kill);
        engine.sum(&engine.filled(1000, 1.0).unwrap()).unwrap();
        for death in deaths_of_task(&engine, |()| support::die(), ()) {
            assert!(matches!(death.cause, Cause::Signal { number: libc::SIGKILL, .. }), "{death}");
        }
    });
}
