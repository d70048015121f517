//! Floor 7: the command line, for `gristmill` and for any program that hands over its own kernels.
//!
//! What the words mean is here, and the job file to start from; carrying them out is not.

mod args;
mod init;

pub(crate) use args::{Args, CheckArgs, Command, ExitStatus, InitArgs, KernelsArgs, RunArgs};
pub(crate) use init::starting_job;
