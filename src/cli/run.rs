//! `simclr run`: computes missing stages, renders the report, prints the results.

use super::args::{PipelineArguments, RunArguments, StoreArguments};
use super::failure::{Failure, Finish};
use super::memory::RanksHere;
use super::publish::ResultsWriter;
use super::ranks::Ranks;
use super::results;
use super::sinks::{self, Quiet};
use super::{cluster, interrupt, memory, output, plan};
use crate::base::{Error, ErrorKind, Result, human};
use crate::engine::store::Verify;
use crate::engine::{self, Event, EventSink, RunOptions, RunOutcome, Store};
use crate::pipeline::{self, Assembly, LoadedStudy};
use crate::runs::requeue::{self, Outcome};
use crate::runs::{Recorder, RunDescription};
use crate::sinks::{FanOut, LIVE, LIVE_PAGE, SINKS, SinkPlace};
use crate::stages::shared::device;
use crate::study::DeviceChoice;
use std::time::{Duration, Instant};

/// The executor that computes in this process.
const HERE: &str = "local";
/// Maximum number of worker threads, the same as for `--threads`.
const MAX_THREADS: usize = 1024;

/// What a command that relies on artifacts may have to wait for.
pub(super) const COLLECTION: &str = "`cache gc` in another process to finish (is it suspended with Ctrl-Z?)";

pub(super) fn run(arguments: &RunArguments) -> Result<Finish, Failure> {
    if arguments.executor != HERE {
        return cluster::run(arguments);
    }
    let ranks = Ranks::join(arguments.ranks)?;
    ranks.leave(run_on(&ranks, arguments))
}

fn run_on(ranks: &Ranks, arguments: &RunArguments) -> Result<Finish, Failure> {
    start_worker_threads(ranks.threads(arguments.store.threads))?;
    let loaded = pipeline::load(&arguments.pipeline.file, &arguments.pipeline.set);
    // Before anything opens a device.
    ranks.take_device(loaded.as_ref().ok().map(|loaded| device_choice(loaded, &arguments.store)))?;
    let opened = loaded.map_err(Failure::from).and_then(|loaded| assembled(loaded, &arguments.store));
    ranks.compare(opened.as_ref().ok().map(|study| &study.assembly.graph))?;
    let study = opened?;
    let device = device::name(device_choice(&study.loaded, &arguments.store));
    ranks.check(&study.assembly.graph, arguments.jobs, &device)?;
    match ranks.is_follower() {
        true => follow(ranks, &study, arguments),
        false => run_study(ranks, study, &device, arguments),
    }
}

/// Computes what the first rank says.
fn follow(ranks: &Ranks, study: &Study, arguments: &RunArguments) -> Result<Finish, Failure> {
    if !arguments.dry_run {
        ranks.follow(&study.assembly.graph, step_timeout(arguments), interrupt::listen()?)?;
    }
    Ok(Finish::Done)
}

fn step_timeout(arguments: &RunArguments) -> Duration {
    Duration::from_secs_f64(60.0 * arguments.step_timeout)
}

