//! Deaths of workers while a job runs: told as they happen, and counted to the step or to the files
//! that they were about. Who was killed on purpose is nothing to tell of here.

use crate::report::Progress;
use crate::roles::{About, Buried, Engine};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many deaths, and how many attempts beyond the first.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Toll {
    pub(crate) deaths: u64,
    pub(crate) retries: u64,
}

/// Deaths of a step that are told one by one; of more than these the number says enough.
const TOLD: u64 = 6;

/// The deaths of a run.
#[derive(Debug, Default)]
pub(crate) struct Deaths {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    of_run: Toll,
    of_step: Toll,
    /// Deaths since the last step's end, told or not, files' writers included.
    since: u64,
}

impl Deaths {
    /// Tells of the deaths since the last call, and counts them; `step` is the one that runs.
    pub(crate) fn tell(&self, engine: &Engine, step: Option<&str>, progress: &Progress) {
        let deaths = engine.take_deaths().into_iter();
        for buried in deaths.filter(|buried| buried.death.cause.is_an_attempt()) {
            let mut counts = self.lock();
            let Counts { of_run, of_step, since } = &mut *counts;
            for toll in [Some(of_run), (buried.about != About::Task).then_some(of_step)] {
                let Some(toll) = toll else { continue };
                toll.deaths += 1;
                toll.retries += buried.retries;
            }
            *since += 1;
            let is_told = *since <= TOLD;
            drop(counts);
            if is_told {
                progress.note(&notice(&buried, step));
            }
        }
    }

    /// Says how many deaths have not been told; the next are told one by one again.
    pub(crate) fn sum_up(&self, step: Option<&str>, progress: &Progress) {
        let since = std::mem::take(&mut self.lock().since);
        if let Some(more) = since.checked_sub(TOLD).filter(|more| *more > 0) {
            progress.note(&more_notice(more, step));
        }
    }

    /// The toll of the step that ends now; the next one begins with none.
    pub(crate) fn of_step(&self) -> Toll {
        std::mem::take(&mut self.lock().of_step)
    }

    /// The toll of the whole run, files included.
    pub(crate) fn of_run(&self) -> Toll {
        self.lock().of_run
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn more_notice(more: u64, step: Option<&str>) -> String {
    let of_step = step.map_or(String::new(), |step| format!(" during step `{step}`"));
    let deaths = if more == 1 { "death" } else { "deaths" };
    format!("gristmill: and {more} more {deaths}{of_step}: see report.json")
}

fn notice(buried: &Buried, step: Option<&str>) -> String {
    let of_step = step.map_or(String::new(), |step| format!(" of step `{step}`"));
    let (about, what) = match buried.about {
        About::Chunk(chunk) => (format!(" in chunk {chunk}{of_step}"), "the chunk"),
        About::Fold => (format!(" folding the results{of_step}"), "the fold"),
        About::Task => (" writing a file".to_string(), "the file"),
        About::Nothing => (String::new(), ""),
    };
    let next = match (buried.about, buried.retries) {
        (About::Nothing, _) => "nothing is lost".to_string(),
        (_, 0) => format!("{what} is set aside"),
        _ => format!("{what} is tried again"),
    };
    let (rank, cause) = (buried.death.rank, &buried.death.cause);
    format!("gristmill: worker {rank} {cause}{about}; {next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deaths_in_tasks_count_to_the_run_and_to_no_step() {
        let engine = Engine::builder().workers(1).build().unwrap();
        let deadly = |_: u32| std::process::abort();
        let mut results = engine.tasks().map(deadly, 0..1u32).unwrap();
        assert!(results.all(|result: crate::Result<()>| result.is_err()));
        let deaths = Deaths::default();
        deaths.tell(&engine, Some("slope"), &Progress::new(true));
        assert_eq!((deaths.of_run().deaths, deaths.of_run().retries), (3, 2));
        assert_eq!(deaths.of_step().deaths, 0);
    }
}
