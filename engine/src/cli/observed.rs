//! A job that can be looked at: it listens on a socket of the abstract namespace, which ends with its
//! process, and tells whoever of its user (or root) connects how far it is.

use crate::machine::ProcessStatus;
use crate::report::{Progress, activity};
use crate::roles::{Engine, WorkerActivity};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How names of such sockets begin.
pub(super) const PREFIX: &str = "gristmill-job-";

/// Bytes of the listening thread's stack: little, as address space may be scarce.
const STACK: usize = 256 << 10;

/// Who does not read or write within this time is left alone.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// A job, as it is at this moment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) job: String,
    pub(super) pid: u32,
    pub(super) seconds: f64,
    /// The step that runs, and how much of it is done, 0 to 1.
    pub(super) step: Option<(String, f64)>,
    pub(super) workers: Vec<WorkerLine>,
}

/// A worker of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WorkerLine {
    pub(super) rank: usize,
    pub(super) pid: Option<i32>,
    /// What it is about.
    pub(super) activity: String,
    pub(super) seconds: f64,
    /// By a signal or a debugger.
    pub(super) is_stopped: bool,
    /// Memory of its own.
    pub(super) memory_bytes: Option<u64>,
}

/// Answers as long as it lives.
pub(super) struct Observed {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Observed {
    /// Lets a job be looked at; none where that cannot be had, which is no reason not to run.
    pub(super) fn begin(job: &str, engine: &Arc<Engine>, progress: &Progress) -> Option<Observed> {
        let name = format!("{PREFIX}{}-{job}", std::process::id());
        let address = SocketAddr::from_abstract_name(name).ok()?;
        let listener = UnixListener::bind_addr(&address).ok()?;
        let over = Arc::new(AtomicBool::new(false));
        let (ends, job) = (Arc::clone(&over), job.to_string());
        let (engine, progress) = (Arc::downgrade(engine), progress.clone());
        let since = Instant::now();
        let listen = move || {
            for stream in listener.incoming() {
                let Some(engine) = engine.upgrade() else { return };
                if ends.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else {
                    // Too many open files, say: that may pass.
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                };
                let workers = engine.activities().iter().map(line).collect();
                let (job, pid) = (job.clone(), std::process::id());
                let (seconds, step) = (since.elapsed().as_secs_f64(), progress.now());
                answer(&stream, &Snapshot { job, pid, seconds, step, workers });
            }
        };
        let thread = std::thread::Builder::new().stack_size(STACK).spawn(listen).ok()?;
        Some(Observed { address, over, thread: Some(thread) })
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // It waits for whoever comes next.
        if UnixStream::connect_addr(&self.address).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: &UnixStream, snapshot: &Snapshot) {
    let own = nix::unistd::geteuid();
    let peer = getsockopt(stream, PeerCredentials);
    if !peer.is_ok_and(|peer| peer.uid() == own.as_raw() || peer.uid() == 0) {
        return;
    }
    // Whoever asks and goes away need not be answered.
    let _ = stream.set_write_timeout(Some(PATIENCE));
    let _ = stream.write_all(serde_json::to_string(snapshot).unwrap_or_default().as_bytes());
}

fn line(worker: &WorkerActivity) -> WorkerLine {
    let status = worker.pid.map(ProcessStatus::of).unwrap_or_default();
    WorkerLine {
        rank: worker.rank,
        pid: worker.pid,
        activity: activity(&worker.activity),
        seconds: worker.since.as_secs_f64(),
        is_stopped: status.word("State:").is_some_and(|state| matches!(state, "T" | "t")),
        memory_bytes: status.bytes("RssAnon:"),
    }
}
