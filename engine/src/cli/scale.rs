//! `gristmill scale`: a scaling study, or the comparison of two.

use super::args::ExitStatus;
use super::interrupts::Interrupts;
use super::scale_args::ScaleArgs;
use super::{described, print, say, show_mistakes, width};
use crate::batch::{self, OutputFolder, Registry, Size, Wanted, Workload, job_workload};
use crate::report::{Look, Progress, StepBar};
use crate::scale::{Comparison, Results, Stage, Study};
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub(super) fn scale(args: &ScaleArgs, registry: &Registry) -> ExitStatus {
    if let [earlier, later] = &args.compare[..] {
        return compare(args, earlier, later);
    }
    let measured = match wanted(args, registry) {
        Ok(measured) => measured,
        Err(Mistake::Shown) => return ExitStatus::Wrong,
        Err(Mistake::Told(reason)) => {
            say(&reason);
            return ExitStatus::Wrong;
        }
    };
    let ended = run(args, measured);
    ended.unwrap_or_else(|reason| {
        say(&reason);
        ExitStatus::Failed
    })
}

/// What is wrong with the command line, or with the job file.
enum Mistake {
    Shown,
    Told(String),
}

impl From<String> for Mistake {
    fn from(reason: String) -> Mistake {
        Mistake::Told(reason)
    }
}

type Wishes<'r> = Vec<(Workload<'r>, Vec<Size>)>;

/// What is to be measured, at which sizes.
fn wanted<'r>(args: &ScaleArgs, registry: &'r Registry) -> Result<Wishes<'r>, Mistake> {
    if let Some(file) = &args.job {
        let job = batch::check_file(file, Wanted::default(), registry).map_err(|error| {
            show_mistakes(&error);
            Mistake::Shown
        })?;
        let workload = job_workload(job, registry);
        let size = workload.usual_size();
        return Ok(vec![(workload, vec![size])]);
    }
    let given = parameters(&args.set)?;
    let mut used = vec![];
    let mut wishes = vec![];
    for text in &args.kernels {
        let (name, own) = named(text);
        let workload = batch::workload(registry, name, &given)?;
        let sizes: Vec<&str> = match own {
            Some(own) => own.split(',').collect(),
            None => args.size.iter().map(String::as_str).collect(),
        };
        let sizes = sizes.iter().map(|size| workload.size(size));
        let mut sizes = sizes.collect::<Result<Vec<Size>, String>>()?;
        if sizes.is_empty() {
            sizes.push(workload.usual_size());
        }
        used.extend(batch::parameters(registry, name));
        wishes.push((workload, sizes));
    }
    if let Some(name) = given.keys().find(|name| !used.contains(name)) {
        let reason = format!("no kernel that is to be measured has a parameter `{name}`");
        return Err(Mistake::Told(reason));
    }
    Ok(wishes)
}

/// What stands in KERNEL[:SIZE,…] before the colon, and behind it if there is one.
pub(super) fn named(text: &str) -> (&str, Option<&str>) {
    text.split_once(':').map_or((text, None), |(name, size)| (name, Some(size)))
}

/// What `--set` gives, as in a job file.
fn parameters(set: &[String]) -> Result<toml::Table, String> {
    let mut given = toml::Table::new();
    for text in set {
        let read: Result<toml::Table, _> = toml::from_str(text);
        let one = read.map_err(|_| {
            format!("`{text}` is no parameter: write it as in a job file, such as bins=64")
        })?;
        given.extend(one);
    }
    Ok(given)
}

