//! Workers are killed, stopped and continued on purpose: the bits are the same, and no chunk or task
//! is blamed.

mod support;

use gristmill::{Chunk, Disturbance, Engine, In, Kernel, Sum};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::processes::{state_of, wait_until};

const KILLS: usize = 5;

/// Waits in one place until it has been killed so often: each time it leaves a file with its pid.
fn wait_to_be_killed(folder: &Path, kills: usize) {
    for kill in 0..kills {
        if !sign(folder, kill).exists() {
            let draft = folder.join("draft");
            std::fs::write(&draft, std::process::id().to_string()).unwrap();
            std::fs::rename(draft, sign(folder, kill)).unwrap();
            loop {
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }
}

fn sign(folder: &Path, kill: usize) -> PathBuf {
    folder.join(format!("waits-{kill}"))
}

/// The sum; one chunk waits to be killed.
#[derive(Serialize, Deserialize)]
struct SumAfterKills {
    folder: PathBuf,
}

impl Kernel for SumAfterKills {
    type Args = In<f64>;
    type Output = Sum<f64>;

    fn run(&self, chunk: Chunk, x: &[f64]) -> f64 {
        if chunk.index() == 3 {
            wait_to_be_killed(&self.folder, KILLS);
        }
        x.iter().sum()
    }
}

/// Kills whoever waits, and everybody else, as often as somebody does.
fn kill_all(engine: &Engine, folder: &Path) {
    for kill in 0..KILLS {
        while !sign(folder, kill).exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        for rank in 0..engine.workers() {
            engine.disturb(rank, Disturbance::Kill);
        }
    }
}

fn one_attempt(workers: usize) -> Engine {
    Engine::builder().workers(workers).attempts(1).build().unwrap()
}

#[test]
fn kills_are_held_against_no_chunk() {
    for workers in [1, 3] {
        let engine = one_attempt(workers);
        let x = engine.from_fn(50_000, |i| (i as f64).sqrt()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let kernel = SumAfterKills { folder: folder.path().into() };
        let sum = std::thread::scope(|scope| {
            scope.spawn(|| kill_all(&engine, folder.path()));
            engine.run(&kernel, &x).unwrap()
        });
        let undisturbed = engine.run(&kernel, &x).unwrap();
        assert_eq!(sum.to_bits(), undisturbed.to_bits());
        let stats = engine.stats();
        assert!(stats.deaths >= KILLS as u64 && stats.poisoned == 0, "{stats:?}");
        assert!(stats.retries >= KILLS as u64, "{stats:?}");
    }
}

#[test]
fn kills_are_held_against_no_task() {
    let engine = one_attempt(2);
    let folder = tempfile::tempdir().unwrap();
    let task = |(n, folder): (u32, PathBuf)| {
        if n == 2 {
            wait_to_be_killed(&folder, KILLS);
        }
        n * n
    };
    let squares: Vec<u32> = std::thread::scope(|scope| {
        scope.spawn(|| kill_all(&engine, folder.path()));
        let params = (0..5).map(|n| (n, folder.path().to_owned()));
        engine.tasks().map(task, params).unwrap().map(Result::unwrap).collect()
    });
    assert_eq!(squares, [0, 1, 4, 9, 16]);
    assert_eq!(engine.stats().poisoned, 0);
}

#[test]
fn a_stopped_worker_goes_on_when_it_is_told_to() {
    let engine = one_attempt(1);
    let x = engine.from_fn(1000, |i| i as f64).unwrap();
    let pid = engine.tasks().map(|()| std::process::id(), [()]).unwrap().next().unwrap().unwrap();
    assert!(engine.disturb(0, Disturbance::Stop));
    let is_stopped = || state_of(pid as i32) == Some('T');
    wait_until("the worker to stop", is_stopped);
    std::thread::scope(|scope| {
        let sum = scope.spawn(|| engine.sum(&x).unwrap());
        while engine.progress().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(is_stopped());
        assert!(engine.disturb(0, Disturbance::Continue));
        assert_eq!(sum.join().unwrap(), 499_500.0);
    });
    assert_eq!(engine.stats().deaths, 0);
}

#[test]
fn there_is_nobody_beyond_the_last_rank() {
    assert!(!one_attempt(2).disturb(2, Disturbance::Kill));
}
