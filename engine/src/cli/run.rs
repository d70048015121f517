//! `gristmill run` and `gristmill check`.

use super::args::{CheckArgs, ExitStatus, RunArgs};
use super::{described, print, say, show_mistakes};
use crate::batch::{self, CheckedJob, Ended, OutputFolder, OutputPath, Registry};
use crate::report::{self, Look, Progress, Report, Status};
use crate::roles::Engine;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) fn check(args: &CheckArgs, registry: &Registry) -> ExitStatus {
    let job = match batch::check_file(&args.job, None, registry) {
        Ok(job) => job,
        Err(error) => {
            show_mistakes(&error);
            return ExitStatus::Wrong;
        }
    };
    if let Err(error) = OutputFolder::look(&job.folder, false) {
        say(&described(&error));
        return ExitStatus::Wrong;
    }
    print(&format!(
        "{}: {}, {}, {}: nothing to refuse\n",
        args.job.display(),
        counted(job.inputs.len(), "input"),
        counted(job.steps.len(), "step"),
        counted(job.outputs.len(), "output file"),
    ))
}

pub(super) fn run(args: &RunArgs, registry: &Registry) -> ExitStatus {
    let job = match batch::check_file(&args.job, args.out.as_deref(), registry) {
        Ok(job) => job,
        Err(error) => {
            show_mistakes(&error);
            return ExitStatus::Wrong;
        }
    };
    // Before there is anything that a signal could leave behind.
    let signals = match Interrupts::watch() {
        Ok(signals) => signals,
        Err(reason) => {
            say(&reason);
            return ExitStatus::Failed;
        }
    };
    let folder = match OutputFolder::open(&job.folder, &job.name, args.fresh) {
        Ok(folder) => folder,
        Err(error) => {
            say(&described(&error));
            return if error.is_the_systems() { ExitStatus::Failed } else { ExitStatus::Wrong };
        }
    };
    let progress = Progress::new(args.quiet || args.json);
    match run_in(args, registry, &job, folder, &progress, &signals) {
        Ok(status) => status,
        Err(reason) => {
            say(&reason);
            ExitStatus::Failed
        }
    }
}

fn run_in(
    args: &RunArgs,
    registry: &Registry,
    job: &CheckedJob,
    folder: OutputFolder,
    progress: &Progress,
    signals: &Interrupts,
) -> Result<ExitStatus, String> {
    let mut builder = Engine::builder();
    if let Some(workers) = args.workers {
        builder = builder.workers(workers as usize);
    }
    let engine = match builder.build() {
        Ok(engine) => Arc::new(engine),
        // Ctrl-C goes to all processes of the group: it ends workers that have just been started.
        Err(_) if signals.is_pending() => {
            say("interrupted before anything was computed");
            return Ok(signals.exit_status());
        }
        Err(error) => return Err(error.to_string()),
    };
    let allowed = crate::machine::Machine::here().cpus.len();
    if engine.workers() > allowed {
        progress.note(&format!(
            "gristmill: {} workers share {allowed} CPUs: results are the same, but slower than \
             with --workers {allowed}",
            engine.workers()
        ));
    }
    signals.cancel_on_signal(&engine, progress.clone());
    let ended = batch::run(job, registry, &engine, &folder, progress, &signals.interrupted);
    let Ended { report, failures } = ended.map_err(|e| e.to_string())?;
    failures.iter().for_each(|failure| say(failure));
    let json = report.to_json().map_err(|e| e.to_string())?;
    let mut file = folder.create(&OutputPath::report()).map_err(|e| described(&e))?;
    file.write_all(json.as_bytes()).map_err(|e| e.to_string())?;
    file.finish().map_err(|e| described(&e))?;
    let path = folder.path().to_path_buf();
    if report.status == Status::Done {
        folder.finish().map_err(|e| described(&e))?;
    }
    let printed = match (args.json, args.quiet) {
        (true, _) => print(&json),
        (false, true) => ExitStatus::Done,
        (false, false) => print(&tables(&report, &path)),
    };
    Ok(match report.status {
        Status::Done => printed,
        Status::Failed => ExitStatus::Failed,
        Status::Interrupted => signals.exit_status(),
    })
}

/// "1 step", "2 steps".
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// The tables at the end, where the results lie, and how to go on.
fn tables(report: &Report, folder: &std::path::Path) -> String {
    let look = if std::io::stdout().is_terminal() { Look::Terminal } else { Look::Plain };
    let mut text = report::steps(&report.steps, look);
    for (step, numbers) in &report.scalars.0 {
        text += &format!("\n\n{step}\n{}", report::scalars(numbers, look));
    }
    let pictures: Vec<&str> = report
        .outputs
        .iter()
        .map(|output| output.path.as_str())
        .filter(|path| path.ends_with(".png"))
        .collect();
    text += &format!(
        "\n\n{} and report.json in {}\n",
        counted(report.outputs.len(), "file"),
        folder.display()
    );
    if !pictures.is_empty() {
        text += &format!("pictures: {}\n", pictures.join(", "));
    }
    if report.status == Status::Done {
        text += "With a file of your own: gristmill init FILE.npy > job.toml\n";
    } else {
        text += "The run is unfinished: `--fresh` starts it anew in this folder\n";
    }
    text
}

/// SIGINT and SIGTERM end the job: once, in order; twice, at once.
struct Interrupts {
    interrupted: Arc<AtomicBool>,
    /// The first signal.
    signal: Arc<AtomicI32>,
    signals: Mutex<Option<Signals>>,
}

impl Interrupts {
    /// From here on signals are kept, even before there is an engine to cancel.
    fn watch() -> Result<Interrupts, String> {
        let signals = Signals::new([SIGINT, SIGTERM]).map_err(|e| format!("signals: {e}"))?;
        Ok(Interrupts {
            interrupted: Arc::new(AtomicBool::new(false)),
            signal: Arc::new(AtomicI32::new(0)),
            signals: Mutex::new(Some(signals)),
        })
    }

    /// Whether a signal has come that nobody has heeded yet.
    fn is_pending(&self) -> bool {
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let first = signals.as_mut().and_then(|signals| signals.pending().next());
        first.inspect(|number| self.signal.store(*number, Ordering::Relaxed)).is_some()
    }

    /// Starts a thread that waits for signals as long as the process lives.
    fn cancel_on_signal(&self, engine: &Arc<Engine>, progress: Progress) {
        let signals = self.signals.lock().ok().and_then(|mut signals| signals.take());
        let Some(mut signals) = signals else { return };
        let (interrupted, signal) = (Arc::clone(&self.interrupted), Arc::clone(&self.signal));
        let engine = Arc::downgrade(engine);
        std::thread::spawn(move || {
            for number in &mut signals {
                if interrupted.swap(true, Ordering::Relaxed) {
                    // The workers end with this process.
                    std::process::exit(128 + number);
                }
                signal.store(number, Ordering::Relaxed);
                progress.end_with(
                    "gristmill: interrupted: finishing the chunks in flight (again to stop at once)",
                );
                if let Some(engine) = engine.upgrade() {
                    engine.cancel();
                }
            }
        });
    }

    fn exit_status(&self) -> ExitStatus {
        match self.signal.load(Ordering::Relaxed) {
            SIGTERM => ExitStatus::Terminated,
            _ => ExitStatus::Interrupted,
        }
    }
}
