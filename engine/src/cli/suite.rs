//! `gristmill SUITE NAME CLASS`: the benchmarks that a registry has, measured and verified.

use super::args::{ExitStatus, SuiteArgs};
use super::{print, say, width};
use crate::batch::{Check, Class, Named, Outcome, Suite, unknown};
use crate::machine::Machine;
use crate::report::{Scalar, listing, seconds};
use crate::roles::{Engine, Pin};
use clap::{ArgMatches, Args as _, Command, FromArgMatches};
use serde::Serialize;

/// The command line with a command for each suite.
///
/// # Panics
///
/// If a suite has the name of a command.
pub(super) fn with_commands(command: Command, suites: &[Suite]) -> Command {
    suites.iter().fold(command, |command, suite| {
        let name = suite.name;
        assert!(command.find_subcommand(name).is_none(), "the command `{name}` is there already");
        let own = Command::new(name).about(suite.title).after_help(help(suite));
        command.subcommand(SuiteArgs::augment_args(own))
    })
}

/// Runs the command if it is a suite's.
pub(super) fn run(matches: &ArgMatches, suites: &[Suite]) -> Option<ExitStatus> {
    let (name, matches) = matches.subcommand()?;
    let suite = suites.iter().find(|suite| suite.name == name)?;
    let args = SuiteArgs::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    Some(wanted(suite, &args).unwrap_or_else(|reason| {
        say(&reason);
        ExitStatus::Wrong
    }))
}

/// Lists what there is, or runs one; what is wrong with the command line is an error.
fn wanted(suite: &Suite, args: &SuiteArgs) -> Result<ExitStatus, String> {
    let Some(name) = &args.name else {
        return Ok(print(&format!("{}\n\n{}", suite.title, list(suite, &suite.benchmarks))));
    };
    let Some(benchmark) = suite.benchmarks.iter().find(|benchmark| benchmark.name == *name) else {
        let names = suite.benchmarks.iter().map(|benchmark| benchmark.name);
        let (message, _) = unknown("benchmark", name, names);
        return Err(format!("{message}\n  `gristmill {}` lists them", suite.name));
    };
    let Some(class) = &args.class else {
        let one = std::slice::from_ref(benchmark);
        return Ok(print(&format!("{}\n\n{}", suite.title, list(suite, one))));
    };
    let mut classes = benchmark.classes.iter();
    let Some(class) = classes.find(|known| known.name.eq_ignore_ascii_case(class)) else {
        let names = benchmark.classes.iter().map(|class| class.name);
        let (message, expected) = unknown("class", class, names);
        return Err(format!(
            "{message}\n  {expected}; `gristmill {} {name}` lists sizes",
            suite.name
        ));
    };
    if args.pin != Pin::Auto {
        args.pin.check(&Machine::for_start(true)).map_err(|error| error.to_string())?;
    }
    Ok(measure(suite, benchmark, class, args).unwrap_or_else(|reason| {
        say(&reason);
        ExitStatus::Failed
    }))
}

/// Runs a benchmark and shows what came of it, verified or not; else why it could not run.
fn measure(
    suite: &Suite,
    benchmark: &Named,
    class: &Class,
    args: &SuiteArgs,
) -> Result<ExitStatus, String> {
    let builder = Engine::builder().pin(args.pin.clone());
    let builder = match args.workers {
        Some(workers) => builder.workers(workers as usize),
        None => builder,
    };
    let engine = builder.build().map_err(|error| error.to_string())?;
    let outcome = class.run(&engine).map_err(|error| error.to_string())?;
    let shown = Shown { suite, benchmark, class, workers: engine.workers(), outcome: &outcome };
    let printed = match args.json {
        true => print(&shown.json()?),
        false => print(&shown.tables()),
    };
    match outcome.failure() {
        None => Ok(printed),
        Some(reason) => {
            Err(format!("{}, class {}, is not verified: {reason}", benchmark.name, class.name))
        }
    }
}

/// What there is, a row per class.
fn list(suite: &Suite, benchmarks: &[Named]) -> String {
    let rows = benchmarks.iter().flat_map(|benchmark| {
        benchmark.classes.iter().enumerate().map(|(number, class)| {
            let first = |text: &str| if number == 0 { text.into() } else { String::new() };
            let size = class.size.clone();
            vec![first(benchmark.name), class.name.into(), size, first(benchmark.summary)]
        })
    });
    let table = listing(&["name", "class", "size", "what"], rows, width());
    format!("{table}\n\nTo run one: gristmill {} NAME CLASS\n", suite.name)
}

