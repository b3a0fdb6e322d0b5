//! `simclr run`: computes what is missing, renders the report, shows the results.

use super::args::{PipelineArguments, RunArguments, StoreArguments};
use super::failure::{Failure, Finish};
use super::progress::Progress;
use super::sinks::Sinks;
use super::{interrupt, memory, output, plan};
use crate::base::{Error, Result, human};
use crate::config::pipeline::DeviceChoice;
use crate::config::{self, Loaded};
use crate::engine::store::Verify;
use crate::engine::{self, Event, EventSink, Outcome, RunOptions, Store};
use crate::runs::{Description, Recorder};
use crate::stages::{self, Assembly, device};
use std::path::Path;
use std::time::{Duration, Instant};

/// As for `--threads`.
const MOST_THREADS: usize = 1024;

/// What a command waits for that counts on artifacts.
pub(super) const COLLECTION: &str = "`cache gc` of another process to end (is it stopped by Ctrl-Z?)";

pub(super) fn run(arguments: &RunArguments) -> Result<Finish, Failure> {
    start_threads(&arguments.store)?;
    let Study { loaded, mut assembly, store } = open(&arguments.pipeline, &arguments.store)?;
    let options = options(arguments, &loaded);
    if arguments.dry_run {
        plan::show_text(&engine::plan_with(&assembly.graph, &store, &options)?)?;
        assembly.warnings.iter().for_each(output::warn);
        return Ok(Finish::Done);
    }
    let start = Instant::now();
    let interrupted = interrupt::listen()?;
    check_memory(&loaded, &mut assembly, &store, arguments)?;
    let PipelineArguments { file, set: overrides } = &arguments.pipeline;
    let choice = device_choice(&loaded, &arguments.store);
    if let (Some(why), false) = (device::why_cpu(choice), arguments.quiet) {
        output::message(why);
    }
    let device = device::name(choice);
    let texts: Vec<&str> = loaded.files().map(|(_, text)| text).collect();
    let (study, resolved) = (&loaded.study.name, loaded.resolved_toml());
    let description = Description { study, file, texts: &texts, resolved: &resolved, overrides, device: &device };
    let record = Recorder::create(
        &arguments.store.output,
        &description,
        (&assembly.graph, &store),
        interrupt::while_waiting(COLLECTION),
    )?;
    let record_path = record.record();
    let progress = Progress::new(arguments.quiet).of_run_that_goes_on(options.keep_going);
    let sinks = Sinks(vec![&progress, &record]);
    for text in assembly.warnings.clone() {
        sinks.emit(&Event::Warning { stage: "study".to_owned(), text });
    }
    let result = engine::run(&assembly.graph, &store, &options, &sinks, interrupted).and_then(|outcome| {
        let target =
            Target { store: &store, arguments, run: record.directory(), facts: record.facts(), events: &sinks };
        Ok((target.results(&assembly, &outcome)?, outcome))
    });
    progress.finish();
    let (directory, facts) = (record.directory().to_owned(), record.facts());
    record.finish(result.as_ref().err()).iter().for_each(output::warn);
    let (mut results_text, outcome) = result?;
    if !outcome.is_whole() {
        let target = Target { store: &store, arguments, run: &directory, facts, events: &Progress::new(true) };
        results_text = target.partial_results(&loaded, &mut assembly, &outcome)?;
    }
    if !arguments.quiet {
        let (counts, time) = (counts(&outcome), human::duration(start.elapsed()));
        output::message(format!("{counts} in {time}; record: {}", record_path.display()));
    }
    output::print(results_text)?;
    Ok(if outcome.is_whole() { Finish::Done } else { Finish::Partial })
}

/// Stops before any work that cannot fit, unless the user wants to try; that of a GPU each training compares itself.
fn check_memory(loaded: &Loaded, assembly: &mut Assembly, store: &Store, arguments: &RunArguments) -> Result<()> {
    if device::name(device_choice(loaded, &arguments.store)) != "cpu" {
        return Ok(());
    }
    match memory::obstacle(assembly, store, &options(arguments, loaded))? {
        Some(error) if arguments.force_memory => assembly.warnings.push(error.what().to_owned()),
        Some(error) => return Err(error),
        None => {}
    }
    Ok(())
}

fn options(arguments: &RunArguments, loaded: &Loaded) -> RunOptions {
    RunOptions {
        force: arguments.force.clone(),
        only: arguments.only.clone(),
        jobs: usize::from(arguments.jobs),
        keep_going: arguments.keep_going,
        checkpoint_every: Duration::from_secs_f64(60.0 * arguments.checkpoint_every),
        verify: verify_choice(loaded, &arguments.store),
    }
}

