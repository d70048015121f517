//! Descriptors of the coordinator: how many its workers take, and the limit on them.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// For each worker: its pidfd, the pipes from its standard output and error, the claim on its CPU.
const PER_WORKER: usize = 4;
/// The region, the supervisor's event, and what is open while a worker is being started.
const BESIDE: usize = 10;
/// Left to the program for its files.
const SPARE: usize = 16;

/// How many descriptors this process needs for so many workers; `None` without /proc.
fn needed(workers: usize) -> Option<usize> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    Some(open + BESIDE + PER_WORKER * workers)
}

/// Raises the soft limit if it leaves too few: no higher than is needed, and not beyond the hard
/// limit. Whether that is enough shows when the workers are started.
pub(crate) fn make_room(workers: usize) {
    let Some(needed) = needed(workers) else { return };
    let wanted = (needed + SPARE) as libc::rlim_t;
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < wanted.min(hard)
    {
        // Where it may not be raised it stays as it is.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard);
    }
}

/// What to say where the limit was too low all the same.
pub(super) fn too_few() -> String {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard);
    format!(
        "this process may have {limit} descriptors (hard limit, `ulimit -Hn`), and each worker \
         takes up to {PER_WORKER}: raise the limit, or ask for fewer workers"
    )
}
