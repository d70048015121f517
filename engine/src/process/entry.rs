//! How a process becomes a worker: an entry of `.init_array`, which runs before all others of the
//! executable, and before `main`.
//!
//! Workers are the same executable, started with one environment variable and the region as
//! standard input. The entry returns at once where the variable is absent, or no region came with
//! it; else the worker runs there, and `main` never does. So programs, tests, doctests and benches
//! need no call of their own.

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
compile_error!("gristmill needs Linux with glibc: initialisers get no environment elsewhere");

use super::hygiene;
use crate::error::{Error, Result};
use crate::memory::Region;
use crate::shared::seat::Seat;
use std::ffi::{CStr, c_char, c_int};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The variable that carries the hand-over.
pub(crate) const VARIABLE: &str = "GRISTMILL_WORKER";

/// What a worker is told at its start; all else is in the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handover {
    /// Whose process it is to be: a worker's, or a child process's.
    pub(crate) seat: Seat,
    /// Process id of the coordinator, which must be the parent.
    pub(crate) parent: i32,
    /// Drawn by the coordinator and written into the region: the two must agree.
    pub(crate) nonce: u64,
    /// The CPU to run on, if it is to be pinned.
    pub(crate) cpu: Option<usize>,
    pub(crate) limits: Limits,
}

/// What a worker may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The most memory of its own, in bytes.
    pub(crate) memory_bytes: Option<u64>,
    /// Whether a crash may leave a core dump, with the region in it.
    pub(crate) core_dumps: bool,
    /// By how much it steps back behind others that want a CPU.
    pub(crate) nice: u8,
}

impl Handover {
    pub(crate) fn encode(&self) -> String {
        let or_dash = |number: Option<u64>| number.map_or("-".into(), |number| number.to_string());
        let (cpu, memory) =
            (or_dash(self.cpu.map(|cpu| cpu as u64)), or_dash(self.limits.memory_bytes));
        let Limits { core_dumps, nice, .. } = self.limits;
        let (seat, parent, nonce) = (self.seat.index(), self.parent, self.nonce);
        format!("{seat} {parent} {nonce:x} {cpu} {memory} {core_dumps} {nice}")
    }

    pub(crate) fn decode(text: &str) -> Option<Handover> {
        let mut words = text.split(' ');
        let number = |word: &str| match word {
            "-" => Some(None),
            number => number.parse::<u64>().ok().map(Some),
        };
        let handover = Handover {
            seat: Seat::at(words.next()?.parse().ok()?)?,
            parent: words.next()?.parse().ok()?,
            nonce: u64::from_str_radix(words.next()?, 16).ok()?,
            cpu: number(words.next()?)?.map(|cpu| cpu as usize),
            limits: Limits {
                memory_bytes: number(words.next()?)?,
                core_dumps: words.next()?.parse().ok()?,
                nice: words.next()?.parse().ok()?,
            },
        };
        words.next().is_none().then_some(handover)
    }
}

static REGION: OnceLock<&'static Region> = OnceLock::new();

/// The region, in a worker or child process: for handles of what lies there.
pub(crate) fn worker_region() -> Option<&'static Region> {
    REGION.get().copied()
}

static IS_WORKER: AtomicBool = AtomicBool::new(false);

/// Whether this process is a worker.
pub(crate) fn is_worker() -> bool {
    IS_WORKER.load(Ordering::Relaxed)
}

/// An error in a process that was started as a worker, or by one, but did not become one: were it
/// to start an engine, its workers would do the same, without end.
pub(crate) fn refuse_inherited_handover() -> Result<()> {
    match std::env::var_os(VARIABLE) {
        None => Ok(()),
        Some(_) => Err(Error::Start {
            reason: format!(
                "{VARIABLE} is set, but this process did not become a worker: it was inherited \
                 from somewhere else (unset it), or the entry in .init_array did not run"
            ),
        }),
    }
}

