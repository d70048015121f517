//! The words of the command line, and the help that explains them. Nothing is carried out here.

use crate::batch::{duration, worker_memory};
use std::path::PathBuf;
use std::time::Duration;

use super::scale_args::{self, BenchArgs, ScaleArgs, WORKERS_MAX};
use crate::roles::{Chaos, Pin};
use clap::{Args as ClapArgs, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  gristmill init elevation.npy > my.toml    a job to start from, for that file
  gristmill check my.toml                   is it right?
  gristmill run my.toml                     do it; results go to out/NAME
  gristmill top                             how far are the jobs that run?
  gristmill scale triad gemm                how much faster are more workers?
  gristmill replay out/NAME 17              chunk 17 was set aside: once more, to see why

Exit status:
  0    done
  1    the job failed; what was finished is kept, and the message says what was not
  2    the job file or the command line is wrong; nothing was started
  3    a comparison of two scaling studies found something slower
  130  interrupted by Ctrl-C (SIGINT)
  143  terminated (SIGTERM)";

const RUN_EXAMPLES: &str = "\
Examples:
  gristmill run data/jobs/terrain.toml
  gristmill run my.toml --workers 4 --out /scratch/results
  gristmill run my.toml --json | python3 -m json.tool
  gristmill run my.toml --deadline 30s --worker-memory 2GiB
  gristmill run my.toml --chaos 7:20        under attack: some 20 workers are killed each second

Results are the same to the last bit for any number of workers. Files of an earlier, finished \
run that have the names of new ones are removed when the job begins to compute; a run that was cut \
off is not mixed with: see --fresh.

Exit status: 0 done, 1 the job failed, 2 the job file or the command line is wrong, 130 \
interrupted by Ctrl-C (SIGINT), 143 terminated (SIGTERM).";

const CHECK_EXAMPLES: &str = "\
Example:
  gristmill check my.toml

Looks at the job file and at the headers of its input files: names, types, shapes, outputs. No \
worker is started and nothing is written. All mistakes are shown at once, each with line and \
column.

Exit status: 0 the job is right, 2 it is not.";

const INIT_EXAMPLES: &str = "\
Examples:
  gristmill init elevation.npy > my.toml
  gristmill init > my.toml

The job file goes to standard output, so nothing is ever overwritten. File names in it are \
relative to the folder that the job file lies in.";

const KERNELS_EXAMPLES: &str = "\
Examples:
  gristmill kernels              all of them, one line each
  gristmill kernels sky_view     its inputs, its parameters with their defaults, its result";

const INFO_EXAMPLES: &str = "\
Example:
  gristmill info

Shows the CPUs that may be used and what limits their number, caches, memory and its limits, \
huge pages, and which features of the Linux kernel are missing and what is done instead.";

const REPLAY_EXAMPLES: &str = "\
Examples:
  gristmill replay out/terrain 17                   chunk 17, as the report there has it
  gristmill replay out/terrain 17 --debugger gdb    stopped before it begins: `continue`, then `bt`
  gristmill replay out/terrain/report.json 17 --debugger 'gdb -batch -ex continue -ex bt'

CHUNK is the number that the run has said of a chunk that was set aside (`chunk 17 …`); its report \
has it under `poisoned`.

The steps that the chunk needs are done again, then it is run alone, once, without a deadline; \
its output goes straight to the terminal. No file is written. A core dump is left if `ulimit -c` \
allows one. A debugger is started by a shell, with `-p PID` at its end.

Exit status: 0 the chunk came to its end, or the debugger did; 1 it crashed or failed again, or \
could not be run; 2 the command line, the report or the job file is wrong.";

const TOP_EXAMPLES: &str = "\
Examples:
  gristmill top          all jobs of this user on this machine, anew each second
  gristmill top | cat    once

A worker that has been at one chunk for long may hang: `--deadline` ends it, and so does `kill`; \
then the chunk is tried again.";

/// Parallel computations on arrays, described in a job file, run by worker processes.
///
/// A job file names input arrays (.npy files), steps that compute with them, and what to save. A
/// step that crashes is tried again; results are the same to the last bit whatever happens.
#[derive(Debug, Parser)]
#[command(name = "gristmill", version, verbatim_doc_comment, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the command can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a job file; results go to out/NAME under the current folder
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Check a job file for all mistakes that `run` would refuse
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Print a commented job file to start from
    #[command(after_help = INIT_EXAMPLES)]
    Init(InitArgs),
    /// List the kernels that steps may name, or explain one
    #[command(after_help = KERNELS_EXAMPLES)]
    Kernels(KernelsArgs),
    /// Show what the engine finds on this machine
    #[command(after_help = INFO_EXAMPLES)]
    Info(InfoArgs),
    /// Run a chunk that was given up once more, alone, in the foreground or under a debugger
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
    /// Measure how far kernels or a job get faster with more workers
    #[command(after_help = scale_args::SCALE_EXAMPLES)]
    Scale(ScaleArgs),
    /// Measure every kernel once, and print a card that can be compared
    #[command(after_help = scale_args::BENCH_EXAMPLES)]
    Bench(BenchArgs),
    /// Show the jobs that run, and which chunk each worker has been at for how long
    #[command(after_help = TOP_EXAMPLES)]
    Top,
}

