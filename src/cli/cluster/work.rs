//! `simclr work`: what a task of a submitted run does. It asks the store and computes what is missing.

mod stop;

use super::super::args::WorkArguments;
use super::super::failure::{Failure, Finish};
use super::super::run as local_run;
use super::super::run::Study;
use super::super::{interrupt, output, sinks};
use super::{find_stages, reopen};
use crate::base::{Error, ErrorKind, Result, human};
use crate::engine::{self, EventSink, PlanStatus, RunOptions, RunOutcome, StageId, clock};
use crate::executor::arrays::{self, ArrayState};
use crate::executor::submission::{ClusterDirectory, Submission, SubmittedStage};
use crate::executor::task_files::{End, EndState, LifeProgress, lives, write_end, write_start};
use crate::executor::{self, Executor, TaskIdentity, task_files};
use crate::runs::{EVENTS, LOG};
use crate::sinks::{FanOut, JsonLines, LogFile};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use stop::{Furthest, Stop};

/// Variables with the number of processors of a task.
const PROCESSORS: [&str; 2] = ["SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"];
/// Minimum time between two recorded progress events of a stage, and between two lines of the log.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// Interval between two looks for artifacts that are not visible yet.
const LOOK: Duration = Duration::from_secs(1);

/// How long the files of the run may stay invisible on a node.
const MAX_INVISIBLE: Duration = Duration::from_secs(10);

/// A task that is being computed.
struct Task {
    directory: ClusterDirectory,
    submission: Submission,
    executor: Box<dyn Executor>,
    identity: TaskIdentity,
    /// Position in the plan.
    number: usize,
    /// Number of the array.
    array: usize,
    /// Directory of its records.
    life: PathBuf,
}

pub(crate) fn work(arguments: &WorkArguments) -> Result<Finish, Failure> {
    interrupt::listen()?;
    let Some(task) = start(arguments)? else { return Ok(Finish::Done) };
    let furthest = Furthest::default();
    let result = task.compute(&furthest);
    let end = task.end(result, &furthest);
    // The record comes first: whoever looks after the queue has let go of the task finds it.
    write_end(&task.life, &end)?;
    end.reason.iter().for_each(|reason| output::message(reason.as_str()));
    match end.state {
        EndState::Requeued => Ok(task.requeue(end)?),
        EndState::Done | EndState::Blocked => Ok(Finish::Done),
        EndState::Failed => Ok(Finish::Partial),
        EndState::Interrupted => Err(Error::new(ErrorKind::Interrupted, "stopped").into()),
    }
}

/// Finds out which task this is. None if there is nothing to do for it.
fn start(arguments: &WorkArguments) -> Result<Option<Task>> {
    let directory = ClusterDirectory::of_run(&arguments.run);
    let submission = visible(|| directory.read())?;
    let executor = executor::open(&submission.executor, &submission.cluster)?;
    let by_hand = TaskIdentity { job: String::new(), element: 0, restart: 0, node: String::new() };
    let identity = executor.identity().unwrap_or(by_hand);
    let element = arguments.task.unwrap_or(identity.element);
    let array = visible(|| arrays::read(&directory, arguments.array))?;
    let number = array.elements.get(element).map(|element| element.task);
    let number = number.ok_or_else(|| Error::usage(format!("array {} has no task {element}", array.number)))?;
    if directory.is_canceled() {
        output::message("the run was canceled");
        return Ok(None);
    }
    // A submission that was cut off may have been repeated.
    if let ArrayState::Submitted(job) = arrays::state(&directory, array.number)?
        && job != identity.job
        && !identity.job.is_empty()
    {
        output::message(format!("job {job} computes this array, so job {} has nothing to do", identity.job));
        return Ok(None);
    }
    let life = task_files::life_directory(&directory, number, array.number, identity.restart);
    write_start(&life, &identity)?;
    local_run::start_worker_threads(submission.job.threads.or_else(processors))?;
    Ok(Some(Task { directory, submission, executor, identity, number, array: array.number, life }))
}

/// Reads a file that was written on another node a moment ago and may not be visible yet.
fn visible<T>(read: impl Fn() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match read() {
            Err(_) if start.elapsed() < MAX_INVISIBLE && !interrupt::flag().load(Ordering::Relaxed) => {
                std::thread::sleep(LOOK);
            }
            result => return result,
        }
    }
}

fn processors() -> Option<u16> {
    let number = |name: &&str| std::env::var(name).ok()?.parse::<u16>().ok().filter(|number| *number > 0);
    PROCESSORS.iter().find_map(number)
}

/// What a task computed.
struct Computed {
    /// Errors of stages, by their names.
    failures: Vec<(String, String)>,
    /// Names of stages whose inputs were missing.
    blocked: Vec<String>,
}

impl Task {
    fn stages(&self) -> impl Iterator<Item = &SubmittedStage> {
        self.submission.tasks[self.number].stages.iter().map(|stage| &self.submission.stages[*stage])
    }

    fn compute(&self, furthest: &Furthest) -> Result<Computed, Failure> {
        let study = reopen(&self.directory, &self.submission)?;
        let stages = match find_stages(&study.assembly, &self.submission, self.stages()) {
            Ok(stages) => stages,
            // Before any work, and starting again would not help.
            Err(error) => return Ok(Computed { failures: vec![failure(&error)], blocked: Vec::new() }),
        };
        self.wait_for_inputs(&study)?;
        let blocked = self.blocked(&study, &stages)?;
        let ready: Vec<StageId> = stages.iter().copied().filter(|stage| !blocked.contains(stage)).collect();
        let outcome = self.run(&study, &ready, furthest)?;
        let graph = &study.assembly.graph;
        let failures =
            outcome.failures.iter().map(|(stage, error)| (graph.name(*stage).to_owned(), error.to_string())).collect();
        let blocked = blocked.iter().map(|stage| graph.name(*stage).to_owned()).collect();
        Ok(Computed { failures, blocked })
    }

