//! Kernels and fuses that several tests of processes share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses some of it")]

pub mod processes;
pub mod stepping;

use gristmill::{Chunk, Engine, In, InOut, Kernel, MergeOp, Out, Portable, Sum};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Kills the process that burns it, once: whoever creates its file first dies by SIGKILL.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fuse {
    path: PathBuf,
    /// How many times it goes off.
    times: u32,
}

impl Fuse {
    pub fn new(folder: &tempfile::TempDir, name: &str) -> Fuse {
        Fuse::of_times(folder, name, 1)
    }

    pub fn of_times(folder: &tempfile::TempDir, name: &str, times: u32) -> Fuse {
        Fuse { path: folder.path().join(name), times }
    }

    /// Dies if it has not gone off often enough yet.
    pub fn burn(&self) {
        for time in 0..self.times {
            let file = self.path.with_extension(time.to_string());
            if std::fs::OpenOptions::new().write(true).create_new(true).open(file).is_ok() {
                die();
            }
        }
    }

    /// Makes it new, and leaves no file behind.
    pub fn renew(&self) {
        for time in 0..self.times {
            let _ = std::fs::remove_file(self.path.with_extension(time.to_string()));
        }
    }

    /// How often it has gone off.
    pub fn burnt(&self) -> u32 {
        let gone = |time: &u32| self.path.with_extension(time.to_string()).exists();
        (0..self.times).filter(gone).count() as u32
    }
}

/// Dies by SIGKILL, as if from outside.
pub fn die() -> ! {
    let own = nix::unistd::Pid::this();
    let _ = nix::sys::signal::kill(own, nix::sys::signal::Signal::SIGKILL);
    unreachable!("SIGKILL cannot be survived")
}

/// Is written, but not read back: postcard knows no skipped fields.
#[derive(Debug, Serialize, Deserialize)]
pub struct Skipping {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maybe: Option<u8>,
    pub other: u8,
}

/// The result of one task.
pub fn run_task<A: Portable, R: Portable>(
    engine: &Engine,
    task: impl Fn(A) -> R + Copy + Send + Sync + 'static,
    args: A,
) -> R {
    engine.tasks().map(task, [args]).unwrap().next().unwrap().unwrap()
}

pub fn engine(workers: usize) -> Engine {
    Engine::builder().workers(workers).build().unwrap()
}

/// y = 3 x + 1, and dies in the middle of one chunk.
#[derive(Serialize, Deserialize)]
pub struct MapWithFuse {
    pub fuse: Fuse,
    pub chunk: usize,
}

impl Kernel for MapWithFuse {
    type Args = (In<f64>, Out<f64>);
    type Output = ();

    fn run(&self, chunk: Chunk, (x, y): (&[f64], &mut [f64])) {
        for (i, (x, y)) in x.iter().zip(y).enumerate() {
            if i == chunk.len() / 2 && chunk.index() == self.chunk {
                self.fuse.burn();
            }
            *y = 3.0 * x + 1.0;
        }
    }
}

/// x = x / 3 + 1 in place, and dies in the middle of one chunk.
#[derive(Serialize, Deserialize)]
pub struct UpdateWithFuse {
    pub fuse: Fuse,
    pub chunk: usize,
}

impl Kernel for UpdateWithFuse {
    type Args = InOut<f64>;
    type Output = Sum<f64>;

    fn run(&self, chunk: Chunk, x: &mut [f64]) -> f64 {
        let middle = x.len() / 2;
        let mut sum = 0.0;
        for (i, x) in x.iter_mut().enumerate() {
            if i == middle && chunk.index() == self.chunk {
                self.fuse.burn();
            }
            *x = *x / 3.0 + 1.0;
            sum += *x;
        }
        sum
    }
}

/// The sum, and dies at the end of one chunk.
#[derive(Serialize, Deserialize)]
pub struct SumWithFuse {
    pub fuse: Fuse,
    pub chunk: usize,
}

impl Kernel for SumWithFuse {
    type Args = In<f64>;
    type Output = Sum<f64>;

    fn run(&self, chunk: Chunk, x: &[f64]) -> f64 {
        let sum = x.iter().sum();
        if chunk.index() == self.chunk {
            self.fuse.burn();
        }
        sum
    }
}

/// Adds, and dies in the middle of a merge that meets one of the numbers from [`MERGE_FUSES`] on,
/// if that number's fuse has not burnt yet. A merge has no parameters, so what it meets must say
/// all.
#[derive(Debug)]
pub struct AddWithFuse;

/// More than any count of the tests.
pub const MERGE_FUSES: u64 = 1_000_000;

/// The fuse of one such number, in the workers of the process `coordinator`.
pub fn merge_fuse(coordinator: u32, number: u64) -> Fuse {
    let name = format!("gristmill-test-merge-{coordinator}-{number}");
    Fuse { path: std::env::temp_dir().join(name), times: 1 }
}

impl MergeOp<u64> for AddWithFuse {
    const EXACT: bool = true;

    fn identity() -> u64 {
        0
    }

    fn merge(into: &mut u64, from: u64) {
        *into += from;
        // The rest of the cell is merged by now.
        if from >= MERGE_FUSES {
            merge_fuse(std::os::unix::process::parent_id(), from).burn();
        }
    }
}

/// Where this process has mapped the region's first page, a guard page: once, or twice with fences.
pub fn mappings_of_the_region() -> Vec<usize> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let first = maps.lines().filter(|line| line.contains("memfd:gristmill"));
    let starts = first.filter_map(|line| {
        let mut words = line.split_whitespace();
        let (range, access, offset) = (words.next()?, words.next()?, words.next()?);
        let start = usize::from_str_radix(range.split('-').next()?, 16).ok()?;
        // The reservation of addresses begins with page 0 as well, and can be read.
        let is_guard = access.starts_with("---") && usize::from_str_radix(offset, 16) == Ok(0);
        is_guard.then_some(start)
    });
    starts.collect()
}