fn run_study(ranks: &Ranks, study: Study, device: &str, arguments: &RunArguments) -> Result<Finish, Failure> {
    let Study { loaded, mut assembly, store } = study;
    let options = options(arguments, &loaded);
    if arguments.dry_run {
        plan::show_text(&plan::entries(&assembly, &store, &options, &arguments.store.output)?, false)?;
        assembly.messages().for_each(output::warn);
        return Ok(Finish::Done);
    }
    let start = Instant::now();
    let max_restarts = requeue::max_restarts()?;
    let interrupted = interrupt::listen()?;
    check_memory(&loaded, &mut assembly, &store, arguments, ranks.here())?;
    let PipelineArguments { file, set: overrides } = &arguments.pipeline;
    if let (Some(why), false) = (device::why_cpu(device_choice(&loaded, &arguments.store)), arguments.quiet) {
        output::message(why);
    }
    if !arguments.quiet {
        ranks.announce();
    }
    let texts: Vec<&str> = loaded.files().map(|(_, text)| text).collect();
    let (study, resolved) = (&loaded.study.name, loaded.resolved_toml());
    let description = RunDescription { study, file, texts: &texts, resolved: &resolved, overrides, device };
    let record = Recorder::create(
        &arguments.store.output,
        &description,
        (&assembly.graph, &store),
        interrupt::while_waiting(COLLECTION),
    )?;
    let record_path = record.record();
    let terminal = sinks::for_terminal(arguments.quiet, options.keep_going);
    let main = FanOut(vec![&*terminal, &record]);
    let added = added_sinks(arguments, SinkPlace { run: record.directory(), warnings: &main });
    if is_watched(arguments) {
        output::message(format!("live page: {}", record.directory().join(LIVE_PAGE).display()));
    }
    let sinks = FanOut(std::iter::once(&main as _).chain(added.iter().map(|sink| &**sink)).collect());
    for text in assembly.messages() {
        sinks.emit(&Event::Warning { stage: "study".to_owned(), text: text.clone() });
    }
    let ranked = ranks.run(&assembly.graph, (&options, step_timeout(arguments)), interrupted, |options| {
        engine::run(&assembly.graph, &store, options, &sinks, interrupted)
    });
    let result = ranked.and_then(|outcome| {
        let (output, run) = (&arguments.store.output, record.directory());
        let writer = ResultsWriter { store: &store, output, run, facts: record.facts(), events: &sinks };
        Ok((writer.results(&assembly, &outcome)?, outcome))
    });
    main.finish();
    let partial = match &result {
        Ok((_, outcome)) if !outcome.is_complete() => {
            let (output, run, facts) = (&arguments.store.output, record.directory(), record.facts());
            let writer = ResultsWriter { store: &store, output, run, facts, events: &Quiet };
            Some(writer.partial_results(&loaded, &assembly, outcome))
        }
        _ => None,
    };
    // The live page links to the report, so that it ends after the report is published.
    added.iter().for_each(|sink| sink.finish());
    drop(added);
    record.finish(result.as_ref().err()).iter().for_each(output::warn);
    if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {
        ask_to_requeue(max_restarts);
    }
    let (results, outcome) = result?;
    let results = partial.transpose()?.unwrap_or(results);
    if !arguments.quiet {
        let (counts, time) = (counts(&outcome), human::duration(start.elapsed()));
        output::message(format!("{counts} in {time}; record: {}", record_path.display()));
    }
    results::show(&results, arguments.format)?;
    Ok(if outcome.is_complete() { Finish::Done } else { Finish::Partial })
}

/// Asks Slurm to run an interrupted job again, unless the user stopped it.
fn ask_to_requeue(max_restarts: u32) {
    if !interrupt::is_by_batch_system() {
        return;
    }
    match requeue::ask(max_restarts) {
        Outcome::NoJob | Outcome::NotFirst => {}
        outcome if outcome.is_final() => output::warn(&outcome),
        outcome => output::message(outcome.to_string()),
    }
}

/// Returns whether a page shows the run while it is running.
fn is_watched(arguments: &RunArguments) -> bool {
    arguments.watch || arguments.sink.iter().any(|name| name == LIVE)
}

/// Opens the sinks that the user asks for.
fn added_sinks<'a>(arguments: &RunArguments, place: SinkPlace<'a>) -> Vec<Box<dyn EventSink + 'a>> {
    let is_chosen = |name: &str| arguments.sink.iter().any(|chosen| chosen == name);
    let chosen = SINKS.iter().filter(|kind| is_chosen(kind.name) || (kind.name == LIVE && arguments.watch));
    chosen.map(|kind| (kind.open)(place)).collect()
}

