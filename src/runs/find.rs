//! Lookup of a run by name.

use crate::base::nearest::nearest;
use crate::base::{Error, Result};
use crate::runs::{LATEST, RecordedRun, RunList, list};
use std::path::Path;

/// Maximum number of runs that an error lists.
const MAX_LISTED: usize = 5;

/// Finds a run by name: `latest`, an id or a unique prefix of one, `STUDY` for the latest run of a study, or
/// `STUDY/ID`.
///
/// # Errors
/// No run or more than one matches; the error suggests the nearest name or lists the matches.
pub fn find(output: &Path, name: &str) -> Result<RecordedRun> {
    let RunList { runs, unreadable } = list(output);
    if runs.is_empty() {
        let error = unreadable.into_iter().next();
        return Err(error.unwrap_or_else(|| {
            let error = Error::usage("there are no runs").at(output.display().to_string());
            error.help("run a pipeline first, or pass the output directory of its runs with --output")
        }));
    }
    let of_study = |study: &str| runs.iter().filter(|run| run.study == study).collect::<Vec<_>>();
    let (study, id) = name.split_once('/').map_or((None, name), |(study, id)| (Some(study), id));
    let candidates = study.map_or_else(|| runs.iter().collect(), of_study);
    let latest_of_study = if study.is_none() { of_study(id).first().copied() } else { None };
    let latest = if id == LATEST || id.is_empty() { candidates.first().copied() } else { None };
    if let Some(run) = latest.or(latest_of_study) {
        return Ok(run.clone());
    }
    let matching: Vec<&RecordedRun> = candidates.into_iter().filter(|run| run.id.starts_with(id)).collect();
    match matching.as_slice() {
        [run] => Ok((*run).clone()),
        [] => Err(not_found(&runs, name)),
        several => Err(ambiguous(several, name)),
    }
}

fn not_found(runs: &[RecordedRun], name: &str) -> Error {
    let studies = runs.iter().map(|run| run.study.clone());
    let ids = runs.iter().flat_map(|run| [run.id.clone(), run.name()]);
    let candidates: Vec<String> = studies.chain(ids).collect();
    let error = Error::usage(format!("no run matches '{name}'"));
    match nearest(name, candidates.iter().map(String::as_str)) {
        Some(nearest) => error.help(format!("did you mean '{nearest}'? `simclr status` lists all runs")),
        None => error.help("`simclr status` lists all runs"),
    }
}

fn ambiguous(runs: &[&RecordedRun], name: &str) -> Error {
    let mut names: Vec<String> = runs.iter().take(MAX_LISTED).map(|run| run.name()).collect();
    if runs.len() > MAX_LISTED {
        names.push(format!("and {} more", runs.len() - MAX_LISTED));
    }
    Error::usage(format!("{} runs begin with '{name}'", runs.len())).help(format!("one of {}", names.join(", ")))
}
