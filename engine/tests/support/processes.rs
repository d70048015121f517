//! Programs for tests to watch from outside: this test binary again, with a part to play.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Set in a process that a test binary starts of itself.
const PART: &str = "GRISTMILL_TEST_PART";

/// The user that nobody is.
const NOBODY: u32 = 65_534;

/// This test binary again, with one part to play in the test of this name.
pub fn this_binary(test: &str, part: &str) -> Command {
    of_binary(&std::env::current_exe().unwrap(), test, part)
}

/// A copy of this test binary, with one part to play in the test of this name.
pub fn of_binary(program: &Path, test: &str, part: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(PART, part);
    command
}

/// The part that this process is to play, if it is such a program.
pub fn part() -> Option<String> {
    std::env::var(PART).ok()
}

/// Asks again and again until it is so, with a generous end.
#[track_caller]
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}: waited in vain");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What each descriptor of this process leads to, but for the one that lists the others.
pub fn descriptors() -> BTreeMap<i32, String> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let found = entries.filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        Some((number, std::fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned()))
    });
    let own_list = format!("/proc/{}/fd", std::process::id());
    found.filter(|(_, path)| *path != own_list).collect()
}

pub fn children_of(pid: &str) -> Vec<i32> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return vec![] };
    let children = tasks.flatten().flat_map(|task| {
        let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>()
    });
    children.collect()
}

/// The state of a process, as in /proc/PID/stat; none if there is none.
pub fn state_of(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
}

pub fn is_dead(pid: i32) -> bool {
    matches!(state_of(pid), None | Some('Z' | 'X'))
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Says that a test is not carried out here; `eprintln` would be heard of failing tests alone.
pub fn skipped(why: &str) {
    io::stderr().write_all(format!("skipped: {why}\n").as_bytes()).unwrap();
}

/// Has a command run by the user that nobody is: limits on processes do not bind root.
pub fn as_nobody(command: &mut Command) {
    command.uid(NOBODY).gid(NOBODY);
}

/// A copy of this test binary that every user may execute, in a folder that everybody may enter.
pub fn copy_for_everybody(folder: &Path) -> std::path::PathBuf {
    std::fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let copy = folder.join("program");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    std::fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    copy
}

/// Has a command run in namespaces of its own, `CLONE_NEW…`, and do something there first.
pub fn in_namespaces(
    command: &mut Command,
    namespaces: i32,
    mut first: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    // Others than root need a user namespace, in which they are who they are.
    let same = [
        (c"/proc/self/setgroups", "deny".to_string()),
        (c"/proc/self/uid_map", format!("{user} {user} 1")),
        (c"/proc/self/gid_map", format!("{group} {group} 1")),
    ];
    let own = if is_root() { 0 } else { libc::CLONE_NEWUSER };
    // SAFETY: system calls alone, as is allowed between fork and exec.
    unsafe {
        command.pre_exec(move || {
            if libc::unshare(namespaces | own) != 0 {
                return Err(io::Error::last_os_error());
            }
            for (path, text) in same.iter().filter(|_| own != 0) {
                let file = libc::open(path.as_ptr(), libc::O_WRONLY);
                if libc::write(file, text.as_ptr().cast(), text.len()) < 0 {
                    return Err(io::Error::last_os_error());
                }
                libc::close(file);
            }
            first()
        });
    }
}

/// Mounts a tmpfs there, for this process's mount namespace alone. For `in_namespaces`.
pub fn mount_tmpfs(target: &std::ffi::CStr, options: &std::ffi::CStr) -> io::Result<()> {
    let (none, kind) = (c"none".as_ptr(), c"tmpfs".as_ptr());
    let private = libc::MS_REC | libc::MS_PRIVATE;
    let nothing = std::ptr::null();
    // SAFETY: the texts outlive the calls.
    let done = unsafe {
        libc::mount(none, c"/".as_ptr(), nothing, private, nothing.cast()) == 0
            && libc::mount(none, target.as_ptr(), kind, 0, options.as_ptr().cast()) == 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Runs it to its end; `None`, and says so, where the system does not permit its start.
pub fn output_if_permitted(command: &mut Command) -> Option<Output> {
    match command.output() {
        Err(error) if error.raw_os_error().is_some_and(is_denial) => {
            skipped(&format!("not permitted here: {error}"));
            None
        }
        output => Some(output.unwrap()),
    }
}

fn is_denial(code: i32) -> bool {
    // No more namespaces may be made (ENOSPC, EUSERS) where their number is limited to 0.
    [libc::EPERM, libc::EACCES, libc::ENOSPC, libc::EUSERS, libc::ENOSYS].contains(&code)
}

#[track_caller]
pub fn succeeds(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{:?}\n{out}\n{err}", output.status);
}
