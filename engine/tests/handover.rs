//! How a process becomes a worker, and that one which cannot be a worker is nothing else.

mod support;

use gristmill::{Chunk, Engine, Error, Kernel, Out, Shapes};
use nix::fcntl::{FcntlArg, FdFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use support::engine;
use support::processes::{
    as_nobody, copy_for_everybody, descriptors, is_root, of_binary, part, skipped, succeeds,
    this_binary,
};

const VARIABLE: &str = "GRISTMILL_WORKER";

/// A sealed memfd, as a region is handed over.
fn region_of_nobody() -> Stdio {
    let file = memfd_create(c"region", MFdFlags::MFD_ALLOW_SEALING).unwrap();
    nix::unistd::ftruncate(&file, 1 << 40).unwrap();
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK)).unwrap();
    Stdio::from(file)
}

/// This binary by way of a shell, which becomes it: so it is a child of this process, with a forged
/// hand-over.
fn forged(test: &str, parent: u32, region: Stdio, setup: &str) -> Output {
    let program = this_binary(test, "forged");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{setup}exec \"$0\" \"$@\"")]);
    shell.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        shell.env(name, value.unwrap());
    }
    shell.env(VARIABLE, format!("1 {parent} 1 - - false 0")).stdin(region).output().unwrap()
}

/// What shows that `main` ran.
fn main_runs() {
    println!("main ran");
}

/// A worker whose coordinator died while it started must not run the program's `main` a second time.
#[test]
fn a_hand_over_of_another_parent_makes_no_worker_and_runs_nothing_of_the_program() {
    if part().is_some() {
        return main_runs();
    }
    let name = "a_hand_over_of_another_parent_makes_no_worker_and_runs_nothing_of_the_program";
    let orphan = forged(name, 1, region_of_nobody(), "");
    assert!(orphan.status.success() && orphan.stdout.is_empty(), "{orphan:?}");
}

#[test]
fn a_hand_over_with_another_nonce_than_the_regions_makes_no_worker_and_runs_nothing() {
    if part().is_some() {
        return main_runs();
    }
    let name = "a_hand_over_with_another_nonce_than_the_regions_makes_no_worker_and_runs_nothing";
    let engine = engine(1);
    let x = engine.filled(1000, 1.0).unwrap();
    let of_worker = |_: u32| {
        let region = descriptors().into_iter().find(|(_, path)| path.contains("memfd:gristmill"));
        format!("/proc/{}/fd/{}", std::process::id(), region.unwrap().0)
    };
    let path = engine.tasks().map(of_worker, 0..1).unwrap().next().unwrap().unwrap();
    let again = std::fs::File::options().read(true).write(true).open(path).unwrap();
    // The parent is right each time.
    for region in [region_of_nobody(), Stdio::from(again)] {
        let stranger = forged(name, std::process::id(), region, "");
        assert!(stranger.status.success() && stranger.stdout.is_empty(), "{stranger:?}");
        assert_eq!((engine.sum(&x).unwrap(), engine.stats().deaths), (1000.0, 0));
    }
}

#[test]
fn a_worker_that_cannot_map_the_region_says_why_and_runs_nothing_of_the_program() {
    if part().is_some() {
        return main_runs();
    }
    let name = "a_worker_that_cannot_map_the_region_says_why_and_runs_nothing_of_the_program";
    let tight = forged(name, std::process::id(), region_of_nobody(), "ulimit -v 4000000; ");
    assert_eq!(tight.status.code(), Some(1), "{tight:?}");
    assert!(tight.stdout.is_empty(), "{tight:?}");
    let words = String::from_utf8_lossy(&tight.stderr).into_owned();
    assert!(words.contains("a worker cannot start") && words.contains("RLIMIT_AS"), "{words}");
}

/// A copy of this program that belongs to root and is setuid, where that counts.
fn setuid_copy(folder: &Path) -> Option<std::path::PathBuf> {
    if !is_root() {
        skipped("a program with privileges from its file can be made by root alone");
        return None;
    }
    let copy = copy_for_everybody(folder);
    std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o4755)).unwrap();
    Some(copy)
}

