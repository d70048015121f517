//! A job that is under way, and its processes.

use std::fs::File;
use std::io::{PipeReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::place::Place;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again and again until it is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < PATIENCE, "{what}: waited in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A command that runs in the background; killed when dropped.
pub(crate) struct Started {
    child: Child,
    messages: PathBuf,
}

impl Started {
    /// The command, on two workers unless the words say otherwise.
    pub(crate) fn new(place: &Place, words: &str) -> Started {
        Started::of(place, Path::new(env!("CARGO_BIN_EXE_gristmill")), words)
    }

    pub(crate) fn of(place: &Place, program: &Path, words: &str) -> Started {
        let messages = place.path("messages.txt");
        let stderr = File::create(&messages).unwrap();
        Started::telling(place, program, words, stderr.into())
    }

    /// The command, whose standard error takes nothing: a full pipe that nobody reads while the
    /// reader is kept.
    pub(crate) fn unheard(place: &Place, words: &str) -> (Started, PipeReader) {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let room = fcntl(&writer, FcntlArg::F_GETPIPE_SZ).unwrap();
        writer.write_all(&vec![b'.'; room as usize]).unwrap();
        place.file("messages.txt", "");
        let program = Path::new(env!("CARGO_BIN_EXE_gristmill"));
        (Started::telling(place, program, words, writer.into()), reader)
    }

    fn telling(place: &Place, program: &Path, words: &str, stderr: Stdio) -> Started {
        let mut command = Command::new(program);
        command.args(words.split_whitespace()).current_dir(place.path("."));
        if !words.contains("--workers") {
            command.args(["--workers", "2"]);
        }
        command.env_remove("GRISTMILL_WORKER").stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(stderr);
        Started { child: command.spawn().unwrap(), messages: place.path("messages.txt") }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub(crate) fn messages(&self) -> String {
        std::fs::read_to_string(&self.messages).unwrap()
    }

    /// Its workers, once there are as many as this and each has computed for a while.
    pub(crate) fn computing_workers(&mut self, count: usize) -> Vec<i32> {
        let (pid, messages) = (self.pid(), self.messages.clone());
        computing_workers(pid, count, || {
            let ended = self.child.try_wait().unwrap();
            assert_eq!(ended, None, "it ended: {}", std::fs::read_to_string(&messages).unwrap());
        })
    }

    /// Whether it has.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// How it ended.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let mut ended = None;
        wait_until("the end of the command", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// The workers of a process, once there are as many as this and each has computed for a while;
/// `look` is called meanwhile.
pub(crate) fn computing_workers(pid: i32, count: usize, mut look: impl FnMut()) -> Vec<i32> {
    let mut workers = vec![];
    wait_until("workers that compute", || {
        look();
        workers = workers_of(pid);
        workers.len() == count && workers.iter().all(|&worker| cpu_ticks(worker) >= 10)
    });
    workers
}

/// The workers among the children of a process.
pub(crate) fn workers_of(pid: i32) -> Vec<i32> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return vec![] };
    let children = tasks.flatten().flat_map(|task| {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>()
    });
    children.filter(|&child| command_line(child).starts_with("gristmill worker ")).collect()
}

fn command_line(pid: i32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// The fields of /proc/PID/stat from the third on: the state comes first.
fn stat(pid: i32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    rest.split_whitespace().map(String::from).collect()
}

/// Hundredths of a second that the process has computed.
fn cpu_ticks(pid: i32) -> u64 {
    stat(pid).get(11).map_or(0, |ticks| ticks.parse().unwrap())
}

/// Waits until all are dead. Who their new parent is, and when it reaps them, is not ours.
pub(crate) fn all_end(pids: &[i32]) {
    let dead = |pid: &i32| stat(*pid).first().is_none_or(|state| state == "Z" || state == "X");
    wait_until("the end of the workers", || pids.iter().all(dead));
}

/// Whether the process has anything of /dev/shm open or mapped.
pub(crate) fn uses_shm(pid: i32) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let open = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
    maps.contains("/dev/shm/") || open.into_iter().any(|path| path.starts_with("/dev/shm"))
}
