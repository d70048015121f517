//! Surroundings that only a namespace can make: no /proc, another PID namespace, a full and a
//! read-only folder. Where no namespace may be made, the tests say that they are skipped.

mod support;

use gristmill::Engine;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::processes::{
    in_namespaces, is_root, mount_tmpfs, output_if_permitted, part, skipped, state_of, succeeds,
    this_binary,
};
use support::{Fuse, MapWithFuse, engine};

const FOLDER: &str = "GRISTMILL_TEST_FOLDER";

#[test]
fn without_proc_the_error_says_so() {
    if part().is_some() {
        assert!(!Path::new("/proc/self").exists());
        let error = Engine::new().unwrap_err().to_string();
        assert!(error.contains("/proc is not mounted"), "{error}");
        assert!(error.contains("mount -t proc proc /proc"), "{error}");
        return;
    }
    let mut command = this_binary("without_proc_the_error_says_so", "run");
    // Over it, as it may be locked in place.
    in_namespaces(&mut command, libc::CLONE_NEWNS, || mount_tmpfs(c"/proc", c"size=64k"));
    output_if_permitted(&mut command).iter().for_each(succeeds);
}

/// All that goes by process numbers: starts, deaths, replacements, files by descriptor.
fn works_in_a_pid_namespace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let engine = engine(2);
    engine.from_fn(1 << 20, |i| i as f64).unwrap().save_npy(&path).unwrap();
    let x = engine.open_npy::<f64, ndarray::Ix1>(&path).unwrap();
    assert_eq!(x[77_777], 77_777.0);
    let mut y = engine.zeros(1 << 20).unwrap();
    let fuse = Fuse::new(&folder, "map");
    engine.run(&MapWithFuse { fuse: fuse.clone(), chunk: 3 }, (&x, &mut y)).unwrap();
    assert!(x.as_slice().iter().zip(y.as_slice()).all(|(x, y)| *y == 3.0 * x + 1.0));
    assert_eq!((fuse.burnt(), engine.stats().deaths), (1, 1));
}

/// A program that runs this test's part in a PID namespace of its own.
fn unshare(options: &[&str], test: &str, shell: bool) -> Command {
    let program = this_binary(test, "run");
    let mut command = Command::new("unshare");
    command.args(options).args(if is_root() { None } else { Some("--map-root-user") });
    if shell {
        // The shell is the namespace's first process, and the program its child.
        command.args(["sh", "-c", "\"$0\" \"$@\"; exit $?"]);
    }
    command.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap());
    }
    command
}

fn may_unshare(options: &[&str]) -> bool {
    let mut command = Command::new("unshare");
    command.args(options).args(if is_root() { None } else { Some("--map-root-user") }).arg("true");
    let may = command.output().is_ok_and(|output| output.status.success());
    if !may {
        skipped("no PID namespace may be made here (or there is no `unshare`)");
    }
    may
}

fn in_a_pid_namespace(test: &str, options: &[&str]) {
    if part().is_some() {
        return works_in_a_pid_namespace();
    }
    if may_unshare(options) {
        // As the namespace's first process, and as another one.
        for shell in [false, true] {
            succeeds(&unshare(options, test, shell).output().unwrap());
        }
    }
}

#[test]
fn a_pid_namespace_with_its_own_proc_changes_nothing() {
    let options = ["--pid", "--fork", "--mount-proc"];
    in_a_pid_namespace("a_pid_namespace_with_its_own_proc_changes_nothing", &options);
}

#[test]
fn a_pid_namespace_under_the_proc_of_another_changes_nothing() {
    let options = ["--pid", "--fork"];
    in_a_pid_namespace("a_pid_namespace_under_the_proc_of_another_changes_nothing", &options);
}

#[test]
fn a_pid_namespace_for_the_children_alone_is_a_clear_error() {
    if part().is_some() {
        // SAFETY: a plain system call.
        if unsafe { libc::unshare(libc::CLONE_NEWPID) } != 0 {
            return skipped("no PID namespace may be made here");
        }
        let error = Engine::builder().workers(2).build().unwrap_err().to_string();
        for said in ["CLONE_NEWPID", "would not see their coordinator", "unshare --pid --fork"] {
            assert!(error.contains(said), "{error}");
        }
        return;
    }
    let name = "a_pid_namespace_for_the_children_alone_is_a_clear_error";
    let output = this_binary(name, "run").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.lines().filter_map(|line| line.strip_prefix("skipped: ")).for_each(skipped);
    succeeds(&output);
}

