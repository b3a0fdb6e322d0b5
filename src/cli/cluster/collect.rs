//! `simclr collect`: the results of a submitted run.

use super::super::args::{CollectRunArguments, ResultsFormat};
use super::super::failure::{Failure, Finish};
use super::super::publish::ResultsWriter;
use super::super::results::{self, RunResults};
use super::super::run::{self as local_run, Study};
use super::super::sinks::{self, Quiet};
use super::super::{interrupt, output};
use super::follow::{counts, follow};
use super::submit::{how_to_continue, name};
use super::{find_stages, reopen};
use crate::base::{Error, ErrorKind, Result};
use crate::engine::{self, Event, EventSink, RunOptions, RunOutcome, StageId, StageOutcome, StageStatus, Store};
use crate::executor::driver::{Driver, Look};
use crate::executor::state::{TaskState, TaskView};
use crate::executor::submission::{ClusterDirectory, Submission};
use crate::pipeline::Assembly;
use crate::runs::{self, Recorder};
use crate::sinks::FanOut;
use std::path::Path;

/// How results are collected.
pub(super) struct Wanted {
    pub(super) wait: bool,
    pub(super) quiet: bool,
    pub(super) format: Option<ResultsFormat>,
}

pub(crate) fn collect(arguments: &CollectRunArguments) -> Result<Finish, Failure> {
    let run = runs::find(&arguments.output.output, &arguments.run)?.directory;
    let directory = ClusterDirectory::of_run(&run);
    let submission = directory.read()?;
    if directory.is_canceled() {
        let error = Error::usage("the run was canceled").at(name(&run));
        return Err(error.help(format!("submit it again: simclr submit {}", submission.job.pipeline.display())).into());
    }
    interrupt::listen()?;
    local_run::start_worker_threads(None)?;
    let study = reopen(&directory, &submission)?;
    find_stages(&study.assembly, &submission, submission.stages.iter())?;
    let wanted = Wanted { wait: arguments.wait, quiet: arguments.quiet, format: arguments.format };
    follow_and_finish(study, &run, &wanted)
}

/// Follows a run and finishes it: its report, its record and its exit code.
pub(super) fn follow_and_finish(study: Study, run: &Path, wanted: &Wanted) -> Result<Finish, Failure> {
    let mut driver = Driver::open(run, &study.store)?;
    let followed = follow(&mut driver, wanted.wait, wanted.quiet);
    let look = followed.inspect_err(|error| {
        if error.kind() == ErrorKind::Interrupted {
            output::message(how_to_continue(&name(run)));
        }
    })?;
    if look.is_over() {
        let submission = driver.submission.clone();
        return finish(study, run, &submission, &look, wanted);
    }
    if let Some((why, _)) = &look.unreachable {
        output::warn(format!("the queue does not answer ({why}), so it is not known what still runs"));
    }
    output::message(counts(&look.tasks));
    output::message(how_to_continue(&name(run)));
    Ok(Finish::Stale)
}

fn finish(
    mut study: Study,
    run: &Path,
    submission: &Submission,
    look: &Look,
    wanted: &Wanted,
) -> Result<Finish, Failure> {
    let outcome = outcome(&study.assembly, &study.store, submission, &look.tasks)?;
    let Study { loaded, assembly, store } = &mut study;
    let waiting = interrupt::while_waiting(local_run::COLLECTION);
    let record = Recorder::reopen(run, (&assembly.graph, store), waiting)?;
    let facts = record.facts();
    let to = &submission.job.output;
    let terminal = sinks::for_terminal(wanted.quiet, true);
    let events = FanOut(vec![&*terminal, &record]);
    report_failures(&assembly.graph, &outcome, &record);
    let results = match (outcome.is_complete(), submission.report) {
        (false, _) => Ok(None),
        (true, false) => Ok(Some(RunResults::None("no report: submit again without --only"))),
        (true, true) => report(assembly, store, &events).and_then(|outcome| {
            let writer = ResultsWriter { store, output: to, run, facts: facts.clone(), events: &events };
            writer.results(assembly, &outcome).map(Some)
        }),
    };
    events.finish();
    record.finish(results.as_ref().err()).iter().for_each(output::warn);
    let results = match results? {
        Some(results) => results,
        None => {
            let writer = ResultsWriter { store, output: to, run, facts, events: &Quiet };
            writer.partial_results(loaded, assembly, &outcome)?
        }
    };
    if !wanted.quiet {
        output::message(format!("{}; record: {}", counts(&look.tasks), run.display()));
    }
    results::show(&results, wanted.format)?;
    Ok(if outcome.is_complete() { Finish::Done } else { Finish::Partial })
}

