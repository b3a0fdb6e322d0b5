//! `simclr report`: re-renders the report from the artifacts in the store.

use super::args::ReportArguments;
use super::failure::{Failure, Finish};
use super::sinks::Quiet;
use super::{interrupt, output, run};
use crate::base::{Error, ErrorKind, Result};
use crate::engine::{self, PlanEntry, PlanStatus, RunOptions, StageId};
use crate::pipeline;
use std::path::Path;

pub(super) fn run(arguments: &ReportArguments) -> Result<Finish, Failure> {
    run::start_threads(&arguments.store)?;
    let study = run::open(&arguments.pipeline, &arguments.store)?;
    let assembly = &study.assembly;
    let interrupted = interrupt::listen()?;
    // This command leaves no run record, so a registration protects what it reads from `cache gc`.
    let _registration = match (
        study.store.register(interrupt::while_waiting(run::COLLECTION)),
        pipeline::published(assembly, &arguments.store.output),
    ) {
        (Ok(registration), _) => registration,
        // On a read-only disk, the location of the published report is all there is to print.
        (Err(error), Some(page)) if error.kind() != ErrorKind::Interrupted => {
            output::warn(format!("this is the report as it was published; a new one cannot be written: {error}"));
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
    let outcome = engine::run(&assembly.graph, &study.store, &options, &Quiet, interrupted)?;
    let published = pipeline::publish(assembly, &outcome, &study.store, &arguments.store.output)?;
    published.damage.iter().map(run::published_again).for_each(output::warn);
    output::print(format!("report: {}\n", published.page.display()))?;
    Ok(Finish::Done)
}

/// Returns an error if any stage but the report itself still has to be computed.
fn check_finished(plan: &[PlanEntry], report: StageId, file: &Path) -> Result<()> {
    let missing: Vec<&str> = plan
        .iter()
        .filter(|entry| entry.id != report && entry.status != PlanStatus::Cached)
        .map(|entry| entry.name.as_str())
        .collect();
    let Some(first) = missing.first() else { return Ok(()) };
    let what = match missing.len() {
        1 => format!("the artifact of {first} is missing"),
        count => format!("{count} artifacts are missing, the first is that of {first}"),
    };
    Err(Error::stage(what).help(format!("simclr run {}", file.display())))
}