/// `computed 3, cached 24`, and what could not be computed.
fn counts(outcome: &Outcome) -> String {
    let done = format!("computed {}, cached {}", outcome.computed, outcome.cached);
    match (outcome.failures.len(), outcome.skipped.len()) {
        (0, _) => done,
        (failed, skipped) => format!("{done}, failed {failed}, skipped {skipped}"),
    }
}

/// Where the results of a run go.
struct Target<'a> {
    store: &'a Store,
    arguments: &'a RunArguments,
    /// The run's directory.
    run: &'a Path,
    /// What its report says of it.
    facts: Vec<(String, String)>,
    events: &'a dyn EventSink,
}

impl Target<'_> {
    /// Publishes the report. Returns the results table and where the report is; a run with `--only` has neither unless
    /// it made the report.
    fn results(&self, assembly: &Assembly, outcome: &Outcome) -> Result<String> {
        if outcome.artifacts[assembly.report.index()].is_none() {
            return Ok("no report: run again without --only\n".to_owned());
        }
        let published = stages::publish(assembly, outcome, self.store, &self.arguments.store.output)?;
        published.damage.iter().map(published_again).for_each(|text| self.warn(assembly, text));
        // The results are there, whatever becomes of the copy.
        if let Err(error) = stages::publish_run(assembly, outcome, self.store, self.run, &self.facts) {
            self.warn(assembly, format!("the run has no report of its own: {error}"));
        }
        let table = stages::results_table(assembly, outcome)?;
        Ok(format!("{}\n\nreport: {}\n", table.trim_end(), published.page.display()))
    }

    /// Says why stages failed, and makes the report of what is there.
    fn partial_results(&self, loaded: &Loaded, assembly: &mut Assembly, outcome: &Outcome) -> Result<String> {
        outcome.failures.iter().for_each(|(_, error)| output::print_error(error));
        if !outcome.skipped.iter().any(|(id, _)| *id == assembly.report) {
            return Ok("no report\n".to_owned());
        }
        assembly.report_what_is_there(loaded, outcome)?;
        let report = assembly.graph.name(assembly.report).to_owned();
        let options = RunOptions { only: vec![report], ..RunOptions::default() };
        let outcome = engine::run(&assembly.graph, self.store, &options, self.events, interrupt::flag())?;
        self.results(assembly, &outcome)
    }

    fn warn(&self, assembly: &Assembly, text: String) {
        self.events.emit(&Event::Warning { stage: assembly.graph.name(assembly.report).to_owned(), text });
    }
}

/// Says that a published report was not whole.
pub(super) fn published_again(damage: &String) -> String {
    format!("the published report was not whole ({damage}); it was published again")
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
fn device_choice(loaded: &Loaded, store: &StoreArguments) -> DeviceChoice {
    let choice = store.device.or_else(|| loaded.study.variants.first().map(|variant| variant.pipeline.device));
    choice.unwrap_or_default()
}

/// When artifacts are compared with their digests; a sweep does not change it.
pub(super) fn verify_choice(loaded: &Loaded, store: &StoreArguments) -> Verify {
    let choice = store.verify.or_else(|| loaded.study.variants.first().map(|variant| variant.pipeline.verify));
    choice.unwrap_or_default()
}

/// Starts the worker threads, once a process.
pub(super) fn start_threads(store: &StoreArguments) -> Result<()> {
    start_worker_threads(store.threads)
}

/// Starts this many worker threads, or one a core.
pub(super) fn start_worker_threads(threads: Option<u16>) -> Result<()> {
    let threads = match threads {
        Some(threads) => usize::from(threads),
        None => threads_of_environment()?,
    };
    let started = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    started.map_err(|error| Error::no_threads("start the worker threads", error))
}

/// What `RAYON_NUM_THREADS` says, held to the range of `--threads`; 0 where it says nothing.
fn threads_of_environment() -> Result<usize> {
    const VARIABLE: &str = "RAYON_NUM_THREADS";
    let written = std::env::var(VARIABLE).ok().and_then(|text| text.trim().parse::<u128>().ok());
    match written {
        None => Ok(0),
        Some(threads) => usize::try_from(threads).ok().filter(|threads| *threads <= MOST_THREADS).ok_or_else(|| {
            let error = Error::usage(format!("{VARIABLE} is {threads}: at most {MOST_THREADS} threads can work"));
            error.help("set it to the number of cores, or use --threads")
        }),
    }
}
