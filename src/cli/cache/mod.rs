//! `simclr cache`: manages the artifacts in the store.

mod collect;
mod import;
mod list;
mod pin;
mod users;
mod verify;

use super::args::{CacheArguments, CacheCommand};
use super::failure::{Failure, Finish};

pub(super) fn run(arguments: &CacheArguments) -> Result<Finish, Failure> {
    match &arguments.command {
        CacheCommand::Ls(arguments) => list::run(arguments)?,
        CacheCommand::Verify(arguments) => verify::run(arguments)?,
        CacheCommand::Gc(arguments) => collect::run(arguments)?,
        CacheCommand::Import(arguments) => import::run(arguments)?,
        CacheCommand::Pin(arguments) => pin::run(arguments, true)?,
        CacheCommand::Unpin(arguments) => pin::run(arguments, false)?,
    }
    Ok(Finish::Done)
}
