//! `gristmill top`: the jobs that run, and what each of their workers is about.

use super::args::ExitStatus;
use super::observed::{PATIENCE, PREFIX, Snapshot, WorkerLine};
use super::print;
use crate::report::{bytes, duration};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::io::{IsTerminal, Read};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;

/// A snapshot's length at most.
const SNAPSHOT_BYTES_MAX: u64 = 1 << 20;

/// Clears a terminal.
const CLEAR: &str = "\x1b[H\x1b[J";

pub(super) fn top() -> ExitStatus {
    if !std::io::stdout().is_terminal() {
        return print(&table(&answers()));
    }
    loop {
        let status = print(&format!("{CLEAR}{}\nCtrl-C ends this view\n", table(&answers())));
        if status != ExitStatus::Done {
            return status;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// What came of asking a job.
enum Answer {
    Says(Snapshot),
    /// Nothing, though the process is there: it is stopped, most likely.
    Nothing {
        pid: u32,
    },
}

impl Answer {
    fn pid(&self) -> u32 {
        match self {
            Answer::Says(snapshot) => snapshot.pid,
            Answer::Nothing { pid } => *pid,
        }
    }
}

/// All jobs, in the order of their processes.
fn answers() -> Vec<Answer> {
    let sockets = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let mut names: Vec<&str> = sockets
        .lines()
        .filter_map(|line| Some(line.split_once(" @")?.1))
        .filter(|name| name.starts_with(PREFIX))
        .collect();
    // Each connection has a line of its own.
    names.sort_unstable();
    names.dedup();
    // All at once: one that does not answer is waited for.
    let mut answers: Vec<Answer> = std::thread::scope(|scope| {
        let asked: Vec<_> = names.iter().map(|name| scope.spawn(|| ask(name))).collect();
        asked.into_iter().filter_map(|asked| asked.join().ok()?).collect()
    });
    answers.sort_by_key(Answer::pid);
    answers
}

fn ask(name: &str) -> Option<Answer> {
    let address = SocketAddr::from_abstract_name(name).ok()?;
    let mut stream = UnixStream::connect_addr(&address).ok()?;
    // Anybody can bind such a name; root is shown the jobs of all.
    let (own, peer) = (nix::unistd::geteuid(), getsockopt(&stream, PeerCredentials).ok()?);
    if !own.is_root() && peer.uid() != own.as_raw() {
        return None;
    }
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut text = String::new();
    match (&mut stream).take(SNAPSHOT_BYTES_MAX).read_to_string(&mut text) {
        Ok(_) => serde_json::from_str(&text).ok().map(Answer::Says),
        Err(_) => Some(Answer::Nothing { pid: peer.pid() as u32 }),
    }
}

fn table(answers: &[Answer]) -> String {
    if answers.is_empty() {
        return "no job of yours is running here\n".into();
    }
    let told = answers.iter().map(|answer| match answer {
        Answer::Says(snapshot) => job(snapshot),
        Answer::Nothing { pid } => format!("a job (pid {pid}) does not answer: is it stopped?\n"),
    });
    told.collect::<Vec<_>>().join("\n")
}

fn job(snapshot: &Snapshot) -> String {
    let time = |seconds: f64| duration(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    let step = match &snapshot.step {
        Some((step, part)) => format!("step {}, {:.0} %", plain(step), 100.0 * part),
        None => "no step yet".into(),
    };
    let name = plain(&snapshot.job);
    let mut text = format!("{name} (pid {}), {}: {step}\n", snapshot.pid, time(snapshot.seconds));
    text += &format!(
        "  {:>6}  {:>8}  {:<28}  {:>12}  {:>12}\n",
        "worker", "pid", "at", "for", "memory"
    );
    for worker in &snapshot.workers {
        let WorkerLine { rank, pid, activity, seconds, is_stopped, memory_bytes } = worker;
        let pid = pid.map_or("-".into(), |pid| pid.to_string());
        let stopped = if *is_stopped { " (stopped)" } else { "" };
        let at = format!("{}{stopped}", plain(activity));
        let memory = memory_bytes.map_or("-".into(), bytes);
        text += &format!("  {rank:>6}  {pid:>8}  {at:<28}  {:>12}  {memory:>12}\n", time(*seconds));
    }
    text
}

/// Text of another process, without what would move the cursor.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_shown_with_their_workers() {
        assert_eq!(table(&[]), "no job of yours is running here\n");
        let worker = |rank: usize, activity: &str, is_stopped| WorkerLine {
            rank,
            pid: Some(40 + rank as i32),
            activity: activity.into(),
            seconds: 12.5,
            is_stopped,
            memory_bytes: Some(3 << 20),
        };
        let snapshot = Snapshot {
            job: "terrain\x1b[2J".into(),
            pid: 39,
            seconds: 150.0,
            step: Some(("slope".into(), 0.421)),
            workers: vec![worker(0, "chunk 17 (850..900)", false), worker(1, "idle", true)],
        };
        let shown = table(&[Answer::Says(snapshot), Answer::Nothing { pid: 50 }]);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "terrain[2J (pid 39), 2 min 30 s: step slope, 42 %");
        assert!(lines[2].contains("40  chunk 17 (850..900)") && lines[2].contains("12 s"));
        assert!(
            lines[3].contains("41  idle (stopped)") && lines[3].ends_with("3.00 MiB"),
            "{shown}"
        );
        assert_eq!(lines[5], "a job (pid 50) does not answer: is it stopped?");
    }
}