/// Stops a CPU run that does not fit into memory before it starts, unless the user overrides the check. On a GPU, each
/// training run checks its own memory.
fn check_memory(
    loaded: &LoadedStudy,
    assembly: &mut Assembly,
    store: &Store,
    arguments: &RunArguments,
    ranks: RanksHere,
) -> Result<()> {
    if device::name(device_choice(loaded, &arguments.store)) != "cpu" {
        return Ok(());
    }
    match memory::obstacle(assembly, store, &options(arguments, loaded), ranks)? {
        Some(error) if arguments.force_memory => assembly.warnings.push(error.what().to_owned()),
        Some(error) => return Err(error),
        None => {}
    }
    Ok(())
}

fn options(arguments: &RunArguments, loaded: &LoadedStudy) -> RunOptions {
    RunOptions {
        force: arguments.force.clone(),
        only: arguments.only.clone(),
        stages: None,
        jobs: usize::from(arguments.jobs),
        keep_going: arguments.keep_going,
        checkpoint_every: Duration::from_secs_f64(60.0 * arguments.checkpoint_every),
        verify: verify_choice(loaded, &arguments.store),
        ..RunOptions::default()
    }
}

/// Formats the counts of stages, such as `computed 3, cached 24`.
fn counts(outcome: &RunOutcome) -> String {
    let done = format!("computed {}, cached {}", outcome.computed, outcome.cached);
    match (outcome.failures.len(), outcome.skipped.len()) {
        (0, _) => done,
        (failed, skipped) => format!("{done}, failed {failed}, skipped {skipped}"),
    }
}

/// A loaded pipeline, its graph and its store.
pub(super) struct Study {
    pub(super) loaded: LoadedStudy,
    pub(super) assembly: Assembly,
    pub(super) store: Store,
}

/// Loads a pipeline file and assembles its graph.
pub(super) fn open(pipeline: &PipelineArguments, store: &StoreArguments) -> Result<Study, Failure> {
    assembled(pipeline::load(&pipeline.file, &pipeline.set)?, store)
}

/// Assembles the graph of a loaded pipeline.
fn assembled(loaded: LoadedStudy, store: &StoreArguments) -> Result<Study, Failure> {
    let opened = Store::open(&store.output)?;
    let assembly = pipeline::assemble(&loaded, &store.output, store.device)?;
    Ok(Study { loaded, assembly, store: opened })
}

/// Returns the device of the first variant; a sweep cannot change it.
pub(super) fn device_choice(loaded: &LoadedStudy, store: &StoreArguments) -> DeviceChoice {
    let choice = store.device.or_else(|| loaded.study.variants.first().map(|variant| variant.pipeline.device));
    choice.unwrap_or_default()
}

/// Returns when to verify artifacts against their digests; a sweep cannot change it.
pub(super) fn verify_choice(loaded: &LoadedStudy, store: &StoreArguments) -> Verify {
    let choice = store.verify.or_else(|| loaded.study.variants.first().map(|variant| variant.pipeline.verify));
    choice.unwrap_or_default()
}

/// Starts the worker threads; called once per process.
pub(super) fn start_threads(store: &StoreArguments) -> Result<()> {
    start_worker_threads(store.threads)
}

/// Starts this many worker threads, by default one per core.
pub(super) fn start_worker_threads(threads: Option<u16>) -> Result<()> {
    let threads = match threads {
        Some(threads) => usize::from(threads),
        None => threads_from_environment()?,
    };
    let started = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    started.map_err(|error| Error::no_threads("start the worker threads", error))
}

/// Returns the value of `RAYON_NUM_THREADS`, limited to the range of `--threads`; 0 if unset.
fn threads_from_environment() -> Result<usize> {
    const VARIABLE: &str = "RAYON_NUM_THREADS";
    let value = std::env::var(VARIABLE).ok().and_then(|text| text.trim().parse::<u128>().ok());
    match value {
        None => Ok(0),
        Some(threads) => usize::try_from(threads).ok().filter(|threads| *threads <= MAX_THREADS).ok_or_else(|| {
            let error = Error::usage(format!("{VARIABLE} is {threads}, and the maximum is {MAX_THREADS}"));
            error.help("set it to the number of cores, or use --threads")
        }),
    }
}
