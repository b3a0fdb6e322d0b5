//! `simclr report`: renders the report again from what the store holds.

use super::args::ReportArguments;
use super::failure::{Failure, Finish};
use super::progress::Progress;
use super::{interrupt, output, run};
use crate::base::{Error, Result};
use crate::engine::{self, PlanEntry, RunOptions, StageId, Status};
use crate::stages;
use std::path::Path;

pub(super) fn run(arguments: &ReportArguments) -> Result<Finish, Failure> {
    run::start_threads(&arguments.store)?;
    let study = run::open(&arguments.pipeline, &arguments.store)?;
    let assembly = &study.assembly;
    // No record says what is read here.
    let _registration = study.store.register()?;
    check_finished(&engine::plan(&assembly.graph, &study.store)?, assembly.report, &arguments.pipeline.file)?;
    let name = vec![assembly.graph.name(assembly.report).to_owned()];
    let options = RunOptions { force: name.clone(), only: name, ..RunOptions::default() };
    let progress = Progress::new(true);
    let outcome = engine::run(&assembly.graph, &study.store, &options, &progress, interrupt::listen()?)?;
    let path = stages::publish(assembly, &outcome, &study.store, &arguments.store.output)?;
    output::print(format!("report: {}\n", path.display()))?;
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