    fn run(&self, study: &Study, stages: &[StageId], furthest: &Furthest) -> Result<RunOutcome> {
        let events = JsonLines::create(self.life.join(EVENTS), INTERVALS.0)?;
        let log = LogFile::create(self.life.join(LOG), INTERVALS.1)?;
        let terminal = sinks::for_terminal(false, true);
        let sinks = FanOut(vec![&*terminal, &events, &log, furthest]);
        let seconds = self.submission.job.checkpoint_every.max(0.0);
        let options = RunOptions {
            stages: Some(stages.to_vec()),
            keep_going: true,
            checkpoint_every: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
            verify: study.loaded.study.variants.first().map(|variant| variant.pipeline.verify).unwrap_or_default(),
            ..RunOptions::default()
        };
        let outcome = engine::run(&study.assembly.graph, &study.store, &options, &sinks, interrupt::flag());
        sinks.finish();
        outcome
    }

    /// Waits for artifacts that tasks of earlier waves have reported and that are not visible here yet.
    fn wait_for_inputs(&self, study: &Study) -> Result<()> {
        let needed = self.submission.tasks[self.number].needs.iter();
        let reported = needed.filter(|task| {
            let lives = lives(&self.directory, **task);
            lives.last().and_then(|life| life.end.as_ref()).is_some_and(|end| end.state == EndState::Done)
        });
        let stages = reported.flat_map(|task| &self.submission.tasks[*task].stages);
        let stages: Vec<&SubmittedStage> = stages.map(|stage| &self.submission.stages[*stage]).collect();
        let is_missing = || stages.iter().any(|stage| study.store.artifact(&stage.kind, &stage.key).is_none());
        let (start, latency) = (Instant::now(), self.executor.settings().latency);
        while is_missing() && start.elapsed() < latency && !interrupt::flag().load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Returns the stages that read an artifact which is missing and which other tasks compute, directly or not.
    fn blocked(&self, study: &Study, stages: &[StageId]) -> Result<HashSet<StageId>> {
        let graph = &study.assembly.graph;
        let options = RunOptions { stages: Some(stages.to_vec()), ..RunOptions::default() };
        let plan = engine::plan_with(graph, &study.store, &options)?;
        let is_own = |id: StageId| stages.contains(&id);
        let is_missing =
            |status: &PlanStatus| matches!(status, PlanStatus::WillRun { .. } | PlanStatus::CannotRun { .. });
        let mut blocked: HashSet<StageId> =
            plan.iter().filter(|entry| !is_own(entry.id) && is_missing(&entry.status)).map(|entry| entry.id).collect();
        for id in graph.iter().filter(|id| is_own(*id)) {
            let has_artifact = study.store.artifact(graph.kind(id), graph.key(id)).is_some();
            if !has_artifact && graph.inputs(id).values().any(|input| blocked.contains(input)) {
                blocked.insert(id);
            }
        }
        Ok(blocked.into_iter().filter(|id| is_own(*id)).collect())
    }

    /// Decides how the task ends.
    fn end(&self, result: Result<Computed, Failure>, furthest: &Furthest) -> End {
        let stages = self.finished_stages();
        let progress = LifeProgress { stages, step: furthest.step() };
        let end = |state, failures, reason| End { time: clock::now(), state, failures, reason, progress };
        match result {
            Ok(Computed { failures, .. }) if !failures.is_empty() => end(EndState::Failed, failures, None),
            Ok(Computed { blocked, .. }) if !blocked.is_empty() => {
                let reason =
                    format!("{} cannot be computed yet: an input is missing", human::count(blocked.len(), "stage"));
                end(EndState::Blocked, Vec::new(), Some(reason))
            }
            Ok(_) => end(EndState::Done, Vec::new(), None),
            Err(Failure::Diagnostics(diagnostics)) => {
                end(EndState::Failed, vec![(String::new(), diagnostics.render(false))], None)
            }
            Err(Failure::Error(error)) if error.kind() == ErrorKind::Interrupted => match self.stop(progress) {
                Stop::Requeue => end(EndState::Requeued, Vec::new(), Some("stopped after a checkpoint".to_owned())),
                Stop::Leave(why) => end(EndState::Interrupted, Vec::new(), Some(why)),
                Stop::Fail(why) => end(EndState::Failed, vec![(String::new(), why)], None),
            },
            Err(Failure::Error(error)) => {
                output::print_error(&error);
                // Another node may do better.
                end(EndState::Interrupted, Vec::new(), Some(error.to_string()))
            }
            Err(Failure::Printed(code)) => {
                end(EndState::Interrupted, Vec::new(), Some(format!("ended with exit code {code}")))
            }
        }
    }

    fn finished_stages(&self) -> usize {
        let store = engine::Store::open(&self.submission.job.output);
        let exists = |stage: &&SubmittedStage| {
            store.as_ref().is_ok_and(|store| store.artifact(&stage.kind, &stage.key).is_some())
        };
        self.stages().filter(exists).count()
    }
}

fn failure(error: &Error) -> (String, String) {
    (error.place().unwrap_or_default().to_owned(), error.to_string())
}
