//! Floor 0: what can go wrong, as values that say what happened, where, and what to do.

mod death;
mod namespace;
mod no_result;

pub use death::{Cause, DeathRecord};
pub use namespace::NamespaceFailure;
pub use no_result::{ProcessFailure, TaskFailure};
use std::fmt;

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that the engine reports instead of a result.
///
/// Its `Debug` is its `Display`: a program whose `main` returns it ends with the message, not with a
/// listing of fields.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Memory was refused before anything was written.
    #[error(
        "out of memory: {requested} bytes were asked for {purpose}, {available} are available \
         ({bound}); free arrays, or give the engine more room"
    )]
    OutOfMemory {
        /// What the memory was for.
        purpose: &'static str,
        /// Bytes asked for.
        requested: u64,
        /// Bytes that could be had.
        available: u64,
        /// Which bound decided.
        bound: String,
    },
    /// Shapes, lengths or partitions do not fit together.
    #[error("shapes do not fit in {kernel}: {reason}")]
    Shape {
        /// The kernel that was to run.
        kernel: String,
        /// What does not fit, with the numbers.
        reason: String,
    },
    /// A kernel refused its parameters, the shapes of its arrays, or to give a result.
    #[error("{kernel}: {reason}")]
    Refused {
        /// The kernel that was to run.
        kernel: String,
        /// The kernel's own words.
        reason: String,
    },
    /// An array that lies in no region of this engine was passed.
    #[error(
        "argument {argument} of {kernel} is an array of another engine; \
         make it with this engine, or copy it with `engine.array_from(&array.view())`"
    )]
    ForeignArray {
        /// The kernel that was to run.
        kernel: String,
        /// Position of the array among the arguments, from 0.
        argument: usize,
    },
    /// Parameters or results did not survive their way to another process.
    #[error("{what} cannot be sent to another process: {reason}")]
    NotPortable {
        /// The type concerned.
        what: String,
        /// What serde or postcard said.
        reason: String,
    },
    /// An engine was asked for inside a worker process.
    #[error(
        "a kernel, a task or a child process asked for an engine, which is where it was started and \
         nowhere else: make a plan of several steps, let a task put further ones \
         (`Tasks::branching`), or start child processes from there"
    )]
    InsideWorker,
    /// A forked child used the engine of its parent.
    #[error(
        "this process was forked from the one that started the engine, and has neither its workers \
         nor its arrays; start an engine of its own, or use the parent's before the fork"
    )]
    Forked,
    /// A kernel, fold or condition panicked. Its chunk counts as failed, the engine stays usable.
    #[error("{0}")]
    Panicked(Box<Panic>),
    /// Chunks whose every attempt killed its worker. All other chunks were finished.
    #[error("{0}")]
    Poisoned(Poisoned),
    /// The work that follows a step (folding partial results, a condition) kept killing its worker.
    #[error("folding the results of {kernel} killed its worker {attempts} times; last: {last}")]
    FoldDied {
        /// The kernel whose results were folded.
        kernel: String,
        /// How often it was tried.
        attempts: u32,
        /// The last death.
        last: Box<DeathRecord>,
    },
    /// Workers kept dying during a step, and no chunk could be blamed for it.
    #[error(
        "{deaths} workers died during a step of {kernel} for reasons that lie in none of its \
         chunks; {}", last.as_ref().map_or(String::new(), |last| format!("last: {last}"))
    )]
    GivenUp {
        /// The kernel of the step.
        kernel: String,
        /// How many died.
        deaths: u64,
        /// The last death.
        last: Option<Box<DeathRecord>>,
    },
    /// Somebody wrote over words in shared memory that belong to the engine: a kernel or task, or a
    /// native library that it calls. The engine has ended, and what the launch wrote is not to be
    /// trusted.
    #[error(
        "{what} in the engine's control block was written over while {kernel} ran, which must have \
         written through a wild pointer; run it with `--fence` (`Builder::fence`) to learn where. \
         The engine has ended: start another"
    )]
    Damaged {
        /// The kernels of the plan that ran.
        kernel: String,
        /// What was found damaged; more may be.
        what: String,
    },
    /// No worker is left and none can be started.
    #[error("no worker is left and none can be started: {reason}")]
    NoWorkers {
        /// Why the last start failed.
        reason: String,
    },
    /// The engine or a worker could not be started.
    #[error("the engine cannot start: {reason}")]
    Start {
        /// What failed, and the remedy.
        reason: String,
    },
    /// The launch was cancelled.
    #[error("cancelled: chunks in flight were finished, the others were left out")]
    Cancelled,
    /// A limit of the engine was exceeded.
    #[error("{what} is {asked}, the limit is {limit}; {remedy}")]
    Limit {
        /// The quantity.
        what: &'static str,
        /// The value asked for.
        asked: u64,
        /// The greatest value allowed.
        limit: u64,
        /// What to do.
        remedy: &'static str,
    },
    /// Less was asked for than the engine can work with.
    #[error("{what} is {asked}, the least is {least}; {remedy}")]
    TooSmall {
        /// The quantity.
        what: &'static str,
        /// The value asked for.
        asked: u64,
        /// The least value allowed.
        least: u64,
        /// What to do.
        remedy: &'static str,
    },
    /// A file could not be read or written as an array.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A task failed for good.
    #[error("task {index} ({task}): {reason}")]
    Task {
        /// The task's number in order of submission, from 0.
        index: u64,
        /// The function that it runs.
        task: &'static str,
        /// Why it failed.
        reason: TaskFailure,
    },
    /// A child process has no result.
    #[error("process {name}: {reason}")]
    Process {
        /// Its name.
        name: String,
        /// Why it has none.
        reason: ProcessFailure,
    },
    /// The other end of a pipe was closed, in good order. What it had sent before has arrived.
    #[error(
        "the other end of the pipe was closed: what it had sent is received, and nothing can be \
         sent to it any more"
    )]
    PeerClosed,
    /// The process that had the other end of a pipe died. What it had sent as a whole has arrived.
    #[error(
        "the process at the other end of the pipe died, or panicked: what it had sent as a whole is received, \
         and nothing can be sent to it any more; make a new pipe for the process that replaces it"
    )]
    PeerDied,
    /// This end of a pipe is no longer here.
    #[error(
        "this end of the pipe has moved to another process, as an argument; use it there, or make \
         another pipe"
    )]
    EndMoved,
    /// It is closed: nothing can be put any more, and what was put before has been got.
    #[error("{what} is closed, and nothing is left in it")]
    Closed {
        /// What is closed.
        what: &'static str,
    },
    /// Somebody wrote over the words of something that processes share: it cannot be used any more.
    #[error(
        "{what} was written over, which must have been done through a wild pointer, by a process of \
         this engine; make another"
    )]
    Broken {
        /// What was written over.
        what: &'static str,
    },
    /// A process died, or panicked, while it held a lock: what that guards may be half changed.
    #[error(
        "a process died or panicked while it held {what}: what it guards may be half changed. Take \
         the lock, look at it, put it right and say so with `accept`"
    )]
    OwnerDied {
        /// The lock.
        what: &'static str,
    },
    /// A barrier is broken: a process that holds it died, a wait for it timed out, or it was aborted.
    #[error(
        "the barrier is broken: a process that holds it died, a wait for it timed out, or it was \
         aborted or reset while this thread waited; `reset` makes it whole"
    )]
    BarrierBroken,
    /// An operation on a namespace was refused, and has changed nothing.
    #[error("namespace: {0}")]
    Namespace(#[from] NamespaceFailure),
    /// The operating system refused.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// Wraps the operating system's refusal of `doing`.
    pub(crate) fn system(doing: &'static str, source: impl Into<std::io::Error>) -> Error {
        Error::System { doing, source: source.into() }
    }

    /// Whether it says that the other end of a pipe is no more.
    pub(crate) fn is_of_peer(&self) -> bool {
        matches!(self, Error::PeerClosed | Error::PeerDied)
    }
}

