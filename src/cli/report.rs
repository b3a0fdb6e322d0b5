//! `simclr report`: re-renders the report from the artifacts in the store, or compares the reports of several runs.

use super::args::{PipelineArguments, ReportArguments};
use super::failure::{Failure, Finish};
use super::sinks::Quiet;
use super::{interrupt, output, publish, run};
use crate::base::{Error, ErrorKind, Result};
use crate::engine::{self, PlanEntry, PlanStatus, RunOptions, StageId};
use crate::pipeline::{self, ComparedReport};
use crate::runs::{self, RecordedRun};
use std::path::{Path, PathBuf};

pub(super) fn run(arguments: &ReportArguments) -> Result<Finish, Failure> {
    match arguments.targets.as_slice() {
        [file] if arguments.out.is_none() => {
            of_pipeline(&PipelineArguments { file: file.clone(), set: arguments.set.clone() }, arguments)
        }
        [_] => {
            let error = Error::usage("--out is the place of a comparison, and there is nothing to compare");
            Err(error.help("name two or more runs: simclr report A B --out DIR").into())
        }
        targets => of_runs(targets, arguments),
    }
}

/// Writes a page that compares runs.
fn of_runs(targets: &[PathBuf], arguments: &ReportArguments) -> Result<Finish, Failure> {
    if !arguments.set.is_empty() {
        let error = Error::usage("--set changes a pipeline file, and runs are compared as they were");
        return Err(error.help("run the pipeline with --set first, then compare the runs").into());
    }
    let output = &arguments.store.output;
    let found = targets.iter().map(|target| runs::find(output, &target.to_string_lossy()));
    let found: Vec<RecordedRun> = found.collect::<Result<_>>()?;
    if let Some(twice) = found.iter().enumerate().find(|(at, run)| found[..*at].iter().any(|other| other.id == run.id))
    {
        return Err(Error::usage("the same run is named twice").at(twice.1.name()).into());
    }
    let reports = found.iter().zip(names(&found)).map(|(run, name)| {
        let directory = run.page().and_then(|page| Some(page.parent()?.to_owned()));
        let missing = || Error::usage("the run has no report").at(run.name()).help("run its pipeline again");
        Ok(ComparedReport { name, directory: directory.ok_or_else(missing)? })
    });
    let reports: Vec<ComparedReport> = reports.collect::<Result<_>>()?;
    let destination = arguments.out.clone().unwrap_or_else(|| pipeline::comparison_directory(output, &reports));
    let page = pipeline::publish_comparison(&reports, &destination)?;
    output::print(format!("report: {}\n", page.display()))?;
    Ok(Finish::Done)
}

/// Returns a name for each run: its study or its id if that is unique, else both.
fn names(runs: &[RecordedRun]) -> Vec<String> {
    let are_unique = |name: fn(&RecordedRun) -> String| {
        (1..runs.len()).all(|at| !runs[..at].iter().any(|run| name(run) == name(&runs[at])))
    };
    let study: fn(&RecordedRun) -> String = |run| run.study.clone();
    let id: fn(&RecordedRun) -> String = |run| run.id.clone();
    let is_one_study = runs.iter().all(|run| run.study == runs[0].study);
    let name = match (are_unique(study), is_one_study) {
        (true, _) => study,
        (false, true) => id,
        (false, false) => RecordedRun::name,
    };
    runs.iter().map(name).collect()
}

/// Renders the report of a finished pipeline again.
fn of_pipeline(file: &PipelineArguments, arguments: &ReportArguments) -> Result<Finish, Failure> {
    run::start_threads(&arguments.store)?;
    let study = run::open(file, &arguments.store)?;
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
    check_finished(&plan, assembly.report, &file.file)?;
    let name = vec![assembly.graph.name(assembly.report).to_owned()];
    let options = RunOptions { force: name.clone(), only: name, ..options };
    let outcome = engine::run(&assembly.graph, &study.store, &options, &Quiet, interrupted)?;
    let published = pipeline::publish(assembly, &outcome, &study.store, &arguments.store.output)?;
    published.damage.iter().map(publish::published_again).for_each(output::warn);
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
