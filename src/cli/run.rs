//! `simclr run`: computes what is missing, renders the report, shows the results.

use super::args::{PipelineArguments, RunArguments, StoreArguments};
use super::failure::{Failure, Finish};
use super::progress::Progress;
use super::sinks::Sinks;
use super::{interrupt, output, plan};
use crate::base::{Error, Result, human};
use crate::config::{self, Loaded};
use crate::engine::{self, Outcome, RunOptions, Store};
use crate::runs::{Description, Recorder};
use crate::stages::{self, Assembly, device};
use std::time::Instant;

pub(super) fn run(arguments: &RunArguments) -> Result<Finish, Failure> {
    start_threads(&arguments.store)?;
    let options = RunOptions { force: arguments.force.clone(), only: arguments.only.clone(), ..RunOptions::default() };
    let Study { loaded, assembly, store } = open(&arguments.pipeline, &arguments.store)?;
    if arguments.dry_run {
        plan::show_text(&engine::plan_with(&assembly.graph, &store, &options)?)?;
        return Ok(Finish::Done);
    }
    let start = Instant::now();
    let interrupted = interrupt::listen()?;
    let PipelineArguments { file, set: overrides } = &arguments.pipeline;
    let device = device_name(&loaded, &arguments.store);
    let description = Description { study: &loaded.study.name, file, overrides, device: &device };
    let record = Recorder::create(&arguments.store.output, &description, &assembly.graph, &store)?;
    let record_path = record.record();
    let progress = Progress::new(arguments.quiet);
    let result = engine::run(&assembly.graph, &store, &options, &Sinks(vec![&progress, &record]), interrupted)
        .and_then(|outcome| Ok((results(&assembly, &outcome, arguments)?, outcome)));
    progress.finish();
    record.finish(result.as_ref().err()).iter().for_each(output::warn);
    let (results, outcome) = result?;
    if !arguments.quiet {
        let (computed, cached, time) = (outcome.computed, outcome.cached, human::duration(start.elapsed()));
        output::message(&format!("computed {computed}, cached {cached} in {time}; record: {}", record_path.display()));
    }
    output::print(&results)?;
    Ok(Finish::Done)
}

/// A pipeline that is ready to run.
pub(super) struct Study {
    pub(super) loaded: Loaded,
    pub(super) assembly: Assembly,
    pub(super) store: Store,
}

/// Reads a pipeline file and turns it into a graph.
pub(super) fn open(pipeline: &PipelineArguments, store: &StoreArguments) -> Result<Study, Failure> {
    let loaded = config::load(&pipeline.file, &pipeline.set)?;
    let opened = Store::open(&store.output)?;
    let assembly = stages::assemble(&loaded, &store.output, store.device)?;
    Ok(Study { loaded, assembly, store: opened })
}

/// The device of the first variant; a sweep does not change it.
fn device_name(loaded: &Loaded, store: &StoreArguments) -> String {
    let choice = store.device.or_else(|| loaded.study.variants.first().map(|variant| variant.pipeline.device));
    device::name(choice.unwrap_or_default())
}

/// Starts the worker threads, once a process.
pub(super) fn start_threads(store: &StoreArguments) -> Result<()> {
    let threads = store.threads.map_or(0, usize::from);
    let started = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    started.map_err(|error| Error::stage(format!("cannot start the worker threads: {error}")))
}

/// The results table and where the report is; a run with `--only` has neither unless it made the report.
fn results(assembly: &Assembly, outcome: &Outcome, arguments: &RunArguments) -> Result<String> {
    if outcome.artifacts[assembly.report.index()].is_none() {
        return Ok("no report: run again without --only\n".to_owned());
    }
    let path = stages::publish(assembly, outcome, &arguments.store.output)?;
    let table = stages::results_table(assembly, outcome)?;
    Ok(format!("{}\n\nreport: {}\n", table.trim_end(), path.display()))
}