/// What stands below the options.
fn help(suite: &Suite) -> String {
    let benchmarks = suite.benchmarks.iter().map(|benchmark| {
        let classes: Vec<&str> = benchmark.classes.iter().map(|class| class.name).collect();
        format!("  {:<8} {}: {}\n", benchmark.name, benchmark.summary, classes.join(", "))
    });
    let benchmarks: String = benchmarks.collect();
    let one = suite.benchmarks.first().and_then(|one| Some((one.name, one.classes.first()?.name)));
    let (name, class) = one.unwrap_or(("NAME", "CLASS"));
    let suite = suite.name;
    format!(
        "Benchmarks and their classes:\n{benchmarks}\n\
         Examples:\n  \
         gristmill {suite}                     all, with their sizes\n  \
         gristmill {suite} {name} {class} --workers 2\n\n\
         Exit status: 0 done and verified, 1 the result is wrong or could not be computed, 2 the \
         command line is wrong."
    )
}

/// An outcome, and whose it is.
struct Shown<'s> {
    suite: &'s Suite,
    benchmark: &'s Named,
    class: &'s Class,
    workers: usize,
    outcome: &'s Outcome,
}

impl Shown<'_> {
    fn tables(&self) -> String {
        let Shown { suite, benchmark, class, workers, outcome } = self;
        let row = vec![
            benchmark.name.into(),
            class.name.into(),
            class.size.clone(),
            outcome.iterations.to_string(),
            seconds(outcome.time.as_secs_f64()),
            format!("{:.1}", outcome.mops()),
            workers.to_string(),
        ];
        let header = ["benchmark", "class", "size", "iterations", "time", "Mop/s", "workers"];
        let table = listing(&header, std::iter::once(row), width());
        let rows = outcome.checks.iter().map(|check| {
            let verdict = if check.holds() { "right" } else { "wrong" };
            vec![
                check.name.into(),
                figure(check.computed),
                figure(check.published),
                format!("{:.1e}", check.relative_error()),
                verdict.into(),
            ]
        });
        let header = ["check", "computed", "published", "relative error", ""];
        let checks = listing(&header, rows, width());
        let verdict = if outcome.is_verified() { "verified" } else { "NOT verified" };
        format!("{}\n\n{table}\n\n{checks}\n\n{verdict}\n", suite.title)
    }

    fn json(&self) -> Result<String, String> {
        #[derive(Serialize)]
        struct Document<'d> {
            suite: &'d str,
            title: &'d str,
            benchmark: &'d str,
            class: &'d str,
            size: &'d str,
            iterations: u64,
            seconds: Scalar,
            mops: Scalar,
            workers: usize,
            verified: bool,
            checks: Vec<Checked<'d>>,
        }
        #[derive(Serialize)]
        struct Checked<'d> {
            name: &'d str,
            computed: Scalar,
            published: Scalar,
            relative_error: Scalar,
            tolerance: Scalar,
            passed: bool,
        }
        let Shown { suite, benchmark, class, workers, outcome } = self;
        let checked = |check: &Check| Checked {
            name: check.name,
            computed: Scalar::Float(check.computed),
            published: Scalar::Float(check.published),
            relative_error: Scalar::Float(check.relative_error()),
            tolerance: Scalar::Float(check.tolerance),
            passed: check.holds(),
        };
        let document = Document {
            suite: suite.name,
            title: suite.title,
            benchmark: benchmark.name,
            class: class.name,
            size: &class.size,
            iterations: outcome.iterations,
            seconds: Scalar::Float(outcome.time.as_secs_f64()),
            mops: Scalar::Float(outcome.mops()),
            workers: *workers,
            verified: outcome.is_verified(),
            checks: outcome.checks.iter().map(checked).collect(),
        };
        let text = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
        Ok(text + "\n")
    }
}

/// All digits of a float; counts as they are.
fn figure(value: f64) -> String {
    match value.fract() == 0.0 && value.abs() < 1e9 {
        true => value.to_string(),
        false => format!("{value:.15e}"),
    }
}