/// A panic in a kernel, fold, condition or task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Panic {
    /// The kernel or task that panicked.
    pub kernel: String,
    /// The chunk, where one was being run.
    pub chunk: Option<ChunkPlace>,
    /// The panic's message.
    pub message: String,
    /// File, line and column.
    pub place: String,
    /// The backtrace, where `RUST_BACKTRACE` asks for it.
    pub backtrace: String,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kernel)?;
        self.fmt_without_name(f)
    }
}

impl Panic {
    /// For errors that have named who panicked.
    fn fmt_without_name(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("panicked")?;
        if let Some(place) = &self.chunk {
            write!(f, " in {place}")?;
        }
        write!(f, " at {}: {}", self.place, self.message)?;
        if !self.backtrace.is_empty() {
            write!(f, "\n{}", self.backtrace)?;
        }
        Ok(())
    }
}

/// Which piece of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkPlace {
    /// Number of the chunk, from 0.
    pub chunk: usize,
    /// First index (element, row or tile) of the chunk.
    pub start: usize,
    /// One past its last index.
    pub end: usize,
}

impl fmt::Display for ChunkPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chunk {} (indices {}..{})", self.chunk, self.start, self.end)
    }
}

/// A chunk that was set aside, with the deaths that it caused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoisonedChunk {
    /// Which chunk.
    pub place: ChunkPlace,
    /// One record an attempt.
    pub deaths: Vec<DeathRecord>,
}

/// The chunks of one step that were set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Poisoned {
    /// The kernel.
    pub kernel: String,
    /// Launches of the engine that were before this one, its own work on arrays left out.
    pub launches_before: u64,
    /// Steps of the launch that had been done before this one, in loops counted each time. Those that
    /// a plan runs together count as one.
    pub steps_before: u64,
    /// The chunks, lowest first.
    pub chunks: Vec<PoisonedChunk>,
}

impl fmt::Display for Poisoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} set aside, all others were finished", self.kernel, count(&self.chunks))?;
        for chunk in self.chunks.iter().take(CHUNKS_SHOWN) {
            write!(f, "\n  {}", chunk.place)?;
            for (attempt, death) in chunk.deaths.iter().enumerate() {
                write!(f, "\n    attempt {}: {death}", attempt + 1)?;
            }
        }
        match self.chunks.len().saturating_sub(CHUNKS_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// Chunks that the message of [`Poisoned`] lists; the value has all.
const CHUNKS_SHOWN: usize = 8;

fn count(chunks: &[PoisonedChunk]) -> String {
    match chunks.len() {
        1 => "1 chunk was".into(),
        n => format!("{n} chunks were"),
    }
}
