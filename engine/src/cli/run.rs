//! `gristmill run` and `gristmill check`.

use super::args::{CheckArgs, ExitStatus, RunArgs};
use super::chaos;
use super::interrupts::Interrupts;
use super::observed::Observed;
use super::{described, print, say, show_mistakes, width};
use crate::batch::{self, CheckedJob, Ended, OutputFolder, OutputPath, Registry, Wanted, counted};
use crate::machine::Machine;
use crate::report::{self, Look, Progress, Report, Status};
use crate::roles::{Engine, Pin};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

pub(super) fn check(args: &CheckArgs, registry: &Registry) -> ExitStatus {
    let job = match batch::check_file(&args.job, Wanted::default(), registry) {
        Ok(job) => job,
        Err(error) => {
            show_mistakes(&error);
            return ExitStatus::Wrong;
        }
    };
    warn_of_memory(&job, None);
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
    let wanted = Wanted { folder: args.out.as_deref(), fence: args.fence };
    let mut job = match batch::check_file(&args.job, wanted, registry) {
        Ok(job) => job,
        Err(error) => {
            show_mistakes(&error);
            return ExitStatus::Wrong;
        }
    };
    if args.pin != Pin::Auto
        && let Err(error) = args.pin.check(&Machine::for_start(true))
    {
        say(&error.to_string());
        return ExitStatus::Wrong;
    }
    job.deadline = args.deadline.or(job.deadline);
    job.worker_memory = args.worker_memory.or(job.worker_memory);
    warn_of_memory(&job, args.workers);
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
    let mut builder =
        Engine::builder().pin(args.pin.clone()).fence(args.fence).core_dumps(args.core_dumps);
    if let Some(bytes) = job.worker_memory {
        builder = builder.worker_memory(bytes);
    }
    if let Some(workers) = args.workers {
        builder = builder.workers(workers as usize);
    }
    let engine = match builder.build() {
        Ok(engine) => Arc::new(engine),
        // Ctrl-C goes to all processes of the group: it ends workers that have just been started.
        Err(_) if signals.have_come() => {
            say("interrupted before anything was computed");
            return Ok(signals.exit_status());
        }
        Err(error) => return Err(error.to_string()),
    };
    let allowed = Machine::here().cpus.len();
    if engine.workers() > allowed {
        progress.note(&format!(
            "gristmill: {} workers share {allowed} CPUs: results are the same, but slower than \
             with --workers {allowed}",
            engine.workers()
        ));
    }
    signals.cancel_on_signal(&engine, progress.clone())?;
    let lines = progress.clone();
    crate::process::send_lines_to(move |line| lines.note(line));
    let chaos = args.chaos.map(|chaos| {
        chaos::Underway::begin(chaos, &engine, progress, args.quiet).map_err(|e| e.to_string())
    });
    let chaos = chaos.transpose()?;
    let observed = Observed::begin(&job.name, &engine, progress);
    let ended = batch::run(job, registry, &engine, &folder, progress, &signals.interrupted);
    drop(observed);
    signals.end();
    let chaos = chaos.map(|chaos| chaos.end(progress));
    let Ended { mut report, failures, notes } = ended?;
    report.chaos = chaos;
    let path = folder.path().to_path_buf();
    // Kept before anything is told: nobody may be there to read it.
    let kept = keep(&report, folder);
    failures.iter().chain(kept.as_ref().err()).for_each(|failure| say(failure));
    if kept.is_err() && report.status == Status::Done {
        report.status = Status::Failed;
    }
    let printed = match (args.json, args.quiet) {
        (true, _) => print(&report.to_json().map_err(|e| e.to_string())?),
        (false, true) => ExitStatus::Done,
        (false, false) => print(&tables(&report, kept.is_ok(), &notes, &path)),
    };
    Ok(match report.status {
        Status::Done => printed,
        Status::Failed => ExitStatus::Failed,
        Status::Interrupted => signals.exit_status(),
    })
}

/// Writes report.json, and if all is done the run is.
fn keep(report: &Report, folder: OutputFolder) -> Result<(), String> {
    let json = report.to_json().map_err(|e| e.to_string())?;
    let mut file = folder.create(&OutputPath::report()).map_err(|e| described(&e))?;
    file.write_all(json.as_bytes()).map_err(|e| e.to_string())?;
    file.finish().map_err(|e| described(&e))?;
    match report.status {
        Status::Done => folder.finish().map_err(|e| described(&e)),
        Status::Failed | Status::Interrupted => Ok(()),
    }
}

/// Says so where the workers' limits together are more than there is: then memory runs out before
/// they are met. It is no mistake, as a limit is not what a worker needs.
fn warn_of_memory(job: &CheckedJob, workers: Option<u32>) {
    let Some(each) = job.worker_memory else { return };
    let workers =
        workers.map_or_else(|| Machine::for_start(false).worker_count().workers as u64, u64::from);
    let all = each.saturating_mul(workers);
    let memory = crate::machine::Memory::here();
    let Some(available) = memory.available().filter(|bound| bound.bytes < all) else { return };
    say(&format!(
        "{workers} workers may have {} each, {} in all; available are {available}",
        report::bytes(each),
        report::bytes(all)
    ));
}

/// The tables at the end, where the results lie, and how to go on; `kept` says that the report lies
/// there too.
fn tables(report: &Report, kept: bool, notes: &[String], folder: &Path) -> String {
    let look = match std::io::stdout().is_terminal() {
        true => Look::Terminal(width()),
        false => Look::Plain,
    };
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
    let files = Some(report.outputs.len()).filter(|count| *count > 0);
    let files = files.map(|count| counted(count, "file"));
    let files: Vec<_> = files.into_iter().chain(kept.then(|| "report.json".into())).collect();
    if !files.is_empty() {
        text += &format!("\n\n{} in {}\n", files.join(" and "), folder.display());
    }
    if !pictures.is_empty() {
        text += &format!("pictures: {}\n", pictures.join(", "));
    }
    notes.iter().for_each(|note| text += &format!("{note}\n"));
    if report.status == Status::Done {
        // In a clone the command is not installed; cargo says so to what it runs.
        let command = match std::env::var_os("CARGO") {
            Some(_) => "cargo run --release -- init",
            None => "gristmill init",
        };
        text += &format!("With a file of your own: {command} FILE.npy > job.toml\n");
    } else {
        text += "The run is unfinished: `--fresh` starts it anew in this folder\n";
    }
    text
}
