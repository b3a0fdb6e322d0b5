//! `simclr cache import`: the artifacts of another output directory that are not here.

use crate::base::hash::short;
use crate::base::human::count;
use crate::base::{Error, Result, human};
use crate::cli::args::ImportArguments;
use crate::cli::output;
use crate::engine::Store;
use crate::engine::store::{Artifact, Imported};

/// What an import did.
#[derive(Default)]
struct Tally {
    copied: usize,
    bytes: u64,
    there: usize,
    refused: usize,
}

pub(super) fn run(arguments: &ImportArguments) -> Result<()> {
    let (here, there) = (Store::open(&arguments.output.output)?, Store::open(&arguments.from)?);
    if !there.directory().is_dir() {
        let error = Error::usage("no artifacts of this version are there").at(there.directory().display().to_string());
        return Err(error.help("name an output directory of simclr, the one that `--output` named where it was made"));
    }
    let mut tally = Tally::default();
    for artifact in there.artifacts() {
        take(&here, &there, &artifact, &mut tally)?;
    }
    let Tally { copied, bytes, there, refused } = tally;
    let size = human::bytes(bytes);
    output::print(format!("copied {}, {size}; {there} were there already\n", count(copied, "artifact")))?;
    match refused {
        0 => Ok(()),
        refused => Err(Error::stage(format!("not copied: {}", count(refused, "artifact")))),
    }
}

/// Copies one artifact. One that is damaged is no reason to leave out the others.
fn take(here: &Store, there: &Store, artifact: &Artifact, tally: &mut Tally) -> Result<()> {
    match here.import(there, &artifact.kind, &artifact.key) {
        Ok(Imported::AlreadyThere) => tally.there += 1,
        Ok(Imported::Copied) => {
            (tally.copied, tally.bytes) = (tally.copied + 1, tally.bytes + artifact.bytes);
            let (key, size) = (short(&artifact.key), human::bytes(artifact.bytes));
            output::print(format!("copied  {} {key}  {size}\n", artifact.kind))?;
        }
        Err(error) => {
            output::warn(&error);
            tally.refused += 1;
        }
    }
    Ok(())
}
