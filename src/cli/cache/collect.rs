//! `simclr cache gc`: deletes artifacts that no run to be kept uses.

use crate::base::hash::short;
use crate::base::human::count;
use crate::base::{Error, Result, human};
use crate::cli::args::{CollectArguments, Format};
use crate::cli::table::{Cell, table};
use crate::cli::text::Text;
use crate::cli::{interrupt, output};
use crate::engine::Store;
use crate::engine::store::{FreedDirectory, GcReport};
use crate::runs::{self, RecordedRun, RunState};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::path::Path;

pub(super) fn run(arguments: &CollectArguments) -> Result<()> {
    let (output, dry_run) = (&arguments.output.output, arguments.dry_run);
    let store = Store::open(output)?;
    let keep = || kept_keys(output, &store, arguments.keep);
    let waiting =
        interrupt::while_waiting("another process that is starting a run or a report (is it suspended with Ctrl-Z?)");
    let collected =
        if store.kinds().is_empty() { GcReport::default() } else { store.collect_with(dry_run, waiting, keep)? };
    match arguments.format {
        Format::Text => output::print(text(&collected, dry_run)),
        Format::Json => output::print_json(&json!({
            "dry_run": dry_run,
            "bytes": collected.bytes,
            "freed": collected.freed.iter().map(freed_json).collect::<Vec<_>>(),
        })),
    }
}

/// Returns the keys that the latest runs of each study, pinned runs and active runs use.
fn kept_keys(output: &Path, store: &Store, newest: usize) -> Result<HashSet<String>> {
    let listing = runs::list(output);
    // The artifacts of an unreadable run are unknown, and it may be pinned.
    if let Some(error) = listing.unreadable.into_iter().next() {
        return Err(error.help("delete the directory of this run if its artifacts need not be kept"));
    }
    if listing.runs.is_empty() {
        let error =
            Error::usage("there are no runs, so every artifact would be deleted").at(output.display().to_string());
        return Err(error.help(format!("delete the directory {} to delete everything", store.directory().display())));
    }
    Ok(keys_of(&listing.runs, newest))
}

fn keys_of(runs: &[RecordedRun], newest: usize) -> HashSet<String> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut keys = HashSet::new();
    for run in runs {
        let number = seen.entry(&run.study).or_default();
        *number += 1;
        if *number <= newest || run.pinned || matches!(run.state, RunState::Running | RunState::Submitted) {
            keys.extend(run.record.stages.iter().map(|stage| stage.key.clone()));
        }
    }
    keys
}

fn text(collected: &GcReport, dry_run: bool) -> Text {
    let row = |freed: &FreedDirectory| -> [Cell; 4] {
        let size = human::bytes(freed.bytes);
        [freed.kind.as_str().into(), short(&freed.key).into(), freed.what.to_string().into(), size.into()]
    };
    let rows: Vec<_> = collected.freed.iter().map(row).collect();
    let (verb, size) = (if dry_run { "would free" } else { "freed" }, human::bytes(collected.bytes));
    table(&rows, &[3]).with(format!("{verb} {size} in {}\n", count(rows.len(), "directory")))
}

fn freed_json(freed: &FreedDirectory) -> Value {
    json!({ "kind": freed.kind, "key": freed.key, "what": freed.what.to_string(), "bytes": freed.bytes })
}
