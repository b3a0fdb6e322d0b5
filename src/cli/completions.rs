//! `simclr completions`: shell completions of commands and options.

use super::args::{Arguments, CompletionsArguments};
use super::failure::{Failure, Finish};
use super::output;
use clap::CommandFactory;

pub(super) fn run(arguments: &CompletionsArguments) -> Result<Finish, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "simclr", &mut script);
    output::print_trusted(&String::from_utf8_lossy(&script))?;
    Ok(Finish::Done)
}