fn is_secure() -> bool {
    // SAFETY: reads the auxiliary vector.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[test]
fn in_secure_mode_a_forged_hand_over_is_ignored_and_no_engine_starts() {
    if part().is_some() {
        if is_secure() {
            let error = Engine::new().unwrap_err();
            assert!(matches!(error, Error::Start { .. }), "{error}");
            assert!(error.to_string().contains("AT_SECURE"), "{error}");
            assert_eq!(support::processes::children_of("self"), [0; 0]);
        }
        println!("\nsecure: {}", is_secure());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(copy) = setuid_copy(folder.path()) else { return };
    let name = "in_secure_mode_a_forged_hand_over_is_ignored_and_no_engine_starts";
    for forged in [false, true] {
        let mut command = of_binary(&copy, name, "secure");
        as_nobody(&mut command);
        if forged {
            let value = format!("1 {} 1 - - false 0", std::process::id());
            command.env(VARIABLE, value).stdin(region_of_nobody());
        }
        let output = command.output().unwrap();
        succeeds(&output);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("secure: false") {
            return skipped("setuid programs get no privileges on this file system (nosuid)");
        }
        assert!(text.contains("secure: true"), "{text}");
    }
}

/// What code of the program that runs before `main` has seen in this process.
static SEEN_BEFORE_MAIN: OnceLock<(bool, PathBuf, File)> = OnceLock::new();

/// Looks for the hand-over as early as a library can, and opens a file.
#[used]
// SAFETY: the loader (in a worker: the engine's entry) calls it once, with arguments that it does
// not look at, when the C library is usable.
#[unsafe(link_section = ".init_array.00101")]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn look() {
        let stdin = std::fs::read_link("/proc/self/fd/0").unwrap_or_default();
        let file = File::open("/proc/self/status").expect("there is /proc");
        let _ = SEEN_BEFORE_MAIN.set((std::env::var_os(VARIABLE).is_some(), stdin, file));
    }
    look
};

#[test]
fn what_runs_before_main_sees_nothing_of_the_hand_over_and_keeps_what_it_opens() {
    let engine = engine(2);
    let seen = |_: u32| {
        let (variable, stdin, file) = SEEN_BEFORE_MAIN.get().unwrap();
        let kept = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
        (*variable, stdin.clone(), kept.ends_with("status"))
    };
    let seen = engine.tasks().map(seen, 0..8).unwrap();
    let nothing = (false, PathBuf::from("/dev/null"), true);
    assert!(seen.map(Result::unwrap).all(|seen| seen == nothing));
}

/// What a kernel can see of its hand-over, as numbers: nothing of which must be there.
#[derive(Serialize, Deserialize)]
struct LookAround;

/// The environment's variable, the environment as /proc shows it, descriptors that a child would
/// inherit, others than the standard ones, the region and `BEFORE_MAIN`'s file, an output that is not
/// the relay's.
const SEEN: usize = 5;

impl Kernel for LookAround {
    type Args = Out<u64>;
    type Output = ();

    fn run(&self, _: Chunk, seen: &mut [u64]) {
        let shown = std::fs::read("/proc/self/environ").unwrap();
        let name = VARIABLE.as_bytes();
        let descriptors = descriptors();
        let inherited = |(&number, path): (&i32, &String)| {
            // SAFETY: asks about a descriptor by its number.
            let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
            let closes = FdFlag::from_bits_truncate(flags).contains(FdFlag::FD_CLOEXEC);
            let own = path.contains("memfd:gristmill") || path.ends_with("/status");
            number > 2 && (!closes || !own)
        };
        seen.copy_from_slice(&[
            u64::from(std::env::var_os(VARIABLE).is_some()),
            u64::from(shown.windows(name.len()).any(|window| window == name)),
            descriptors.iter().filter(|&found| inherited(found)).count() as u64,
            u64::from(descriptors.len() != 5 || descriptors[&0] != "/dev/null"),
            u64::from(![1, 2].iter().all(|pipe| descriptors[pipe].starts_with("pipe:"))),
        ]);
    }

    fn grain(&self, _: &Shapes) -> usize {
        SEEN
    }
}

#[test]
fn a_kernel_sees_nothing_of_its_hand_over_and_inherits_nothing_that_the_program_had_open() {
    // Without close-on-exec: any child of the program would have it.
    let open = memfd_create(c"the programs own", MFdFlags::empty()).unwrap();
    let engine = engine(2);
    let mut seen = engine.filled(SEEN * 16, 9).unwrap();
    engine.run(&LookAround, &mut seen).unwrap();
    assert_eq!(seen.as_slice(), [0; SEEN * 16]);
    drop(open);
}

#[test]
fn a_process_that_a_kernel_starts_has_neither_the_region_nor_the_variable() {
    let engine = engine(1);
    let start = |_: u32| {
        let output = Command::new("sh").args(["-c", "ls -l /proc/self/fd; env"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for text in engine.tasks().map(start, 0..1).unwrap().map(Result::unwrap) {
        assert!(!text.contains("memfd:") && !text.contains(VARIABLE), "{text}");
        assert!(text.contains("OMP_NUM_THREADS=1"), "{text}");
    }
}
