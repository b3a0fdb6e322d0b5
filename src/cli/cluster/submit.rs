//! `simclr submit` and `simclr run --executor NAME`.

use super::super::args::{ClusterArguments, PipelineArguments, RunArguments, StoreArguments, SubmitArguments};
use super::super::failure::{Failure, Finish};
use super::super::run::{self as local_run, Study};
use super::super::{interrupt, output, plan as cli_plan};
use super::collect::{self, Wanted};
use super::plan;
use crate::base::{Error, Result};
use crate::engine::{PlanStatus, RunOptions};
use crate::executor::driver::Driver;
use crate::executor::submission::{ClusterDirectory, JobSettings, Submission, tasks};
use crate::executor::{self, config, shared};
use crate::runs::{Recorder, RunDescription};
use crate::stages::STAGE_KINDS;
use crate::stages::shared::device;
use crate::study::DeviceChoice;
use std::path::{Path, PathBuf};

/// What is submitted.
struct Request<'a> {
    pipeline: &'a PipelineArguments,
    store: &'a StoreArguments,
    executor: &'a str,
    cluster: &'a ClusterArguments,
    only: &'a [String],
    /// Minutes.
    checkpoint_every: f64,
    dry_run: bool,
}

pub(crate) fn submit(arguments: &SubmitArguments) -> Result<Finish, Failure> {
    let request = Request {
        pipeline: &arguments.pipeline,
        store: &arguments.store,
        executor: &arguments.executor,
        cluster: &arguments.cluster,
        only: &arguments.only,
        checkpoint_every: arguments.checkpoint_every,
        dry_run: arguments.dry_run,
    };
    let Some((study, run)) = prepare(&request)? else { return Ok(Finish::Done) };
    let mut driver = Driver::open(&run, &study.store)?;
    let look = driver.look()?;
    let submitted = driver.submit(&look, false)?;
    submitted.notes.iter().for_each(|note| output::message(note.as_str()));
    if let Some(why) = &submitted.waiting {
        output::warn(format!("not everything is submitted: {why}; `simclr collect --wait` submits the rest"));
    }
    let name = name(&run);
    output::print(format!("{name}\n"))?;
    output::message(how_to_continue(&name));
    Ok(Finish::Done)
}

/// Submits, follows and collects.
pub(crate) fn run(arguments: &RunArguments) -> Result<Finish, Failure> {
    check_options(arguments)?;
    let request = Request {
        pipeline: &arguments.pipeline,
        store: &arguments.store,
        executor: &arguments.executor,
        cluster: &arguments.cluster,
        only: &arguments.only,
        checkpoint_every: arguments.checkpoint_every,
        dry_run: arguments.dry_run,
    };
    let Some((study, run)) = prepare(&request)? else { return Ok(Finish::Done) };
    interrupt::listen()?;
    let wanted = Wanted { wait: true, quiet: arguments.quiet, format: arguments.format };
    collect::follow_and_finish(study, &run, &wanted)
}

/// Options of `run` that have no meaning for tasks elsewhere.
fn check_options(arguments: &RunArguments) -> Result<()> {
    let given = [
        ("--force", !arguments.force.is_empty()),
        ("--jobs", arguments.jobs > 1),
        ("--sink", !arguments.sink.is_empty()),
        ("--watch", arguments.watch),
    ];
    let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) else { return Ok(()) };
    let error = Error::usage(format!("{option} cannot be used with --executor {}", arguments.executor));
    Err(error.help(match *option {
        "--force" => "run these stages with `simclr run --force` first, or delete their artifacts",
        "--jobs" => "set `throttle` in the settings of the cluster",
        _ => "the logs of the tasks are in the run's directory, below cluster/tasks",
    }))
}

/// Makes the plan of a run and its record. Returns the study and the run's directory; none for a dry run.
fn prepare(request: &Request<'_>) -> Result<Option<(Study, PathBuf)>, Failure> {
    let cluster = config::load(request.cluster.cluster.as_deref(), &STAGE_KINDS)?;
    local_run::start_threads(request.store)?;
    let settings = executor::open(request.executor, &cluster)?.settings();
    if !request.dry_run {
        shared::prepare(&request.store.output, &settings)?;
    }
    let study = local_run::open(request.pipeline, request.store)?;
    let verify = local_run::verify_choice(&study.loaded, request.store);
    let options = RunOptions { only: request.only.to_vec(), verify, ..RunOptions::default() };
    let entries = cli_plan::entries(&study.assembly, &study.store, &options, &request.store.output)?;
    let report = study.assembly.report;
    let (stages, tasks) = tasks(&study.assembly.graph, &entries, report, &settings);
    let submission = Submission {
        executor: request.executor.to_owned(),
        job: job(request)?,
        cluster,
        report: entries.iter().any(|entry| entry.id == report && entry.status != PlanStatus::NotNeeded),
        stages,
        tasks,
    };
    study.assembly.messages().for_each(output::warn);
    if request.dry_run {
        plan::show(&submission, &settings)?;
        return Ok(None);
    }
    let run = record(&study, request, &submission)?;
    Ok(Some((study, run)))
}

fn job(request: &Request<'_>) -> Result<JobSettings> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Error::io("find", path, &error));
    let program =
        std::env::current_exe().map_err(|error| Error::stage(format!("cannot find this program: {error}")))?;
    Ok(JobSettings {
        program,
        simclr: env!("CARGO_PKG_VERSION").to_owned(),
        pipeline: absolute(&request.pipeline.file)?,
        output: absolute(&request.store.output)?,
        directory: absolute(Path::new("."))?,
        device: request.store.device.map(device_text),
        threads: request.store.threads,
        checkpoint_every: 60.0 * request.checkpoint_every,
    })
}

fn device_text(choice: DeviceChoice) -> String {
    match choice {
        DeviceChoice::Auto => "auto".to_owned(),
        DeviceChoice::Cpu => "cpu".to_owned(),
        DeviceChoice::Cuda(None) => "cuda".to_owned(),
        DeviceChoice::Cuda(Some(number)) => format!("cuda:{number}"),
    }
}

/// Writes the record and the plan of the run.
fn record(study: &Study, request: &Request<'_>, submission: &Submission) -> Result<PathBuf> {
    let loaded = &study.loaded;
    let texts: Vec<&str> = loaded.files().map(|(_, text)| text).collect();
    let (name, resolved) = (&loaded.study.name, loaded.resolved_toml());
    let PipelineArguments { file, set: overrides } = request.pipeline;
    let device = device::name(local_run::device_choice(loaded, request.store));
    let description =
        RunDescription { study: name, file, texts: &texts, resolved: &resolved, overrides, device: &device };
    let record = Recorder::create(
        &submission.job.output,
        &description,
        (&study.assembly.graph, &study.store),
        interrupt::while_waiting(local_run::COLLECTION),
    )?;
    let run = record.directory().to_owned();
    ClusterDirectory::of_run(&run).write(submission)?;
    // From now on the run is its tasks': nothing depends on this process.
    record.leave()?;
    Ok(run)
}

/// Returns `STUDY/ID` of a run's directory.
pub(super) fn name(run: &Path) -> String {
    let part = |path: Option<&Path>| {
        path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    format!("{}/{}", part(run.parent()), part(Some(run)))
}

/// Says how to go on with a submitted run.
pub(super) fn how_to_continue(name: &str) -> String {
    format!(
        "the jobs run without this command:\n  simclr status {name}\n  simclr collect {name} --wait\n  simclr cancel {name}"
    )
}
