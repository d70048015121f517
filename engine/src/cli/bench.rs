//! `gristmill bench`: every kernel once, a card each.

use super::args::ExitStatus;
use super::scale_args::BenchArgs;
use super::{print, say, scale};
use crate::batch::{self, Registry, Size, Workload};
use crate::machine::{Counters, Machine};
use crate::report::Progress;
use crate::scale::Cards;
use std::time::{Duration, Instant};

/// What all of it takes at most, if no single run takes longer.
const BUDGET: Duration = Duration::from_secs(160);
/// What a workload is measured for at most.
const EACH: Duration = Duration::from_millis(1500);

pub(super) fn bench(args: &BenchArgs, registry: &Registry) -> ExitStatus {
    let measured = match wanted(args, registry) {
        Ok(measured) => measured,
        Err(reason) => {
            say(&reason);
            return ExitStatus::Wrong;
        }
    };
    let ended = run(args, &measured);
    ended.unwrap_or_else(|reason| {
        say(&reason);
        ExitStatus::Failed
    })
}

fn wanted<'r>(
    args: &BenchArgs,
    registry: &'r Registry,
) -> Result<Vec<(Workload<'r>, Size)>, String> {
    let all = batch::measurable(registry);
    let names = if args.kernels.is_empty() { &all } else { &args.kernels };
    let one = |text: &String| {
        let (name, size) = scale::named(text);
        let workload = batch::workload(registry, name, &toml::Table::new())?;
        let size = match size {
            Some(size) => workload.size(size)?,
            None => workload.usual_size(),
        };
        workload.parts(&size).map_err(|error| error.to_string())?;
        Ok((workload, size))
    };
    if !args.kernels.is_empty() {
        return names.iter().map(one).collect();
    }
    let mut wanted = vec![];
    for name in names {
        match one(name) {
            Ok(measured) => wanted.push(measured),
            Err(reason) => say(&format!("left out: {reason}")),
        }
    }
    Ok(wanted)
}

fn run(args: &BenchArgs, measured: &[(Workload<'_>, Size)]) -> Result<ExitStatus, String> {
    let machine = Machine::here();
    let workers = args.workers.map_or(machine.worker_count().workers, |workers| workers as usize);
    let mut counters = Counters::open();
    let progress = Progress::new(args.json);
    let bar = progress.step("bench", 0);
    bar.tell("the roof of this machine".into());
    let start = Instant::now();
    let mut cards = Cards::begin(&machine, workers).map_err(|error| error.to_string())?;
    let (mut left_out, mut failed) = (vec![], false);
    for (at, (workload, size)) in measured.iter().enumerate() {
        let left = BUDGET.saturating_sub(start.elapsed());
        if left.is_zero() {
            left_out.push(workload.name());
            continue;
        }
        bar.set(at as f64 / measured.len() as f64);
        bar.tell(format!("{}, {}", workload.name(), size.words));
        let time = EACH.min(left / (measured.len() - at) as u32);
        if let Err(error) = cards.add(workload, size.clone(), time, &mut counters) {
            progress.note(&format!("gristmill: {}: {error}", workload.name()));
            failed = true;
        }
    }
    bar.finish();
    if !left_out.is_empty() {
        let seconds = BUDGET.as_secs();
        say(&format!("left out, as {seconds} s were over: {}", left_out.join(", ")));
    }
    let printed = match args.json {
        true => {
            let text = serde_json::to_string_pretty(&cards).map_err(|error| error.to_string())?;
            print(&(text + "\n"))
        }
        false => print(&cards.tables(scale::look())),
    };
    Ok(if failed { ExitStatus::Failed } else { printed })
}
