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
        return print(&table(&snapshots()));
    }
    loop {
        let status = print(&format!("{CLEAR}{}\nCtrl-C ends this view\n", table(&snapshots())));
        if status != ExitStatus::Done {
            return status;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// All jobs that answer, in the order of their processes.
fn snapshots() -> Vec<Snapshot> {
    let sockets = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let mut names: Vec<&str> = sockets
        .lines()
        .filter_map(|line| line.split_once(" @")?.1.starts_with(PREFIX).then_some(line))
        .filter_map(|line| Some(line.split_once(" @")?.1))
        .collect();
    // Each connection has a line of its own.
    names.sort_unstable();
    names.dedup();
    let mut snapshots: Vec<Snapshot> = names.into_iter().filter_map(ask).collect();
    snapshots.sort_by_key(|snapshot| snapshot.pid);
    snapshots
}

fn ask(name: &str) -> Option<Snapshot> {
    let address = SocketAddr::from_abstract_name(name).ok()?;
    let mut stream = UnixStream::connect_addr(&address).ok()?;
    // Anybody can bind such a name; root is shown the jobs of all.
    let (own, peer) = (nix::unistd::geteuid(), getsockopt(&stream, PeerCredentials).ok()?);
    if !own.is_root() && peer.uid() != own.as_raw() {
        return None;
    }
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut text = String::new();
    (&mut stream).take(SNAPSHOT_BYTES_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn table(snapshots: &[Snapshot]) -> String {
    if snapshots.is_empty() {
        return "no job of yours is running here\n".into();
    }
    snapshots.iter().map(job).collect::<Vec<_>>().join("\n")
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
        let shown = table(&[snapshot]);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "terrain[2J (pid 39), 2 min 30 s: step slope, 42 %");
        assert!(lines[2].contains("40  chunk 17 (850..900)") && lines[2].contains("12 s"));
        assert!(
            lines[3].contains("41  idle (stopped)") && lines[3].ends_with("3.00 MiB"),
            "{shown}"
        );
    }
}
