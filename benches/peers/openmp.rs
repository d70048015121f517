//! The OpenMP peer: the C files of `openmp/`, compiled here and run as a process of their own. With
//! those of `openblas/`, and that library, they are a second program.
//!
//! It is stopped between its turns, so that its threads, which may be told to wait actively, take
//! nothing from whoever else is measured.

use crate::measure::{Side, times};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// How OpenMP's threads wait.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait {
    Active,
    Passive,
}

/// A row of the peer, prepared, and stopped between its turns.
pub(crate) struct Peer {
    name: &'static str,
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// The row of these sizes, by so many threads; none where there is no compiler.
pub(crate) fn side(
    name: &'static str,
    wait: Wait,
    threads: usize,
    row: &str,
    sizes: &[usize],
) -> Option<Peer> {
    let places = [("OMP_PLACES", "cores"), ("OMP_PROC_BIND", "close")];
    Some(Peer::start(Command::new(program()?).envs(places), name, wait, threads, row, sizes))
}

/// The row of these sizes by so many threads of OpenBLAS; none where that is not installed.
pub(crate) fn blas_side(
    name: &'static str,
    threads: usize,
    row: &str,
    sizes: &[usize],
) -> Option<Peer> {
    let mut program = Command::new(blas_program()?);
    // Its threads are not OpenMP's, and would all be bound where the main thread is.
    program.env("OMP_PROC_BIND", "false").env("OPENBLAS_NUM_THREADS", threads.to_string());
    let program = program.envs(blas_core());
    Some(Peer::start(program, name, Wait::Passive, threads, row, sizes))
}

/// The same as a side of a comparison, under its usual name and with threads that wait actively; its
/// result must be this one, if any.
pub(crate) fn checked_side(
    threads: usize,
    row: &str,
    sizes: &[usize],
    expected: Option<f64>,
) -> Option<Side<'static>> {
    Some(side("OpenMP", Wait::Active, threads, row, sizes)?.checked(expected))
}

impl From<Peer> for Side<'static> {
    fn from(peer: Peer) -> Side<'static> {
        peer.checked(None)
    }
}

/// The compiled program; said once why there is none.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compiled = || compile("openmp-peer", &["openmp"], &[]);
    PROGRAM.get_or_init(|| said("OpenMP", compiled())).as_deref()
}

/// The same with OpenBLAS, whose threads would be in the way of the other rows.
fn blas_program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compiled =
        || compile("openblas-peer", &["openmp", "openblas"], &["-DOPENBLAS", "-lopenblas"]);
    PROGRAM.get_or_init(|| said("OpenBLAS", compiled())).as_deref()
}

fn said(peer: &str, compiled: Result<PathBuf, String>) -> Option<PathBuf> {
    compiled.inspect_err(|reason| eprintln!("no {peer} among the peers: {reason}")).ok()
}

/// Compiles the C files of these folders.
fn compile(name: &str, folders: &[&str], options: &[&str]) -> Result<PathBuf, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let program = crate::shared::folder().map_err(|e| e.to_string())?.join(name);
    let mut command = Command::new("cc");
    command.args(["-std=gnu11", "-O3", "-march=native", "-fopenmp", "-Wall", "-Wextra", "-o"]);
    command.arg(&program);
    for folder in folders {
        let folder = sources.join(folder);
        let files = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let files = files.flatten().map(|file| file.path());
        command.args(files.filter(|path| path.extension().is_some_and(|e| e == "c")));
    }
    let output = command.args(options).arg("-lm").output();
    let output = output.map_err(|e| format!("cc cannot be run: {e}"))?;
    match output.status.success() {
        true => Ok(program),
        false => Err(format!("cc failed:\n{}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// What OpenBLAS is to take this CPU for, unless the user says. Releases older than a CPU know no
/// better than the oldest type of all, which has no wide vectors.
fn blas_core() -> Option<(&'static str, &'static str)> {
    const NAME: &str = "OPENBLAS_CORETYPE";
    #[cfg(target_arch = "x86_64")]
    if std::env::var_os(NAME).is_none() {
        if is_x86_feature_detected!("avx512f") {
            return Some((NAME, "SKYLAKEX"));
        } else if is_x86_feature_detected!("avx2") {
            return Some((NAME, "HASWELL"));
        }
    }
    None
}

impl Peer {
    /// A side of a comparison, whose result must be this one, if any, but for the order in which it
    /// adds up.
    pub(crate) fn checked(mut self, expected: Option<f64>) -> Side<'static> {
        times(self.name, move || self.turn(expected))
    }

    fn start(
        program: &mut Command,
        name: &'static str,
        wait: Wait,
        threads: usize,
        row: &str,
        sizes: &[usize],
    ) -> Peer {
        let wait = match wait {
            Wait::Active => "active",
            Wait::Passive => "passive",
        };
        let mut process = program
            .arg(row)
            .args(sizes.iter().map(usize::to_string))
            .env("OMP_NUM_THREADS", threads.to_string())
            .env("OMP_DYNAMIC", "false")
            .env("OMP_WAIT_POLICY", wait)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("what was compiled can be run");
        let ask = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        let mut peer = Peer { name, process, ask, answers };
        assert_eq!(peer.line(), "ready", "the OpenMP peer says why on standard error");
        peer.send(Signal::SIGSTOP);
        peer
    }

    /// Runs the row once; gives how long it took by the peer's own clock.
    fn turn(&mut self, expected: Option<f64>) -> Duration {
        self.send(Signal::SIGCONT);
        self.ask.write_all(b"go\n").expect("the OpenMP peer reads");
        let line = self.line();
        self.send(Signal::SIGSTOP);
        let mut words = line.split(' ').map(|word| word.parse::<f64>().expect("it is a number"));
        let (Some(seconds), Some(result)) = (words.next(), words.next()) else {
            panic!("the OpenMP peer says {line}, not how long it took and what came of it")
        };
        if let Some(expected) = expected {
            let error = (result - expected).abs();
            assert!(error <= 1e-9 * expected.abs(), "{}: {result}, not {expected}", self.name);
        }
        Duration::from_secs_f64(seconds)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the OpenMP peer answers");
        line.trim_end().into()
    }

    fn send(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).expect("it is our child");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Nothing of it is needed, and it cannot refuse.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