/// Renders the report of a complete run.
fn report(assembly: &Assembly, store: &Store, events: &dyn EventSink) -> Result<RunOutcome> {
    let options = RunOptions { stages: Some(vec![assembly.report]), ..RunOptions::default() };
    engine::run(&assembly.graph, store, &options, events, interrupt::flag())
}

/// Records failures of tasks that could not record them themselves.
fn report_failures(graph: &engine::Graph, outcome: &RunOutcome, record: &dyn EventSink) {
    for (stage, error) in &outcome.failures {
        record.emit(&Event::Failed { stage: graph.name(*stage).to_owned(), error: error.to_string() });
    }
    for (stage, because) in &outcome.skipped {
        let (stage, because) = (graph.name(*stage).to_owned(), graph.name(*because).to_owned());
        record.emit(&Event::Skipped { stage, because });
    }
}

/// Returns the outcome of the run as that of a local run that kept going: artifacts by the store, failures by the tasks.
fn outcome(assembly: &Assembly, store: &Store, submission: &Submission, tasks: &[TaskView]) -> Result<RunOutcome> {
    let graph = &assembly.graph;
    let artifacts: Vec<_> = graph.iter().map(|id| store.artifact(graph.kind(id), graph.key(id))).collect();
    let mut failures: Vec<(StageId, Error)> = Vec::new();
    for (task, view) in tasks.iter().enumerate() {
        let TaskState::Failed { failures: failed } = &view.state else { continue };
        let missing = submission.tasks[task].stages.iter().map(|stage| &submission.stages[*stage]);
        let missing: Vec<StageId> = find_stages(assembly, submission, missing)?
            .into_iter()
            .filter(|id| artifacts[id.index()].is_none())
            .collect();
        for (name, error) in failed {
            let stage = graph.with_name(name).filter(|id| missing.contains(id)).or(missing.first().copied());
            failures.extend(stage.map(|stage| (stage, Error::stage(error.clone()))));
        }
    }
    let failed = |id: &StageId| failures.iter().any(|(failed, _)| failed == id);
    let mut because: Vec<Option<StageId>> = vec![None; graph.len()];
    for id in graph.iter().filter(|id| artifacts[id.index()].is_none()) {
        let inputs = graph.inputs(id).values();
        because[id.index()] = match failed(&id) {
            true => Some(id),
            false => inputs.filter_map(|input| because[input.index()]).next(),
        };
    }
    let skipped: Vec<(StageId, StageId)> =
        graph.iter().filter(|id| !failed(id)).filter_map(|id| Some((id, because[id.index()]?))).collect();
    let status = |id: StageId| match (&artifacts[id.index()], failed(&id)) {
        (Some(_), _) => StageStatus::Cached,
        (None, true) => StageStatus::Failed,
        (None, false) if because[id.index()].is_some() => StageStatus::Skipped,
        (None, false) => StageStatus::NotNeeded,
    };
    let stages: Vec<StageOutcome> = graph
        .iter()
        .map(|id| StageOutcome {
            name: graph.name(id).to_owned(),
            kind: graph.kind(id).to_owned(),
            key: graph.key(id).to_owned(),
            status: status(id),
            seconds: 0.0,
        })
        .collect();
    let cached = artifacts.iter().flatten().count();
    Ok(RunOutcome { artifacts, computed: 0, cached, stages, failures, skipped })
}
