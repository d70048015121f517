//! What a study came to, for programs to read: scale.json. Tables, pictures and the page are made
//! of this alone, so a study can be shown again on another machine.
//!
//! Times are in seconds, rates in units per second, shares from 0 to 1.

use super::estimate::Estimate;
use crate::batch::Work;
use serde::{Deserialize, Serialize};

/// What this document is, and its version.
pub const SCHEMA: &str = "gristmill scale 1";

/// A whole study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of the engine.
    pub engine: String,
    /// When it began, in UTC, such as `2026-11-28T10:46:17Z`.
    pub begun: String,
    /// Where it ran.
    pub machine: StudiedMachine,
    /// How it was measured.
    pub method: Method,
    /// What the machine can do at most, for each number of workers.
    pub roofs: Vec<Roof>,
    /// One for each workload, size and runtime.
    pub curves: Vec<Curve>,
    /// What is wrong with the machine or the study as a whole, each with its evidence, in words.
    pub findings: Vec<String>,
}

/// The machine of a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudiedMachine {
    /// The processor's own name.
    pub cpu: String,
    /// Such as `x86_64`.
    pub architecture: String,
    /// The Linux kernel's release.
    pub linux: String,
    /// The CPUs that workers may be pinned to, physical cores first: the order of pinning.
    pub cpus: Vec<usize>,
    /// Physical cores among them.
    pub cores: usize,
    /// NUMA nodes.
    pub nodes: usize,
    /// Bytes of the last caches of these CPUs, together.
    pub last_cache_bytes: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Whether the CPU says that it is a virtual one.
    pub is_virtual: bool,
}

/// How a study was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// What stays the same while workers become more.
    pub scaling: Scaling,
    /// The width of a median's interval, as a part of it, at which measuring ends.
    pub precision: f64,
    /// How sure intervals are: 0.95.
    pub confidence: f64,
    /// The time after which measuring ends in any case, in seconds.
    pub time_s: f64,
    /// How long it took, in seconds.
    pub took_s: f64,
    /// The numbers of workers, ascending.
    pub workers: Vec<usize>,
    /// The command that made it; none if a program did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// What stays the same while workers become more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// The whole work.
    Strong,
    /// The work of each worker.
    Weak,
}

/// What runs the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// The engine's worker processes.
    Gristmill,
    /// Threads of rayon, which run the same kernels on the same chunks.
    Rayon,
}

/// What the machine can do at most with so many threads, each pinned to a CPU.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Roof {
    /// Threads.
    pub workers: usize,
    /// Bytes that are read per second, from arrays that fit no cache.
    pub read_bytes_per_s: f64,
    /// Bytes that are read and written per second, by STREAM's triad over such arrays.
    pub triad_bytes_per_s: f64,
    /// Floating-point operations per second, in double precision: multiplications and additions
    /// that are fused, as wide as the CPU has them.
    pub flops_per_s: f64,
}

/// Times of one workload, at one size, by one runtime.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The workload's name.
    pub subject: String,
    /// Its size in words, of the least number of workers.
    pub size: String,
    /// What ran it.
    pub runtime: Runtime,
    /// One for each number of workers, ascending.
    pub points: Vec<Point>,
    /// Models of it. None where there are too few points that none of the others disturbs.
    pub fits: Vec<Fit>,
    /// Why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_fit: Option<String>,
}

/// A workload's times with one number of workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Worker processes, or threads.
    pub workers: usize,
    /// The size in words.
    pub size: String,
    /// What was done in one run.
    pub work: Work,
    /// Runs that each sample is the mean of.
    pub runs: u32,
    /// Seconds that a run took, a sample for each round; the same round is at the same index in all
    /// points of a study.
    pub samples_s: Vec<f64>,
    /// Seconds that a run takes: the median.
    pub time_s: Estimate,
    /// By how much it is faster than one worker; in weak scaling, by how much more is done in the
    /// same time. Relative to the least number of workers, which counts as this number.
    pub speedup: Estimate,
    /// Speed-up per worker.
    pub efficiency: Estimate,
    /// How many times as fast it is as rayon with as many threads, where that was measured, round
    /// by round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_rayon: Option<Estimate>,
    /// The part of what the machine can do at most with so many workers, see [`Roof`]; none if the
    /// work is not known.
    pub roof_share: Option<f64>,
    /// What it moves would fit the last caches, and then the roof of memory is not over it: the
    /// share may be above 1.
    #[serde(default)]
    pub fits_caches: bool,
    /// What the CPUs counted.
    pub counted: Counted,
    /// What happened around it.
    pub conditions: Conditions,
    /// Why this point is to be read with care.
    pub marks: Vec<Mark>,
}