fn run(args: &ScaleArgs, measured: Wishes<'_>) -> Result<ExitStatus, String> {
    let signals = Interrupts::watch()?;
    let mut study = Study::new().time(args.time);
    for (workload, sizes) in measured {
        study = study.add_sizes(workload, sizes);
    }
    if !args.workers.is_empty() {
        study = study.workers(args.workers.iter().map(|workers| *workers as usize));
    }
    if args.weak {
        study = study.weak();
    }
    if args.peer.is_some() {
        study = study.with_rayon();
    }
    if let Err(error) = study.check() {
        say(&error.to_string());
        return Ok(ExitStatus::Wrong);
    }
    // Before anything is measured that could not be kept.
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from("out/scale"));
    if let Err(error) = OutputFolder::look(&folder, false) {
        say(&described(&error));
        return Ok(ExitStatus::Wrong);
    }
    let progress = Progress::new(args.quiet || args.json);
    let mut shown = Shown { progress: &progress, bar: None };
    let results = study.run_watched(&mut |stage| {
        shown.stage(&stage);
        if signals.have_come() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drop(shown);
    let mut results = results.map_err(|error| error.to_string())?;
    results.method.command = Some(command());
    if results.curves.is_empty() {
        say("interrupted before anything was measured");
        return Ok(signals.exit_status());
    }
    let files = results.save(&folder).map_err(|error| error.to_string())?;
    let printed = match (args.json, args.quiet) {
        (true, _) => print(&results.to_json().map_err(|error| error.to_string())?),
        (false, true) => ExitStatus::Done,
        (false, false) => {
            let tables = results.tables(look());
            print(&format!("{tables}\n{} in {}\n", files.join(", "), folder.display()))
        }
    };
    Ok(if signals.have_come() { signals.exit_status() } else { printed })
}

/// The command line, as a shell takes it.
fn command() -> String {
    let quoted = |word: String| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=,.:/+".contains(c);
        match word.chars().all(is_plain) && !word.is_empty() {
            true => word,
            false => format!("'{}'", word.replace('\'', "'\\''")),
        }
    };
    let words = std::env::args_os().skip(1).map(|word| quoted(word.to_string_lossy().into()));
    std::iter::once("gristmill".into()).chain(words).collect::<Vec<String>>().join(" ")
}

pub(super) fn look() -> Look {
    match std::io::stdout().is_terminal() {
        true => Look::Terminal(width()),
        false => Look::Plain,
    }
}

/// The bar of what is measured just now.
struct Shown<'p> {
    progress: &'p Progress,
    bar: Option<(String, StepBar)>,
}

impl Shown<'_> {
    fn stage(&mut self, stage: &Stage) {
        match stage {
            Stage::Roof { what } => {
                self.bar("the machine").tell(what.clone());
            }
            Stage::Preparing { name } => {
                // Told behind the bar of what was measured last: it has none of its own yet.
                if let Some((_, bar)) = &self.bar {
                    bar.tell(format!("next: {name}"));
                }
            }
            Stage::Measuring { name, rounds, widest, done } => {
                let known =
                    widest.map_or(String::new(), |widest| format!(", to {:.1} %", widest * 100.0));
                let bar = self.bar(name);
                bar.set(*done);
                bar.tell(format!("{rounds} rounds{known}"));
            }
        }
    }

    fn bar(&mut self, name: &str) -> &StepBar {
        if self.bar.as_ref().is_none_or(|(shown, _)| shown != name) {
            if let Some((_, bar)) = self.bar.take() {
                bar.finish();
            }
            self.bar = Some((name.into(), self.progress.step(name, 0)));
        }
        let (_, bar) = self.bar.as_ref().expect("it has just been made");
        bar
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish();
        }
    }
}

fn compare(args: &ScaleArgs, earlier: &Path, later: &Path) -> ExitStatus {
    let read = |path: &Path| Results::read(path).map_err(|error| error.to_string());
    let both = read(earlier).and_then(|earlier| Ok((earlier, read(later)?)));
    let (earlier, later) = match both {
        Ok(both) => both,
        Err(reason) => {
            say(&reason);
            return ExitStatus::Wrong;
        }
    };
    let comparison = match Comparison::of(&earlier, &later) {
        Ok(comparison) => comparison,
        Err(reason) => {
            say(&reason.to_string());
            return ExitStatus::Wrong;
        }
    };
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from("out/compare"));
    if let Err(error) = comparison.save(&folder) {
        say(&error.to_string());
        return ExitStatus::Failed;
    }
    if !args.quiet {
        let text = format!("{}\ncompare.svg in {}\n", comparison.tables(look()), folder.display());
        match print(&text) {
            ExitStatus::Done => {}
            failed => return failed,
        }
    }
    if comparison.is_slower() { ExitStatus::Slower } else { ExitStatus::Done }
}