/// `gristmill run`
#[derive(Debug, Clone, PartialEq, ClapArgs)]
pub(crate) struct RunArgs {
    /// The job file
    #[arg(value_name = "JOB.toml")]
    pub(crate) job: PathBuf,
    /// Worker processes; more than there are CPUs share them [default: one per allowed CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=WORKERS_MAX))]
    pub(crate) workers: Option<u32>,
    /// Where workers run: auto (each on a CPU of its own, in turn if there are more; nowhere in
    /// particular if other engines have claimed what it needs), no (wherever the system puts them),
    /// or CPUs in order, such as 0,2-3
    #[arg(long, value_name = "auto|no|LIST", default_value_t, hide_default_value = true)]
    pub(crate) pin: Pin,
    /// The folder for the results; created if it is missing [default: out/NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The longest that an attempt at a chunk may take, such as 30s; a chunk that takes longer is
    /// ended, tried again, and set aside at last [default: what the job file says, else any time]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) deadline: Option<Duration>,
    /// The most memory of its own that a worker may have, such as 2GiB, at least 16MiB [default:
    /// what the job file says, else no limit]
    #[arg(long, value_name = "SIZE", value_parser = worker_memory)]
    pub(crate) worker_memory: Option<u64>,
    /// Let workers that crash leave core dumps, with all arrays in them, as `ulimit -c` says
    #[arg(long)]
    pub(crate) core_dumps: bool,
    /// If a run in that folder was cut off, remove what it made and start anew
    #[arg(long)]
    pub(crate) fresh: bool,
    /// For debugging: while a chunk runs, only the pages (of 4 KiB) of what its kernel declared to
    /// write can be written; a stray write ends the chunk and is reported with array and index.
    /// Slower, by some system calls per chunk
    #[arg(long)]
    pub(crate) fence: bool,
    /// Kill, stop and slow workers at random times, to try whether results stay the same; deaths
    /// that it causes count as no attempt. A chunk that takes longer than workers live then is
    /// never done: ask for fewer kills [kills per second: 5, if not given]
    #[arg(long, value_name = "SEED[:KILLS_PER_SECOND]", value_parser = super::chaos::parse)]
    pub(crate) chaos: Option<Chaos>,
    /// Print the report (report.json) on standard output, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
    /// No progress bars and no tables; warnings and errors are shown
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// `gristmill replay`
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
pub(crate) struct ReplayArgs {
    /// The report of the run, or the folder that it lies in
    #[arg(value_name = "REPORT")]
    pub(crate) report: PathBuf,
    /// The chunk's number
    #[arg(value_name = "CHUNK")]
    pub(crate) chunk: u64,
    /// The chunk's step, if several have a chunk of this number that was given up
    #[arg(long, value_name = "NAME")]
    pub(crate) step: Option<String>,
    /// The run of that step, from 0, if it works on a list
    #[arg(long, value_name = "N")]
    pub(crate) run: Option<usize>,
    /// Attach this debugger before the chunk begins
    #[arg(long, value_name = "COMMAND")]
    pub(crate) debugger: Option<String>,
    /// Replay it although the job file has been changed since
    #[arg(long)]
    pub(crate) force: bool,
    /// Worker processes for the steps before [default: one per allowed CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=WORKERS_MAX))]
    pub(crate) workers: Option<u32>,
}

/// `gristmill check`
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
pub(crate) struct CheckArgs {
    /// The job file
    #[arg(value_name = "JOB.toml")]
    pub(crate) job: PathBuf,
}

/// `gristmill init`
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
pub(crate) struct InitArgs {
    /// An array to work on; without it, the job file is an example to fill in
    #[arg(value_name = "FILE.npy")]
    pub(crate) file: Option<PathBuf>,
}

/// `gristmill kernels`
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
pub(crate) struct KernelsArgs {
    /// The kernel to explain
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// `gristmill info`
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
pub(crate) struct InfoArgs {
    /// Tell what the hardware counters say of a short computation, or why they say nothing
    #[arg(long)]
    pub(crate) counters: bool,
}

/// `gristmill SUITE`, of any suite of benchmarks
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
pub(crate) struct SuiteArgs {
    /// The benchmark [default: all are listed]
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Its size [default: they are listed]
    #[arg(value_name = "CLASS")]
    pub(crate) class: Option<String>,
    /// Worker processes; more than there are CPUs share them [default: one per allowed CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=WORKERS_MAX))]
    pub(crate) workers: Option<u32>,
    /// Where workers run, as for `run`
    #[arg(long, value_name = "auto|no|LIST", default_value_t, hide_default_value = true)]
    pub(crate) pin: Pin,
    /// Print the outcome as JSON on standard output, and nothing else there
    #[arg(long, requires = "class")]
    pub(crate) json: bool,
}

/// How the command ends; clap itself ends with 2 on a wrong command line, and with 0 after help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitStatus {
    /// All is done.
    Done = 0,
    /// The job failed.
    Failed = 1,
    /// The job file or the command line is wrong.
    Wrong = 2,
    /// A comparison found something slower.
    Slower = 3,
    /// SIGINT: 128 + 2.
    Interrupted = 130,
    /// SIGTERM: 128 + 15.
    Terminated = 143,
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> std::process::ExitCode {
        std::process::ExitCode::from(status as u8)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(words: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(words.split(' '))
    }

    #[test]
    fn the_definitions_hold_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn run_takes_its_options_in_any_order() {
        let Ok(Args { command: Command::Run(run) }) =
            parse("gristmill run --fresh j.toml --workers 3 --out d --json --quiet --deadline 5s")
        else {
            panic!()
        };
        assert_eq!(run.deadline, Some(Duration::from_secs(5)));
        assert_eq!((run.job.to_str(), run.workers), (Some("j.toml"), Some(3)));
        assert!(run.fresh && run.json && run.quiet && run.out.is_some());
        assert_eq!(run.pin, Pin::Auto);
    }

    #[test]
    fn wrong_command_lines_end_with_2() {
        for words in [
            "gristmill",
            "gristmill walk j.toml",
            "gristmill run",
            "gristmill run a.toml b.toml",
            "gristmill run a.toml --workers 0",
            "gristmill run a.toml --workers 257",
            "gristmill run a.toml --workers many",
            "gristmill run a.toml --deadline 5",
            "gristmill run a.toml --worker-memory much",
            "gristmill run a.toml --worker-memory 15MiB",
            "gristmill run a.toml --frsh",
            "gristmill run a.toml --pin some",
            "gristmill run a.toml --pin 3-1",
            "gristmill check",
        ] {
            assert_eq!(parse(words).unwrap_err().exit_code(), ExitStatus::Wrong as i32, "{words}");
        }
        let suggested = parse("gristmill chekc j.toml").unwrap_err().to_string();
        assert!(suggested.contains("'check'"), "{suggested}");
    }

    #[test]
    fn every_help_has_an_example() {
        let mut command = Args::command();
        command.build();
        let help = command.render_long_help().to_string();
        for shown in ["143  terminated", "  gristmill top ", "  gristmill replay out/NAME 17 "] {
            assert!(help.contains(shown), "{shown}: {help}");
        }
        for each in command.get_subcommands_mut().filter(|each| each.get_name() != "help") {
            let help = each.render_long_help().to_string();
            assert!(help.contains("Example") && help.contains("  gristmill "), "{help}");
            assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
        }
    }
}
