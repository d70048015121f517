//! A job once more up to a chunk that was given up, and then that chunk alone. Nothing is written.

use super::failure;
use super::job::{Run, Stopped};
use super::save::save;
use crate::batch::check::checked::{CheckedJob, CheckedStep, Source};
use crate::batch::kernels::registry::Registry;
use crate::batch::kernels::underway::Underway;
use crate::error::{Error, Result};
use crate::report::{Poisoned, Progress};
use crate::roles::Engine;
use std::sync::atomic::{AtomicBool, Ordering};

/// How the chunk fared this time.
#[derive(Debug)]
pub(crate) enum Replayed {
    /// It came to its end.
    Well,
    /// It did not: in words.
    Badly(String),
    /// It was not run to its end, as `beside` said so.
    Broken,
}

/// The job up to the step of the chunk, without the steps that that one needs nothing of, and without
/// files.
fn cut_down(job: &CheckedJob, poisoned: &Poisoned) -> Result<CheckedJob, String> {
    let step = &poisoned.step;
    let no_step = || format!("the job has no step `{step}` (any more)");
    let target = job.steps.iter().position(|s| s.name == *step).ok_or_else(no_step)?;
    let mut job = job.clone();
    job.steps.truncate(target + 1);
    let runs = &mut job.steps[target].runs;
    if poisoned.run >= runs.len() {
        let (run, count) = (poisoned.run, runs.len());
        return Err(format!("step `{step}` has no run {run} (any more), but {count}"));
    }
    *runs = vec![runs.swap_remove(poisoned.run)];
    let reads = |step: &CheckedStep, other: usize| {
        step.runs.iter().flatten().any(|bound| bound.source == Source::Step(other))
    };
    for at in (0..target).rev() {
        if !job.steps[at + 1..].iter().any(|later| reads(later, at)) {
            job.steps[at].runs.clear();
        }
    }
    for step in &mut job.steps {
        (step.save, step.picture) = (None, None);
    }
    Ok(job)
}

/// Does so; `beside` is called in another thread when the chunk's worker has come to it and waits, with
/// its rank and process id, and says whether the chunk shall be run (or, with a debugger, has been).
pub(crate) fn replay(
    job: &CheckedJob,
    registry: &Registry,
    engine: &Engine,
    progress: &Progress,
    poisoned: &Poisoned,
    beside: impl FnOnce(usize, i32) -> Result<(), String> + Send,
) -> Result<Replayed, String> {
    let job = cut_down(job, poisoned)?;
    let (target, before) = job.steps.split_last().expect("the step itself is there");
    let mut run = Run::new(&job, registry, engine, None, progress);
    let mut files = engine.tasks().queue(save).map_err(failure::of_run)?;
    if let Err(Stopped::Failed | Stopped::Interrupted) = run.load_inputs() {
        return Err(run.failures.join("\n"));
    }
    for (at, step) in before.iter().enumerate() {
        if step.runs.is_empty() {
            run.results.push(None);
        } else if let Some((_, error)) = run.step(step, &mut files).into_iter().next() {
            return Err(failure::of_step(step, error));
        }
        run.release(at, true);
    }
    // The chunk may take as long as whoever looks at it likes.
    engine.set_deadline(None);
    engine.hold(poisoned.launches_before, poisoned.steps_before, poisoned.chunk as usize);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| match wait_for_hold(engine, &ended) {
            Some((rank, pid)) => beside(rank, pid),
            None => Ok(()),
        });
        let made = run.launch(target, &Underway::default()).pop();
        ended.store(true, Ordering::Release);
        let beside = watcher.join().unwrap_or_else(|_| Err("looking at the chunk failed".into()));
        run.deaths.tell(engine, Some(&target.name), progress);
        beside?;
        match made {
            Some(Err(Error::Cancelled)) if engine.has_returned() => Ok(Replayed::Well),
            Some(Err(Error::Cancelled)) => Ok(Replayed::Broken),
            Some(Err(error)) => Ok(Replayed::Badly(failure::of_step(target, error))),
            _ => Err(format!(
                "step `{}` ended, and there was no chunk {} after {} launches and {} steps of it",
                target.name, poisoned.chunk, poisoned.launches_before, poisoned.steps_before
            )),
        }
    })
}

/// The worker that has come to the held chunk; none if the launch ends before.
fn wait_for_hold(engine: &Engine, ended: &AtomicBool) -> Option<(usize, i32)> {
    while !ended.load(Ordering::Acquire) {
        if let Some(held) = engine.held() {
            return Some(held);
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    None
}
