//! How a process becomes a worker, and that one which cannot be a worker is nothing else.

// Brings the entry that makes workers.
use gristmill as _;
use std::process::{Command, Stdio};

const PART: &str = "GRISTMILL_TEST_PART";

/// A sealed memfd, as a region is handed over.
fn region_of_nobody() -> Stdio {
    use nix::fcntl::{FcntlArg, SealFlag, fcntl};
    use nix::sys::memfd::{MFdFlags, memfd_create};
    let file = memfd_create(c"region", MFdFlags::MFD_ALLOW_SEALING).unwrap();
    nix::unistd::ftruncate(&file, 1 << 40).unwrap();
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK)).unwrap();
    Stdio::from(file)
}

/// A worker whose coordinator died while it started, or that cannot map the region, must not run
/// the program's `main` a second time.
#[test]
fn a_worker_that_cannot_be_one_runs_nothing_of_the_program() {
    if std::env::var_os(PART).is_some() {
        println!("main ran");
        return;
    }
    let name = "a_worker_that_cannot_be_one_runs_nothing_of_the_program";
    let run = |parent: u32, limit: &str| {
        let own = std::env::current_exe().unwrap();
        let own = own.display();
        let line = format!("{limit}exec {own} --exact {name} --nocapture");
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).env(PART, "worker").stdin(region_of_nobody());
        shell.env("GRISTMILL_WORKER", format!("0 {parent} 1 - - false")).output().unwrap()
    };
    // The parent is another process: the coordinator is gone.
    let orphan = run(1, "");
    assert!(orphan.status.success() && orphan.stdout.is_empty(), "{orphan:?}");
    // There is no room in the address space.
    let tight = run(std::process::id(), "ulimit -v 4000000; ");
    assert_eq!(tight.status.code(), Some(1), "{tight:?}");
    assert!(tight.stdout.is_empty(), "{tight:?}");
    let words = String::from_utf8_lossy(&tight.stderr).into_owned();
    assert!(words.contains("a worker cannot start") && words.contains("RLIMIT_AS"), "{words}");
}
