//! `gristmill replay`: a chunk that was given up, once more, in the foreground.

use super::args::{ExitStatus, ReplayArgs};
use super::{say, show_mistakes};
use crate::batch::{self, CheckedInput, CheckedJob, Registry, Replayed, Wanted};
use crate::machine::ProcessStatus;
use crate::report::{Death, Poisoned, Progress, Report};
use crate::roles::{Disturbance, Engine};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A report's length at most: with a page of last words for each attempt, some ten thousand chunks
/// that were given up.
const REPORT_BYTES_MAX: u64 = 256 << 20;

pub(super) fn replay(args: &ReplayArgs, registry: &Registry) -> ExitStatus {
    let (report, poisoned) = match read(&args.report).and_then(|report| {
        let poisoned = find(&report, args)?.clone();
        Ok((report, poisoned))
    }) {
        Ok(found) => found,
        Err(reason) => {
            say(&reason);
            return ExitStatus::Wrong;
        }
    };
    let path = Path::new(&report.job_file.path);
    let job = match batch::check_file(path, Wanted::default(), registry) {
        Ok(job) => job,
        Err(error) => {
            show_mistakes(&error);
            return ExitStatus::Wrong;
        }
    };
    for path in changed(&job, &report) {
        if !args.force {
            say(&format!(
                "{path} has been changed since that run, so its chunks may be others now\n  \
                 --force replays it all the same"
            ));
            return ExitStatus::Wrong;
        }
        say(&format!("{path} has been changed since that run"));
    }
    replay_of(args, registry, &report, &job, &poisoned).unwrap_or_else(|reason| {
        say(&reason);
        ExitStatus::Failed
    })
}

/// Which files are others than in the run: the job file, inputs.
fn changed<'r>(job: &CheckedJob, report: &'r Report) -> Vec<&'r str> {
    let job_file = (job.sha256 != report.job_file.sha256).then_some(&report.job_file.path);
    let now: Vec<_> = job.inputs.iter().map(CheckedInput::report).collect();
    let inputs = report.inputs.iter().filter(|input| !now.contains(input));
    job_file.into_iter().chain(inputs.map(|input| &input.path)).map(String::as_str).collect()
}

/// Reads a report, by its own name or by that of its folder.
fn read(path: &Path) -> Result<Report, String> {
    let inside = path.join("report.json");
    let path = if path.is_dir() { &inside } else { path };
    let text = batch::read_text(path, REPORT_BYTES_MAX);
    let text = text.map_err(|reason| format!("cannot read {}: {reason}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| {
        format!("{} is no report of this version of gristmill: {error}", path.display())
    })
}

/// The chunk that is meant.
fn find<'r>(report: &'r Report, args: &ReplayArgs) -> Result<&'r Poisoned, String> {
    let named = |chunk: &&Poisoned| args.step.as_ref().is_none_or(|step| *step == chunk.step);
    let numbered = |chunk: &&Poisoned| args.run.is_none_or(|run| run == chunk.run);
    let is_meant = |chunk: &&Poisoned| chunk.chunk == args.chunk && named(chunk) && numbered(chunk);
    let mut meant = report.poisoned.iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(chunk), None) => Ok(chunk),
        (None, _) if report.poisoned.is_empty() => Err("the report has no chunks given up".into()),
        (found, _) => {
            let what = match found {
                None => "no such chunk was given up",
                Some(_) => "several such chunks were given up: say which by --step, and --run",
            };
            let list = report.poisoned.iter().map(|chunk| {
                format!("\n  {} --step {} --run {}", chunk.chunk, chunk.step, chunk.run)
            });
            Err(format!("{what}; those of the report are{}", list.collect::<String>()))
        }
    }
}

