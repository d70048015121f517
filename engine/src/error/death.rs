//! Death records: what is known of a worker or child process that died, and how it is told.

use crate::fault_place::{self, Fault};
use std::fmt;
use std::time::Duration;

/// What is known of a worker, or a child process, that died.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeathRecord {
    /// The worker's rank, or the child process's number.
    pub rank: usize,
    /// The name of the child process, if it was one and no worker.
    pub process: Option<String>,
    /// Its process id.
    pub pid: i32,
    /// How it ended.
    pub cause: Cause,
    /// The most memory that it had in use at once, the pages of arrays that it had touched included.
    /// After SIGKILL from elsewhere, or a call of exit, only the system tells it, and only where that
    /// is more than the coordinator had when the worker was started.
    pub peak_bytes: Option<u64>,
    /// The last 4 KiB of its standard error; bytes that are no UTF-8 as `\xNN`.
    pub stderr_tail: String,
}

impl DeathRecord {
    /// The exit status, or the number of the signal that killed it, negative; none if the system did
    /// not say.
    pub(crate) fn exit_status(&self) -> Option<i32> {
        match self.cause {
            Cause::Exit { status } => Some(status),
            Cause::Signal { number, .. } => Some(-number),
            Cause::StackOverflow { .. } => Some(-libc::SIGSEGV),
            Cause::AllocationFailed { .. } => Some(-libc::SIGABRT),
            Cause::Deadline { .. }
            | Cause::OutOfMemory { .. }
            | Cause::Disturbed
            | Cause::TaskCancelled
            | Cause::EngineEnded => Some(-libc::SIGKILL),
            Cause::Unknown => None,
        }
    }

    /// The last line of its output that says something: no frame of a backtrace, no hint at one.
    fn last_words(&self) -> Option<&str> {
        let says_nothing = |line: &str| {
            let frame = line.split_once(':').is_some_and(|(n, _)| n.parse::<u32>().is_ok());
            let starts = ["at ", "note:", "stack backtrace", "thread caused non-unwinding panic"];
            frame
                || line.is_empty()
                || starts.iter().any(|start| line.starts_with(start))
                || line.ends_with("panic in a function that cannot unwind")
        };
        self.stderr_tail.lines().map(str::trim).rfind(|line| !says_nothing(line))
    }
}

impl fmt::Display for DeathRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.process {
            Some(name) => write!(f, "process {name}")?,
            None => write!(f, "worker {}", self.rank)?,
        }
        write!(f, " (pid {}) {}", self.pid, self.cause)?;
        if let Some(line) = self.last_words() {
            write!(f, "; its last words: {line}")?;
        }
        Ok(())
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Killed by a signal.
    Signal {
        /// Its number.
        number: i32,
        /// Its name.
        name: String,
        /// The address that it could not touch, for SIGSEGV and SIGBUS.
        address: Option<u64>,
        /// What it was to do there, and what lies there, where that is known.
        fault: Option<Box<Fault>>,
    },
    /// A kernel used up the stack: too deep a recursion, or too large a local array.
    StackOverflow {
        /// The stack's limit (`ulimit -s`).
        limit_bytes: u64,
    },
    /// It called exit.
    Exit {
        /// The exit status.
        status: i32,
    },
    /// It was ended, as its chunk or task had not got on for longer than the deadline.
    Deadline {
        /// The deadline.
        limit: Duration,
        /// For how long it had not got on.
        ran: Duration,
    },
    /// It could not have the memory that it asked for, and ended itself. (What native code does
    /// then, is its own: most often it touches address 0.)
    AllocationFailed {
        /// Bytes asked for at last.
        bytes: u64,
        /// The limit on a worker's own memory, if there is one:
        /// [`Builder::worker_memory`](crate::Builder::worker_memory).
        limit_bytes: Option<u64>,
    },
    /// SIGKILL ended it, and at about that time the kernel had killed somebody for want of memory. Its
    /// counts do not tell whom, so this is most likely rather than known.
    OutOfMemory {
        /// Counted by the cgroup of this program; if not, by the machine.
        in_cgroup: bool,
    },
    /// It was killed to try what happens then: [`Engine::disturb`](crate::Engine::disturb), or
    /// [`Engine::chaos`](crate::Engine::chaos).
    Disturbed,
    /// It was killed as the task that it was at was cancelled:
    /// [`TaskHandle::cancel`](crate::TaskHandle::cancel).
    TaskCancelled,
    /// It was killed as its engine ended.
    EngineEnded,
    /// It was reaped by somebody else, so nothing is known.
    Unknown,
}

impl Cause {
    /// Whether a death of this cause is held against what the worker was about.
    pub(crate) fn is_an_attempt(&self) -> bool {
        !matches!(self, Cause::Disturbed | Cause::TaskCancelled)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Signal { number, name, address, fault } => {
                write!(f, "was killed by {name} (signal {number})")?;
                let told = |address| fault_place::describe(fault.as_deref(), address, f);
                address.map_or(Ok(()), told)
            }
            Cause::StackOverflow { limit_bytes } => {
                write!(f, "overflowed its stack of {limit_bytes} bytes (`ulimit -s`)")
            }
            Cause::Exit { status } => write!(f, "exited with status {status}"),
            Cause::Deadline { limit, ran } => {
                let [limit, ran] = [limit, ran].map(Duration::as_secs_f64);
                write!(f, "was ended at its deadline of {limit} s, after {ran:.3} s")
            }
            Cause::AllocationFailed { bytes, limit_bytes: Some(limit) } => write!(
                f,
                "could not have {bytes} bytes more, as it may have {limit} bytes of its own"
            ),
            Cause::AllocationFailed { bytes, limit_bytes: None } => {
                write!(f, "could not have {bytes} bytes more: the system has no more, or a limit")
            }
            Cause::OutOfMemory { in_cgroup } => {
                let whose = if *in_cgroup { "its cgroup" } else { "the machine" };
                write!(
                    f,
                    "was killed by SIGKILL, most likely by the kernel, as {whose} had run out of memory"
                )
            }
            Cause::Disturbed => write!(f, "was killed to try what happens then"),
            Cause::TaskCancelled => write!(f, "was killed as its task was cancelled"),
            Cause::EngineEnded => write!(f, "was killed as its engine ended"),
            Cause::Unknown => write!(f, "ended, and another part of the program reaped it"),
        }
    }
}
