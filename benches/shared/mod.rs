//! What the benchmarks have in common: CPUs, a kernel that does nothing, quartiles, and the folder for
//! what they write.

mod empty;

pub(crate) use empty::Empty;
use std::path::{Path, PathBuf};

/// The CPUs that this process may use.
pub(crate) fn cpus() -> Vec<usize> {
    use nix::sched::{CpuSet, sched_getaffinity};
    let allowed = sched_getaffinity(nix::unistd::Pid::from_raw(0)).expect("a process has a mask");
    (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false)).collect()
}

/// The quartiles, between two values where they fall there.
pub(crate) fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [0.25, 0.5, 0.75].map(|part| {
        let at = part * (values.len() - 1) as f64;
        let (below, above) = (values[at.floor() as usize], values[at.ceil() as usize]);
        below + (above - below) * at.fract()
    })
}

/// The folder for what a benchmark leaves: target/gristmill.
pub(crate) fn folder() -> std::io::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), Into::into);
    let folder = target.join("gristmill");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