/// All that is in a PID namespace ends with its first process, the coordinator.
#[test]
fn a_killed_pid_namespace_leaves_no_worker() {
    let options = ["--pid", "--fork", "--kill-child"];
    let name = "a_killed_pid_namespace_leaves_no_worker";
    if part().is_some() {
        let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
        let engine = engine(2);
        // By the numbers that the outer /proc gives.
        let children = support::processes::children_of("self");
        let text: Vec<String> = children.iter().map(i32::to_string).collect();
        std::fs::write(folder.join("partial"), text.join(" ")).unwrap();
        std::fs::rename(folder.join("partial"), folder.join("workers")).unwrap();
        let wait = |_: u32| std::thread::sleep(std::time::Duration::from_secs(3600));
        engine.tasks().map(wait, 0..2).unwrap().for_each(drop);
        return;
    }
    if !may_unshare(&options) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = unshare(&options, name, false);
    let mut child = command.env(FOLDER, folder.path()).spawn().unwrap();
    let workers = folder.path().join("workers");
    support::processes::wait_until("workers", || workers.exists());
    let text = std::fs::read_to_string(workers).unwrap();
    let workers: Vec<i32> = text.split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert!(workers.len() == 2 && workers.iter().all(|&pid| state_of(pid).is_some()), "{text}");
    child.kill().unwrap();
    child.wait().unwrap();
    let gone = |pid: &i32| support::processes::is_dead(*pid);
    support::processes::wait_until("the end of the workers", || workers.iter().all(gone));
}

/// The part in a folder of 64 KiB: tries to save 1 MiB there.
fn cannot_save(reason: &str) {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let engine = engine(1);
    let x = engine.filled(1 << 17, 1.5).unwrap();
    let path = folder.join("x.npy");
    let error = x.save_npy(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: ", path.display())), "{error}");
    assert!(error.contains(reason), "{error}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    // Nothing is lost: it can be saved elsewhere.
    let elsewhere = tempfile::tempdir().unwrap();
    x.save_npy(elsewhere.path().join("x.npy")).unwrap();
}

fn in_a_folder_with(options: &'static std::ffi::CStr, test: &str, reason: &str) {
    if part().is_some() {
        return cannot_save(reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = this_binary(test, "run");
    command.env(FOLDER, folder.path());
    let path = CString::new(folder.path().to_str().unwrap()).unwrap();
    in_namespaces(&mut command, libc::CLONE_NEWNS, move || mount_tmpfs(&path, options));
    output_if_permitted(&mut command).iter().for_each(succeeds);
}

#[test]
fn a_full_folder_is_an_error_and_keeps_no_half_file() {
    let name = "a_full_folder_is_an_error_and_keeps_no_half_file";
    in_a_folder_with(c"size=64k", name, "No space left on device");
}

#[test]
fn a_folder_without_any_room_for_names_is_an_error() {
    let name = "a_folder_without_any_room_for_names_is_an_error";
    // The folder itself takes the only one.
    in_a_folder_with(c"nr_inodes=1", name, "No space left on device");
}

#[test]
fn a_read_only_folder_is_an_error() {
    if part().is_some() {
        return cannot_save("Read-only file system");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = this_binary("a_read_only_folder_is_an_error", "run");
    command.env(FOLDER, folder.path());
    let path = CString::new(folder.path().to_str().unwrap()).unwrap();
    in_namespaces(&mut command, libc::CLONE_NEWNS, move || {
        mount_tmpfs(&path, c"size=64k")?;
        let nothing = std::ptr::null();
        let flags = libc::MS_REMOUNT | libc::MS_RDONLY;
        // SAFETY: the texts outlive the call.
        match unsafe { libc::mount(nothing, path.as_ptr(), nothing, flags, nothing.cast()) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    });
    output_if_permitted(&mut command).iter().for_each(succeeds);
}