fn replay_of(
    args: &ReplayArgs,
    registry: &Registry,
    report: &Report,
    job: &CheckedJob,
    poisoned: &Poisoned,
) -> Result<ExitStatus, String> {
    let progress = Progress::new(false);
    let mut builder = Engine::builder().core_dumps(true).fence(report.fence);
    if let Some(workers) = args.workers {
        builder = builder.workers(workers as usize);
    }
    if let Some(bytes) = report.worker_memory_bytes {
        builder = builder.worker_memory(bytes);
    }
    let engine = builder.build().map_err(|error| error.to_string())?;
    let lines = progress.clone();
    crate::process::send_lines_to(move |line| lines.note(line));
    let Poisoned { step, chunk, range: [start, end], .. } = poisoned;
    let what = format!("chunk {chunk} (indices {start}..{end}) of step `{step}`");
    let begun = OnceLock::new();
    let beside = |rank: usize, pid: i32| {
        progress.end_with(&format!("gristmill: {what} runs in worker {rank} (pid {pid})"));
        match &args.debugger {
            None => {
                let _ = begun.set(Instant::now());
                engine.release();
            }
            Some(debugger) => {
                let debugged = debug(&engine, debugger, pid);
                // It may be anywhere now, and nobody looks at it any more.
                engine.disturb(rank, Disturbance::Kill);
                debugged?;
            }
        }
        Ok(())
    };
    let replayed = batch::replay(job, registry, &engine, &progress, poisoned, beside)?;
    Ok(match replayed {
        Replayed::Well => {
            say(&format!(
                "{what} came to its end {}",
                well(poisoned, begun.get().map(Instant::elapsed))
            ));
            ExitStatus::Done
        }
        Replayed::Badly(reason) if args.debugger.is_none() => {
            say(&reason);
            ExitStatus::Failed
        }
        // What became of the chunk, the debugger has shown.
        Replayed::Badly(_) | Replayed::Broken => {
            say("the debugger has ended, and the worker with it");
            ExitStatus::Done
        }
    })
}

/// What it means that a chunk came to its end that did not before; after how long, unless it was run
/// by a debugger.
fn well(poisoned: &Poisoned, took: Option<Duration>) -> String {
    let took = took.map(|took| took.as_secs_f64());
    let after = took.map_or(String::new(), |took| format!("after {took:.3} s, "));
    match poisoned.attempts.last().map(|attempt| &attempt.cause) {
        Some(Death::Deadline { limit_s, .. }) if took.is_none_or(|took| took >= *limit_s) => {
            format!("{after}without the deadline of {limit_s} s: it is slow, not hung")
        }
        Some(Death::Deadline { limit_s, .. }) => format!(
            "{after}within the deadline of {limit_s} s: what held it up before does not depend on \
             its arguments alone"
        ),
        Some(Death::AllocationFailed { .. } | Death::OutOfMemory { .. }) => {
            "this time, alone: before, it was short of memory, which chunks beside it took or \
             chunks before it leaked"
                .into()
        }
        _ => "this time: what killed it before does not depend on its arguments alone".into(),
    }
}

/// Runs a debugger on a worker that waits, and lets it go on once the debugger has attached to it.
fn debug(engine: &Engine, debugger: &str, pid: i32) -> Result<(), String> {
    // Ctrl-C is for the debugger.
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::default())
        .map_err(|error| format!("signals: {error}"))?;
    // By a shell, as the command may have words in quotes.
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("exec {debugger} -p {pid}"));
    let started = shell.spawn();
    let mut child = started.map_err(|error| format!("starting the debugger: {error}"))?;
    while !is_traced(pid) {
        if let Some(status) = ended(&mut child)? {
            return Err(format!("`{debugger} -p {pid}` ended without attaching to it: {status}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    engine.release();
    child.wait().map(drop).map_err(|error| format!("waiting for the debugger: {error}"))
}

fn ended(child: &mut Child) -> Result<Option<std::process::ExitStatus>, String> {
    child.try_wait().map_err(|error| format!("waiting for the debugger: {error}"))
}

fn is_traced(pid: i32) -> bool {
    ProcessStatus::of(pid).word("TracerPid:").is_some_and(|tracer| tracer != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_good_end_means_depends_on_how_it_ended_before() {
        let ended = |cause: &str| -> Poisoned {
            let text = format!(
                r#"{{"step": "s", "kernel": "k", "run": 0, "arrays": {{}}, "params": {{}},
                "launches_before": 0, "steps_before": 0, "chunk": 5, "range": [0, 1],
                "attempts": [{{"worker": 0, "pid": 7, "death": "", "cause": {cause},
                "peak_bytes": null, "stderr": ""}}]}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let late = ended(r#"{"kind": "deadline", "limit_s": 0.5, "ran_s": 0.6}"#);
        let signal = ended(r#"{"kind": "signal", "number": 6, "name": "SIGABRT"}"#);
        let memory = ended(r#"{"kind": "allocation_failed", "bytes": 9, "limit_bytes": 8}"#);
        for (poisoned, took, expected) in [
            (
                &late,
                Some(1.5),
                "after 1.500 s, without the deadline of 0.5 s: it is slow, not hung",
            ),
            (&late, Some(0.2), "after 0.200 s, within the deadline of 0.5 s: what held it up"),
            (&late, None, "without the deadline of 0.5 s: it is slow"),
            (&memory, Some(0.2), "this time, alone: before, it was short of memory"),
            (
                &signal,
                Some(0.2),
                "this time: what killed it before does not depend on its arguments",
            ),
        ] {
            let text = well(poisoned, took.map(Duration::from_secs_f64));
            assert!(text.starts_with(expected), "{text}");
        }
    }
}
