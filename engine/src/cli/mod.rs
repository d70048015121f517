//! Floor 7: the command line, for `gristmill` and for any program that hands over its own kernels.
//!
//! Each command is a file of its own; here they are told apart, and mistakes are shown.

mod args;
mod bench;
mod chaos;
mod counters;
mod info;
mod init;
mod interrupts;
mod kernels;
mod observed;
mod replay;
mod run;
mod scale;
mod scale_args;
mod suite;
mod top;

use crate::batch::{CheckError, JobErrors, Registry, nearest_file};
use crate::memory::NpyHeader;
use args::{Args, Command, ExitStatus, InitArgs};
use clap::{CommandFactory, FromArgMatches};
use miette::{Diagnostic, ReportHandler};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// The command line with these kernels: what a program's `main` returns.
///
/// It reads the program's arguments, runs the command and gives its exit status: 0 done, 1 the job
/// failed, 2 the job or the command line is wrong, 3 a comparison found something slower, 130 and 143 interrupted by SIGINT or SIGTERM.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     gristmill::cli::main(&gristmill::Registry::new())
/// }
/// ```
pub fn main(registry: &Registry) -> ExitCode {
    let matches = suite::with_commands(Args::command(), registry.suites()).get_matches();
    if let Some(status) = suite::run(&matches, registry.suites()) {
        return status.into();
    }
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let status = match args.command {
        Command::Run(args) => run::run(&args, registry),
        Command::Check(args) => run::check(&args, registry),
        Command::Init(args) => init(&args, registry),
        Command::Kernels(args) => kernels::kernels(&args, registry),
        Command::Info(args) => info::info(&args),
        Command::Replay(args) => replay::replay(&args, registry),
        Command::Scale(args) => scale::scale(&args, registry),
        Command::Bench(args) => bench::bench(&args, registry),
        Command::Top => top::top(),
    };
    status.into()
}

fn init(args: &InitArgs, registry: &Registry) -> ExitStatus {
    let Some(file) = &args.file else {
        return print(&init::starting_job(None, registry));
    };
    match NpyHeader::open(file) {
        Ok((_, header)) => {
            let path = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            print(&init::starting_job(Some((&path.to_string_lossy(), &header)), registry))
        }
        Err(_) if file.symlink_metadata().is_err() => {
            let near = nearest_file(file).map_or(String::new(), |near| {
                format!(", did you mean `{}`?", file.with_file_name(near).display())
            });
            say(&format!("there is no file {}{near}", file.display()));
            ExitStatus::Wrong
        }
        Err(error) => {
            say(&format!("{}: {}\n  {}", file.display(), error.message, error.help));
            ExitStatus::Wrong
        }
    }
}

/// Shows text on standard output. A reader that has gone has read enough; any other failure is
/// the command's.
fn print(text: &str) -> ExitStatus {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say(&format!("cannot write to standard output: {error}"));
            ExitStatus::Failed
        }
        _ => ExitStatus::Done,
    }
}

/// Shows a message on standard error.
fn say(message: &str) {
    show(&format!("gristmill: {message}\n"));
}

/// Puts text on standard error; there is nowhere to say that this failed.
fn show(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// An error and its remedy, for [`say`].
fn described(error: &dyn Diagnostic) -> String {
    match error.help() {
        Some(help) => format!("{error}\n  {help}"),
        None => error.to_string(),
    }
}

/// Shows the mistakes of a job: with the lines that they are in on a terminal, one a line in a
/// pipe.
fn show_mistakes(error: &CheckError) {
    let CheckError::Mistakes(mistakes) = error else {
        return say(&described(error));
    };
    if !std::io::stderr().is_terminal() {
        return show(&mistakes.plain());
    }
    /// Drawn as wide as the terminal is, in colours if it has them.
    struct Drawn<'m>(&'m JobErrors);
    impl std::fmt::Display for Drawn<'_> {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            miette::MietteHandlerOpts::new().build().debug(self.0, formatter)
        }
    }
    show(&Drawn(mistakes).to_string());
}

/// The columns of the terminal that standard output is, if it is one.
fn width() -> Option<u16> {
    let size = terminal_size::terminal_size_of(std::io::stdout());
    size.map(|(terminal_size::Width(columns), _)| columns)
}
