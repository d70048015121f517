//! Floor 7: the command line, for `gristmill` and for any program that hands over its own kernels.
//!
//! Each command is a file of its own; here they are told apart, and mistakes are shown.

mod args;
mod info;
mod init;
mod kernels;
mod run;

use crate::batch::{CheckError, Registry};
use crate::memory::NpyHeader;
use args::{Args, Command, ExitStatus, InitArgs};
use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;

/// The command line with these kernels: what a program's `main` returns.
///
/// It reads the program's arguments, runs the command and gives its exit status: 0 done, 1 the job
/// failed, 2 the job or the command line is wrong, 130 and 143 interrupted by SIGINT or SIGTERM.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     gristmill::cli::main(&gristmill::Registry::new())
/// }
/// ```
pub fn main(registry: &Registry) -> ExitCode {
    let status = match Args::parse().command {
        Command::Run(args) => run::run(&args, registry),
        Command::Check(args) => run::check(&args, registry),
        Command::Init(args) => init(&args, registry),
        Command::Kernels(args) => kernels::kernels(&args, registry),
        Command::Info => info::info(),
    };
    status.into()
}

fn init(args: &InitArgs, registry: &Registry) -> ExitStatus {
    let Some(file) = &args.file else {
        print!("{}", init::starting_job(None, registry));
        return ExitStatus::Done;
    };
    match NpyHeader::of_file(file) {
        Ok(header) => {
            let path = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            print!("{}", init::starting_job(Some((&path.to_string_lossy(), &header)), registry));
            ExitStatus::Done
        }
        Err(error) => {
            say(&format!("{}: {}\n  {}", file.display(), error.message, error.help));
            ExitStatus::Wrong
        }
    }
}

/// Shows an error on standard error.
fn say(message: &str) {
    eprintln!("gristmill: {message}");
}

/// Shows the mistakes of a job: with the lines that they are in on a terminal, one a line in a
/// pipe.
fn show_mistakes(error: &CheckError) {
    let CheckError::Mistakes(mistakes) = error else {
        return say(&error.to_string());
    };
    if !std::io::stderr().is_terminal() {
        return eprint!("{}", mistakes.plain());
    }
    let mut text = String::new();
    let handler = miette::GraphicalReportHandler::new();
    if handler.render_report(&mut text, mistakes).is_ok() {
        eprint!("{text}");
    } else {
        eprint!("{}", mistakes.plain());
    }
}
