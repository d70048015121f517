//! Gristmill: a parallel compute engine for CPU-bound numeric work.
//!
//! Arrays lie in shared memory; worker processes, pinned to cores, run numeric kernels on their
//! chunks. It is meant to be as fast as threads, and to have what threads cannot: a kernel that
//! crashes costs a retry, and if it recurs only its own chunk; and the answer has the same bits
//! for any number of workers, any schedule and any crash.
//!
//! ```
//! use gristmill::Engine;
//!
//! # fn main() -> gristmill::Result<()> {
//! let engine = Engine::builder().workers(4).build()?; // or Engine::new()?: one per allowed CPU
//! let x = engine.from_fn(1_000_000, |i| i as f64 / 1e6)?;
//! let mut y = engine.zeros(x.dim())?;
//! engine.map(&x, &mut y, |v: f64| v.sin())?;
//! let total: f64 = engine.sum(&y)?;
//! assert!((total / 1e6 - (1.0 - 1f64.cos())).abs() < 1e-6);
//! # Ok(()) }
//! ```
//!
//! - One's own computations: [`Kernel`], run by [`Engine::run`].
//! - Loops that the workers run by themselves: [`Engine::plan`].
//! - Irregular work: [`Engine::tasks`].
//! - Processes, and what they share and say to each other, as Python's `multiprocessing` has it:
//!   [`Engine::spawn`], [`Engine::pipe`], [`Engine::queue`], [`Engine::shared`],
//!   [`Engine::namespace`] and their kin. For each of its constructs, and for wrong programs that
//!   Python accepts, docs/from-multiprocessing.md has ours.
//! - What becomes of a computation whose workers die: [`Builder::crash_at`] kills them where it hurts.
//! - Job files and the command: the module `cli`; scaling studies: the module `scale`. Both are behind
//!   the feature `cli`.
//!
//! Linux only.

#[cfg(feature = "cli")]
mod batch;
#[cfg(feature = "cli")]
pub mod cli;
mod compute;
#[cfg(any(test, feature = "counting"))]
#[doc(hidden)]
#[allow(missing_docs, reason = "of no use but to the bench that counts instructions")]
pub mod counting;
mod error;
mod fault_place;
#[cfg(all(feature = "cli", any(test, feature = "fuzzing")))]
#[doc(hidden)]
#[allow(missing_docs, reason = "of no use but to the fuzzer")]
pub mod fuzzing;
#[cfg_attr(
    all(not(feature = "cli"), not(test)),
    expect(dead_code, reason = "`gristmill info` shows more of the machine than the engine uses")
)]
mod machine;
mod memory;
mod partition;
mod process;
#[cfg(feature = "cli")]
mod report;
mod roles;
#[cfg(feature = "cli")]
pub mod scale;
mod shared;
mod toolbox;

#[cfg(feature = "cli")]
pub use batch::{
    Benchmark, Check, JobKernel, JobPlan, JobScalar, Outcome, Param, Registry, Suite, chunks_of,
};
pub use compute::{
    Access, AccessSpec, Add, Args, BitOr, Chunk, Count, Flat, FlatSlot, Halo, HaloView, In, InOut,
    Kernel, Kind, LANES, Largest, Max, Merge, MergeOp, Min, Number, Operand, Operands, Out, Output,
    Plan, PlanResult, Portable, Prod, ReadSlot, Reduce, Scalar, Shapes, Slot, Smallest, StepKernel,
    Sum, Summand, Tile, TileOut, Total, Value, Views, Whole, With, fetch_ahead, fold_lanes,
    greater, in_lanes, pairs_in_lanes, smaller, stream, with,
};
pub use error::{
    Cause, ChunkPlace, DeathRecord, Error, NamespaceFailure, Panic, Poisoned, PoisonedChunk,
    ProcessFailure, Result, TaskFailure,
};
pub use fault_place::{Fault, FaultAccess, FaultBlock, FaultElement, FaultPlace};
#[cfg(feature = "cli")]
pub use machine::{Counters, Counts};
pub use memory::{Array, Element, Elements};
pub use partition::{CHUNKS_MAX, Partition};
pub use roles::{
    Activity, Branches, Builder, Chaos, ChaosGuard, ChaosTally, CrashReport, Disturbance, Engine,
    ParsePinError, Pin, Process, Progress, Spawn, Stats, TaskHandle, TaskPool, TaskQueue,
    TaskResults, Tasks, Unordered, Wait, WorkerActivity,
};
pub use shared::crash::{Crash, CrashPlan};
pub use shared::protocol::CrashPoint;
pub use toolbox::{
    Barrier, BarrierWait, Codec, Condvar, Duplex, Event, Frozen, Guard, JoinableQueue, Lease,
    LockError, LockResult, LockedArray, LockedArrayGuard, Mutex, MutexGuard, Namespace, Once,
    OwnerDied, Permit, Plain, PriorityQueue, Queue, ReadGuard, Receiver, RunBefore, RwLock,
    Semaphore, Sender, Serde, Shared, SharedGuard, Transaction, TryLockResult, WriteGuard,
};

// The programs on that page are tested, too.
#[cfg(doctest)]
#[doc = include_str!("../../docs/from-multiprocessing.md")]
struct FromMultiprocessing;

#[cfg(all(doctest, feature = "cli"))]
#[doc = include_str!("../../docs/scaling.md")]
struct Scaling;
