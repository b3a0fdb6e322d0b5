//! `simclr report`: renders the report again from what the store holds.

use super::args::ReportArguments;
use super::failure::{Failure, Finish};
use super::progress::Progress;
use super::{interrupt, output, run};
use crate::base::{Error, ErrorKind, Result};
use crate::engine::{self, PlanEntry, RunOptions, StageId, Status};
use crate::stages;
use std::path::Path;

pub(super) fn run(arguments: &ReportArguments) -> Result<Finish, Failure> {
    run::start_threads(&arguments.store)?;
    let study = run::open(&arguments.pipeline, &arguments.store)?;
    let assembly = &study.assembly;
    let interrupted = interrupt::listen()?;
    // No record says what is read here.
    let _registration = match (
        study.store.register(interrupt::while_waiting(run::COLLECTION)),
        stages::published(assembly, &arguments.store.output),
    ) {
        (Ok(registration), _) => registration,
        // On a disk that cannot be written there is nothing to do but to say where it is.
        (Err(error), Some(page)) if error.kind() != ErrorKind::Interrupted => {
            output::warn(format!("this is the report as it was published, since a new one cannot be written: {error}"));
            output::print(format!("report: {}\n", page.display()))?;
            return Ok(Finish::Done);
        }
        (Err(error), _) => return Err(error.into()),
    };
    let verify = run::verify_choice(&study.loaded, &arguments.store);
    let options = RunOptions { verify, ..RunOptions::default() };
    let plan = engine::plan_with(&assembly.graph, &study.store, &options)?;
    check_finished(&plan, assembly.report, &arguments.pipeline.file)?;
    let name = vec![assembly.graph.name(assembly.report).to_owned()];
    let options = RunOptions { force: name.clone(), only: name, ..options };
    let progress = Progress::new(true);
    let outcome = engine::run(&assembly.graph, &study.store, &options, &progress, interrupted)?;
    let published = stages::publish(assembly, &outcome, &study.store, &arguments.store.output)?;
    published.damage.iter().map(run::published_again).for_each(output::warn);
    output::print(format!("report: {}\n", published.page.display()))?;
    Ok(Finish::Done)
}

/// Nothing but the report itself may be left to compute.
fn check_finished(plan: &[PlanEntry], report: StageId, file: &Path) -> Result<()> {
    let missing: Vec<&str> = plan
        .iter()
        .filter(|entry| entry.id != report && entry.status != Status::Cached)
        .map(|entry| entry.name.as_str())
        .collect();
    let Some(first) = missing.first() else { return Ok(()) };
    let what = match missing.len() {
        1 => format!("the artifact of {first} is missing"),
        count => format!("{count} artifacts are missing, the first that of {first}"),
    };
    Err(Error::stage(what).help(format!("simclr run {}", file.display())))
}
