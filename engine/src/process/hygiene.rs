//! What a worker sets right about itself before any user code runs.

use super::entry::{Handover, exit};
use crate::machine::pin;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};

/// Variables by which native libraries would start threads of their own.
pub(crate) const THREAD_VARIABLES: [&str; 6] = [
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
];

/// Closes what the program had open without close-on-exec: nothing is inherited by accident.
pub(crate) fn close_inherited_descriptors() {
    let (first, last, flags) = (3u32, u32::MAX, 0u32);
    // Before Linux 5.9 there is no such call, and such descriptors stay open.
    // SAFETY: nothing that the executable itself has opened is closed, as ours is the first of its
    // initialisers. (A shared library whose constructor opened something before us loses it.)
    unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
}

/// Should memory run out, rather a worker than its coordinator: what it was about is tried again.
fn offer_to_the_oom_killer() {
    const MORE: i32 = 300;
    const MOST: i32 = 1000;
    let file = "/proc/self/oom_score_adj";
    let inherited = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
    // Raising it needs no privilege. Should it fail, the kernel chooses by size alone.
    let _ = std::fs::write(file, (inherited.unwrap_or(0) + MORE).min(MOST).to_string());
}

/// Ties the worker to its coordinator's life, and keeps it quiet otherwise.
pub(crate) fn prepare(handover: &Handover) {
    // The signal comes when the *thread* that started us ends: the supervisor, which lives as long
    // as the engine.
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    if nix::unistd::getppid().as_raw() != handover.parent {
        exit(0);
    }
    // A child process can be asked to end, also where its parent ignores that; of a worker the
    // coordinator decides.
    let is_child = handover.seat.child().is_some();
    let term = if is_child { SigHandler::SigDfl } else { SigHandler::SigIgn };
    for (of, handler) in [
        (Signal::SIGINT, SigHandler::SigIgn),
        (Signal::SIGPIPE, SigHandler::SigIgn),
        (Signal::SIGXFSZ, SigHandler::SigIgn),
        (Signal::SIGTERM, term),
    ] {
        // SAFETY: ignoring a signal, or leaving it to the kernel, runs no code of ours. The coordinator
        // decides about ending, and a file that grows beyond its limit is an error of the write.
        let _ = unsafe { signal(of, handler) };
    }
    if handover.limits.nice > 0 {
        // SAFETY: a plain system call. To be nicer needs no privilege.
        unsafe { libc::nice(handover.limits.nice.into()) };
    }
    if !handover.limits.core_dumps {
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    }
    if let Some(bytes) = handover.limits.memory_bytes {
        // Private writable memory alone; of the region only the address space is this worker's.
        let _ = setrlimit(Resource::RLIMIT_DATA, bytes, bytes);
    }
    offer_to_the_oom_killer();
    if let Some(cpu) = handover.cpu {
        // Not pinned is slower, not wrong: the mask may have been narrowed meanwhile.
        let _ = pin::pin_current_thread(cpu);
    }
}
