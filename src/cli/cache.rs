//! `simclr cache`: looks after the artifacts that runs have left.

use super::args::{CacheArguments, CacheCommand, PinArguments};
use super::failure::{Failure, Finish};
use super::output;
use crate::base::Result;
use crate::runs;

pub(super) fn run(arguments: &CacheArguments) -> Result<Finish, Failure> {
    match &arguments.command {
        CacheCommand::Pin(arguments) => pin(arguments, true)?,
        CacheCommand::Unpin(arguments) => pin(arguments, false)?,
    }
    Ok(Finish::Done)
}

fn pin(arguments: &PinArguments, pinned: bool) -> Result<()> {
    let run = runs::find(&arguments.output.output, &arguments.run)?;
    runs::pin(&run, pinned)?;
    let what = if pinned { "pinned" } else { "no longer pinned" };
    output::print(&format!("{}: {what}\n", run.name()))
}