/// An error in a program that has privileges from its file (setuid, setgid, file capabilities) and
/// was started by somebody without them: its workers would have them too, so they ignore what they
/// are handed, and run `main`.
pub(crate) fn refuse_privileges_of_the_file() -> Result<()> {
    if !is_secure() {
        return Ok(());
    }
    Err(Error::Start {
        reason: "this program was started in secure mode (AT_SECURE: it is setuid or setgid, or \
                 has file capabilities), in which no hand-over to workers is accepted; start it \
                 without, or as the user whose privileges it needs"
            .into(),
    })
}

/// Whether the environment is that of somebody who has fewer privileges than this program.
fn is_secure() -> bool {
    // SAFETY: reads the auxiliary vector.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// A worker's life: gets what was handed over, and the region.
pub(crate) type WorkerMain = fn(Handover, &'static Region);

/// Lays the entry into the executable. Floor 6 says what a worker does.
macro_rules! worker_entry {
    ($main:path) => {
        #[used]
        // SAFETY: the section holds pointers to functions of exactly this signature, which the
        // loader calls once, after its own set-up (the C library is usable, and of the standard
        // library all but `std::env::args`, whose entry is number 99). The linker sorts the entries
        // by their numbers, those without one last: so no code of the user's, nor of the libraries
        // linked into the program, sees the hand-over or opens something that is then closed.
        // Numbers up to 100 are left to languages and sanitizers; theirs may come first.
        #[unsafe(link_section = ".init_array.00010")]
        static WORKER_ENTRY: $crate::process::entry::Initialiser = {
            extern "C" fn enter(
                argc: std::ffi::c_int,
                argv: *const *const std::ffi::c_char,
                envp: *const *const std::ffi::c_char,
            ) {
                $crate::process::entry::enter(argc, argv, envp, WORKER_ENTRY, $main);
            }
            enter
        };

        /// Whether workers can be started at all.
        pub(crate) fn check_entry() -> $crate::error::Result<()> {
            $crate::process::entry::check(&WORKER_ENTRY)
        }
    };
}
pub(crate) use worker_entry;

/// What `.init_array` holds.
pub(crate) type Initialiser = extern "C" fn(c_int, *const *const c_char, *const *const c_char);

/// Whether the entry lies in the executable, which is what workers are started from. If it lies in a
/// shared object instead, each "worker" would be the host program once more.
pub(crate) fn check(own: &'static Initialiser) -> Result<()> {
    super::image::offset_in_executable(own).map(|_| ()).map_err(|_| Error::Start {
        reason: "gristmill is part of a shared object, and workers are started from the \
                 executable; link it into an executable"
            .into(),
    })
}

pub(crate) fn enter(
    argc: c_int,
    argv: *const *const c_char,
    envp: *const *const c_char,
    own: Initialiser,
    main: WorkerMain,
) {
    let entries = entries_of_variable(envp);
    if entries.is_empty() || is_secure() {
        return;
    }
    let handover = std::env::var(VARIABLE).ok().and_then(|text| Handover::decode(&text));
    let Some(handover) = handover else { return };
    if !Region::is_handed_over(std::io::stdin().as_fd()) {
        return;
    }
    // With a region in hand this process is a worker or nothing: were it to go on, `main` would run
    // a second time beside the program that started us, or after its end.
    IS_WORKER.store(true, Ordering::Relaxed);
    handover.seat.take();
    hygiene::close_inherited_descriptors();
    hygiene::prepare(&handover);
    let dumps_region = handover.limits.core_dumps;
    let region = take_region().unwrap_or_else(|error| {
        eprintln!("a worker cannot start: {error}");
        exit(1);
    });
    forget_variable(&entries);
    if dumps_region {
        region.leave_in_dumps();
    }
    run_initialisers_after(own, argc, argv, envp);
    // The process ends without unwinding, so the mapping may as well live for ever.
    main(handover, REGION.get_or_init(|| Box::leak(Box::new(region))));
    exit(0);
}

/// Ends a worker at once: no exit handlers of the program, which never began.
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: ends the process; nothing of it is needed any more.
    unsafe { libc::_exit(status) }
}

/// Where the variable stands in the environment; more than once, if somebody has forged it.
fn entries_of_variable(mut envp: *const *const c_char) -> Vec<*const c_char> {
    let mut entries = vec![];
    loop {
        // SAFETY: the loader's environment: a null-terminated list of C strings.
        let entry = unsafe { *envp };
        if entry.is_null() {
            return entries;
        }
        // SAFETY: as above.
        let text = unsafe { CStr::from_ptr(entry) }.to_bytes();
        let rest = text.strip_prefix(VARIABLE.as_bytes());
        if rest.is_some_and(|rest| rest.starts_with(b"=")) {
            entries.push(entry);
        }
        // SAFETY: not yet at the terminating null.
        envp = unsafe { envp.add(1) };
    }
}

/// Takes the variable from the environment, and its text from where /proc/PID/environ shows it.
fn forget_variable(entries: &[*const c_char]) {
    // SAFETY: no other thread reads the environment: none of the program's own code has run yet.
    unsafe { std::env::remove_var(VARIABLE) };
    for entry in entries {
        // SAFETY: the text lies on the process's own writable stack as long as it lives; the
        // environment does not point to it any more, and none of the program's code has run yet that
        // could.
        unsafe { entry.cast_mut().write_bytes(0, CStr::from_ptr(*entry).count_bytes()) };
    }
}

/// Standard input is the region: maps it, and puts /dev/null in its place.
fn take_region() -> Result<Region> {
    let stdin = std::io::stdin();
    let copy: OwnedFd = stdin
        .as_fd()
        .try_clone_to_owned()
        .map_err(|e| Error::system("taking over the region", e))?;
    let region = Region::attach(copy)?;
    let null = std::fs::File::open("/dev/null").map_err(|e| Error::system("/dev/null", e))?;
    nix::unistd::dup2_stdin(null).map_err(|e| Error::system("replacing standard input", e))?;
    Ok(region)
}

/// Calls the initialisers that the loader would call after ours: those of statically linked
/// native libraries, which kernels may use.
fn run_initialisers_after(
    own: Initialiser,
    argc: c_int,
    argv: *const *const c_char,
    envp: *const *const c_char,
) {
    unsafe extern "C" {
        // Laid down by the linker around the section.
        static __init_array_start: [Option<Initialiser>; 0];
        static __init_array_end: [Option<Initialiser>; 0];
    }
    // SAFETY: the linker's two symbols bound one array of initialisers of this executable.
    let all = unsafe {
        let start = __init_array_start.as_ptr();
        let len = __init_array_end.as_ptr().offset_from(start) as usize;
        std::slice::from_raw_parts(start, len)
    };
    let is_own =
        |entry: &Option<Initialiser>| entry.is_some_and(|entry| std::ptr::fn_addr_eq(entry, own));
    let Some(position) = all.iter().position(is_own) else { return };
    for entry in all[position + 1..].iter().flatten() {
        entry(argc, argv, envp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handover_survives_its_way_and_nonsense_is_refused() {
        let limits = Limits { memory_bytes: Some(1 << 40), core_dumps: true, nice: 19 };
        for (cpu, limits) in [(None, Limits::default()), (Some(3), limits)] {
            let seat = Seat::of_child(2);
            let handover = Handover { seat, parent: 77, nonce: u64::MAX, cpu, limits };
            assert_eq!(Handover::decode(&handover.encode()), Some(handover));
        }
        for nonsense in [
            "",
            "1",
            "1 2 xyz - - true 0",
            "1 2 3 - - true 0 5",
            "-1 2 3 - - true 0",
            "1000000 2 3 - - true 0",
            "1 2 3 x - true 0",
            "1 2 3 - - true",
        ] {
            assert_eq!(Handover::decode(nonsense), None, "{nonsense}");
        }
    }
}
