//! `simclr cache`: looks after the artifacts that runs have left.

mod collect;
mod import;
mod list;
mod pin;
mod users;
mod verify;

use super::args::{CacheArguments, CacheCommand};
use super::failure::{Failure, Finish};

/// Characters of a key that are shown: with them no two artifacts of a store are taken for each other.
const KEY_SHOWN: usize = 12;

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

/// The beginning of a key, for people.
fn short(key: &str) -> &str {
    key.get(..KEY_SHOWN).unwrap_or(key)
}
