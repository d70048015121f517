//! Passes a worker's output on, line by line and with its rank, to the coordinator's standard
//! error, and keeps its last words for the death record. A program that draws on its terminal takes
//! the lines itself.

use nix::errno::Errno;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{PoisonError, RwLock};

/// Bytes of output that are kept.
const TAIL: usize = 4096;
/// A line longer than this is passed on in pieces.
const LINE_MAX: usize = 64 << 10;

/// What takes a line of a worker's output.
type LineSink = Box<dyn Fn(&str) + Send + Sync>;

/// Where lines go instead of standard error; none, unless a command has said so.
static LINE_SINK: RwLock<Option<LineSink>> = RwLock::new(None);

/// Lines of this process's workers go to `sink` from here on. It runs on the supervisor's thread, so
/// it must not wait for workers.
#[cfg(feature = "cli")]
pub(crate) fn send_lines_to(sink: impl Fn(&str) + Send + Sync + 'static) {
    *LINE_SINK.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(sink));
}

fn pass_on(line: &str) {
    match &*LINE_SINK.read().unwrap_or_else(PoisonError::into_inner) {
        Some(sink) => sink(line),
        // A closed standard error is no reason to stop computing.
        None => drop(writeln!(std::io::stderr(), "{line}")),
    }
}

/// The text of some output; what is no UTF-8 is told byte by byte.
fn readable(output: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for chunk in output.utf8_chunks() {
        text += chunk.valid();
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The reading end of one pipe from a worker.
#[derive(Debug)]
pub(crate) struct Relay {
    name: String,
    pipe: Option<OwnedFd>,
    line: Vec<u8>,
    tail: Vec<u8>,
    /// Of the first allocation that failed, as it said itself.
    failed_allocation_bytes: Option<u64>,
}

impl Relay {
    /// Of whom errors call `name`; without a pipe of what is not relayed.
    pub(crate) fn new(name: &str, pipe: Option<OwnedFd>) -> Relay {
        use nix::fcntl::{FcntlArg, OFlag, fcntl};
        // Should it fail, the supervisor would block on a silent worker: better not to listen.
        let nonblocking =
            |pipe: &OwnedFd| fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).is_ok();
        let pipe = pipe.filter(nonblocking);
        let (line, tail) = Default::default();
        Relay { name: name.into(), pipe, line, tail, failed_allocation_bytes: None }
    }

    /// What to poll, until the pipe is closed.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Passes on what is there.
    pub(crate) fn pump(&mut self) {
        let mut buffer = [0; 4096];
        while let Some(pipe) = &self.pipe {
            match nix::unistd::read(pipe, &mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(n) => self.take(&buffer[..n]),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return,
                Err(_) => self.pipe = None,
            }
        }
    }

    /// Passes on the rest, an unfinished line included, and gives the last words.
    pub(crate) fn finish(&mut self) -> String {
        self.pump();
        let last_words = readable(&self.tail).trim_end().into();
        if !self.line.is_empty() {
            self.take(b"\n");
        }
        last_words
    }

    /// The bytes that the standard library could not have, when it said so. The first ones: what it
    /// wants to tell of that needs memory as well, and may say so many times over.
    pub(crate) fn failed_allocation_bytes(&self) -> Option<u64> {
        self.failed_allocation_bytes
    }

    fn take(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        let excess = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..excess);
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() > LINE_MAX {
                let text = String::from_utf8_lossy(&self.line);
                let text = text.trim_end_matches('\n');
                if self.failed_allocation_bytes.is_none() {
                    self.failed_allocation_bytes = failed_allocation(text);
                }
                pass_on(&format!("[{}] {text}", self.name));
                self.line.clear();
            }
        }
    }
}

/// The bytes that could not be had, if the line is the standard library's on that.
fn failed_allocation(line: &str) -> Option<u64> {
    let bytes = line.strip_prefix("memory allocation of ")?.strip_suffix(" bytes failed")?;
    bytes.parse().ok()
}
