//! The command line: arguments, one file per command, events on the terminal. Only this module prints or exits the
//! process.

pub(crate) mod args;
pub(crate) mod exit_code;

mod cache;
mod cluster;
mod compare;
mod completions;
mod data_summary;
mod doctor;
mod failure;
mod fit;
mod init;
mod interrupt;
mod memory;
mod open;
mod output;
mod plan;
mod preview;
mod publish;
mod ranks;
mod report;
mod results;
mod run;
mod schema;
mod sinks;
mod stage_rows;
mod start;
mod status;
mod store_doctor;
mod summary;
mod table;
mod text;
mod validate;

use crate::base::Error;
use args::{Arguments, Command};
use clap::Parser;
use failure::{Failure, Finish};
use std::process::ExitCode;

/// Parses the arguments, runs the command, prints its error, and returns the exit code.
pub fn main() -> ExitCode {
    start::start(command)
}

fn command() -> ExitCode {
    let arguments = Arguments::parse();
    let finish = std::panic::catch_unwind(|| dispatch(&arguments.command)).unwrap_or_else(|_| {
        // The panic hook has already printed the location.
        let bug = Error::bug("panic");
        Err(bug.help("this is a bug in simclr: please report it with the pipeline file").into())
    });
    match finish {
        Ok(Finish::Done) => ExitCode::SUCCESS,
        Ok(Finish::Partial) => ExitCode::from(exit_code::PARTIAL),
        Ok(Finish::Stale) => ExitCode::from(exit_code::STALE),
        Ok(Finish::Again) => ExitCode::from(exit_code::AGAIN),
        Err(failure) => {
            output::print_failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(command: &Command) -> Result<Finish, Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Submit(arguments) => cluster::submit(arguments),
        Command::Collect(arguments) => cluster::collect(arguments),
        Command::Cancel(arguments) => cluster::cancel(arguments),
        Command::Work(arguments) => cluster::work(arguments),
        Command::Plan(arguments) => plan::run(arguments),
        Command::Validate(arguments) => validate::run(arguments),
        Command::Summary(arguments) => summary::run(arguments),
        Command::Preview(arguments) => preview::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Open(arguments) => open::run(arguments),
        Command::Status(arguments) => status::run(arguments),
        Command::Compare(arguments) => compare::run(arguments),
        Command::Cache(arguments) => cache::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Init(arguments) => init::run(arguments),
        Command::Schema(arguments) => schema::run(arguments),
        Command::Completions(arguments) => completions::run(arguments),
    }
}
