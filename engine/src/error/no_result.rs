//! Why a task, or a child process, has no result.

use super::{DeathRecord, Panic};
use std::fmt;

/// Why one task of a queue has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskFailure {
    /// It panicked.
    Panicked(Box<Panic>),
    /// Each of its attempts killed its worker.
    Died(Vec<DeathRecord>),
    /// Its result could not be sent.
    NotPortable(String),
    /// There was no memory for its result, or for the parameters of a task that another has put.
    NoRoom(String),
    /// It was cancelled: [`TaskHandle::cancel`](crate::TaskHandle::cancel).
    Cancelled,
}

/// Why a child process has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessFailure {
    /// Its function panicked.
    Panicked(Box<Panic>),
    /// It died, or called exit.
    Died(Box<DeathRecord>),
    /// Its arguments could not be read, or its result could not be sent.
    NotPortable(String),
    /// There was no memory for its result.
    NoRoom(String),
}

impl fmt::Display for ProcessFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessFailure::Panicked(panic) => panic.fmt_without_name(f),
            ProcessFailure::Died(death) => death.fmt(f),
            ProcessFailure::NotPortable(reason) => {
                write!(f, "what it was passed or gave: {reason}")
            }
            ProcessFailure::NoRoom(reason) => write!(f, "its result has no room: {reason}"),
        }
    }
}

impl fmt::Display for TaskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskFailure::Panicked(panic) => panic.fmt_without_name(f),
            TaskFailure::Died(deaths) => {
                write!(f, "killed its worker {} times", deaths.len())?;
                deaths.iter().try_for_each(|death| write!(f, "\n    {death}"))
            }
            TaskFailure::NotPortable(reason) => write!(f, "its result cannot be sent: {reason}"),
            TaskFailure::NoRoom(reason) => write!(f, "it has no room: {reason}"),
            TaskFailure::Cancelled => f.write_str("it was cancelled"),
        }
    }
}