/// What the CPUs counted in the timed runs, or why they did not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// Instructions for each cycle.
    pub instructions_per_cycle: Option<f64>,
    /// Bytes per second that were fetched by misses of the last cache.
    pub fetched_bytes_per_s: Option<f64>,
    /// Why one of them is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// What happened on the CPUs of a point while it was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Seconds that were measured, over all samples.
    pub measured_s: f64,
    /// The part of the CPUs' time that the host of a virtual machine gave to others.
    pub stolen: f64,
    /// The part of the workers' time in which they were ready to run and others ran on their CPUs.
    /// None where Linux does not tell.
    pub waited: Option<f64>,
    /// The least and the greatest frequency that was seen, in Hz. None where none is told.
    pub frequency_hz: Option<[f64; 2]>,
    /// How often the CPUs slowed down to cool. None where it is not told.
    pub throttled: Option<u64>,
    /// Seconds that a cgroup's quota held processes back. None where there is no quota.
    pub quota_held_s: Option<f64>,
}

/// Why a point is to be read with care.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What is wrong.
    pub kind: MarkKind,
    /// The evidence, in words, with figures.
    pub evidence: String,
}

/// What may be wrong with a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// There are more workers than CPUs.
    Oversubscribed,
    /// Workers share physical cores.
    SharedCores,
    /// The interval is wider than it was to be.
    Noisy,
    /// Others had the CPUs for a part of the time.
    Disturbed,
    /// The CPUs were slowed down, or a quota held the workers back.
    Throttled,
}

/// A model of a curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Which one.
    pub model: Model,
    /// Its parameters, in the order of [`Model::parameters`].
    pub parameters: Vec<Estimate>,
    /// Speed-ups that it gives, relative to the least number of workers as those of the points are: for the numbers of workers that were measured, and then for some
    /// that were not. Each with the interval in which a median would lie.
    pub speedups: Vec<Predicted>,
}

/// A speed-up as a model has it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    /// Workers.
    pub workers: usize,
    /// The speed-up.
    pub speedup: Estimate,
}

/// A law of scaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Strong scaling: a part of the work is serial. S(p) = 1 / (s + (1 - s) / p).
    Amdahl,
    /// Weak scaling: a part of the time is serial. S(p) = s + (1 - s) p.
    Gustafson,
    /// The Universal Scalability Law: S(p) = p / (1 + a (p - 1) + b p (p - 1)), with a for
    /// contention and b for coherency.
    Universal,
}

impl Model {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Model::Amdahl => "Amdahl",
            Model::Gustafson => "Gustafson",
            Model::Universal => "Universal Scalability Law",
        }
    }

    /// Names of its parameters.
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Model::Amdahl | Model::Gustafson => &["serial fraction"],
            Model::Universal => &["contention", "coherency"],
        }
    }
}

impl Runtime {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Runtime::Gristmill => "gristmill",
            Runtime::Rayon => "rayon",
        }
    }
}

impl Roof {
    /// The bandwidth that work of this kind can have: of reading alone if it writes nothing.
    pub(crate) fn bytes_per_s(&self, work: &Work) -> f64 {
        if work.bytes_written > 0.0 { self.triad_bytes_per_s } else { self.read_bytes_per_s }
    }
}

impl Point {
    /// Bytes per second; none if it is not known how many are moved.
    pub fn bytes_per_s(&self) -> Option<f64> {
        Some(self.work.bytes() / self.time_s.value).filter(|rate| *rate > 0.0)
    }

    /// Floating-point operations per second, if they are known.
    pub fn flops_per_s(&self) -> Option<f64> {
        self.work.flops.map(|flops| flops / self.time_s.value)
    }

    /// Whether it has a mark of this kind.
    pub fn is(&self, kind: MarkKind) -> bool {
        self.marks.iter().any(|mark| mark.kind == kind)
    }
}

impl Curve {
    /// The workload, what ran it if that is not the engine, and the size.
    pub fn name(&self) -> String {
        named(&self.subject, self.runtime, &self.size)
    }
}

/// A workload, what runs it if that is not the engine, and its size.
pub(super) fn named(subject: &str, runtime: Runtime, size: &str) -> String {
    match runtime {
        Runtime::Gristmill => format!("{subject}, {size}"),
        other => format!("{subject} on {}, {size}", other.name()),
    }
}
