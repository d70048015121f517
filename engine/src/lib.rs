//! Gristmill: a parallel compute engine for CPU-bound numeric work.

#[cfg(feature = "cli")]
#[allow(
    dead_code,
    unused_imports,
    reason = "the command that uses it is not written yet"
)]
mod batch;
#[cfg(feature = "cli")]
#[allow(
    dead_code,
    unused_imports,
    reason = "the command that uses it is not written yet"
)]
mod cli;
mod machine;
#[cfg(feature = "cli")]
#[allow(
    dead_code,
    unused_imports,
    reason = "the command that uses it is not written yet"
)]
mod report;
