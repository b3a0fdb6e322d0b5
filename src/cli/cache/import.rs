//! `simclr cache import`: copies missing artifacts from another output directory.

use crate::base::hash::short;
use crate::base::human::count;
use crate::base::{Error, Result, human};
use crate::cli::args::ImportArguments;
use crate::cli::output;
use crate::engine::Store;
use crate::engine::store::{Artifact, ImportOutcome};

/// Counts of imported artifacts.
#[derive(Default)]
struct ImportCounts {
    copied: usize,
    bytes: u64,
    existing: usize,
    rejected: usize,
}

pub(super) fn run(arguments: &ImportArguments) -> Result<()> {
    let (target, source) = (Store::open(&arguments.output.output)?, Store::open(&arguments.from)?);
    if !source.directory().is_dir() {
        let error = Error::usage("the directory does not exist").at(source.directory().display().to_string());
        return Err(
            error.help("pass an output directory of this version of simclr, the one named by `--output` of its runs")
        );
    }
    let mut counts = ImportCounts::default();
    for artifact in source.artifacts() {
        import(&target, &source, &artifact, &mut counts)?;
    }
    let ImportCounts { copied, bytes, existing, rejected } = counts;
    let size = human::bytes(bytes);
    output::print(format!("copied {}, {size}; {existing} already existed\n", count(copied, "artifact")))?;
    match rejected {
        0 => Ok(()),
        rejected => Err(Error::stage(format!("not copied: {}", count(rejected, "artifact")))),
    }
}

/// Copies one artifact. A damaged artifact is reported and skipped.
fn import(target: &Store, source: &Store, artifact: &Artifact, counts: &mut ImportCounts) -> Result<()> {
    match target.import(source, &artifact.kind, &artifact.key) {
        Ok(ImportOutcome::AlreadyPresent) => counts.existing += 1,
        Ok(ImportOutcome::Copied) => {
            (counts.copied, counts.bytes) = (counts.copied + 1, counts.bytes + artifact.bytes);
            let (key, size) = (short(&artifact.key), human::bytes(artifact.bytes));
            output::print(format!("copied  {} {key}  {size}\n", artifact.kind))?;
        }
        Err(error) => {
            output::warn(&error);
            counts.rejected += 1;
        }
    }
    Ok(())
}
