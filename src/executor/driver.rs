//! The driver of a submitted run: submits what can start, looks at the tasks, and submits again what was lost. It keeps
//! nothing in memory that matters: any process, on any machine, can continue.

mod submit;

use crate::base::{Error, Result};
use crate::engine::Store;
use crate::executor::arrays::{self, Array, ArrayState};
use crate::executor::config::Settings;
use crate::executor::queue::{QueueAnswer, QueueView};
use crate::executor::resources::{self, Resources};
use crate::executor::state::{Ending, Evidence, TaskState, TaskView, skip_readers, views};
use crate::executor::submission::{ClusterDirectory, Submission};
use crate::executor::{Executor, Found, open, shared, task_files};
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a lost task is submitted again.
const MAX_LOSSES: u32 = 2;

/// The driver of a run.
pub(crate) struct Driver<'a> {
    /// The files of the run.
    pub(crate) directory: ClusterDirectory,
    /// The plan.
    pub(crate) submission: Submission,
    /// The settings.
    pub(crate) settings: Settings,
    store: &'a Store,
    executor: Box<dyn Executor>,
    /// When tasks were first seen to have ended without their artifacts.
    ended: HashMap<usize, Instant>,
    unreachable: Option<Instant>,
}

/// What a look at the run showed.
pub(crate) struct Look {
    /// The tasks.
    pub(crate) tasks: Vec<TaskView>,
    /// Why the queue did not answer, and for how long it has not.
    pub(crate) unreachable: Option<(String, Duration)>,
    /// What will not go away by itself, each with what to change.
    pub(crate) advice: Vec<String>,
    arrays: Vec<(Array, ArrayState)>,
}

impl Look {
    /// Whether nothing more will happen.
    pub(crate) fn is_over(&self) -> bool {
        self.tasks.iter().all(TaskView::is_over)
    }
}

impl<'a> Driver<'a> {
    /// Opens the driver of the run in this directory.
    ///
    /// # Errors
    /// The run was not submitted.
    pub(crate) fn open(run: &Path, store: &'a Store) -> Result<Self> {
        let directory = ClusterDirectory::of_run(run);
        let submission = directory.read()?;
        let executor = open(&submission.executor, &submission.cluster)?;
        let settings = executor.settings();
        Ok(Self { directory, submission, settings, store, executor, ended: HashMap::new(), unreachable: None })
    }

    /// Looks at every task. Changes nothing, except that the ids of jobs are recorded that are found again.
    ///
    /// # Errors
    /// The files of the run are damaged or cannot be written.
    pub(crate) fn look(&mut self) -> Result<Look> {
        let arrays = self.arrays()?;
        let jobs: Vec<String> = arrays
            .iter()
            .filter_map(|(_, state)| match state {
                ArrayState::Submitted(job) => Some(job.clone()),
                _ => None,
            })
            .collect();
        let queue = match jobs.is_empty() {
            true => QueueAnswer::Reached(QueueView::default()),
            false => self.executor.queue(&jobs),
        };
        let unreachable = match &queue {
            QueueAnswer::Reached(_) => {
                self.unreachable = None;
                None
            }
            QueueAnswer::Unreachable(why) => {
                Some((why.clone(), self.unreachable.get_or_insert_with(Instant::now).elapsed()))
            }
        };
        let evidence = Evidence {
            submission: &self.submission,
            directory: &self.directory,
            store: self.store,
            arrays: &arrays,
            queue: &queue,
            held: &shared::held_keys(self.store),
        };
        let mut tasks = views(&evidence);
        self.fail_lost(&mut tasks);
        skip_readers(&self.submission, &mut tasks);
        let advice = self.advice(&tasks);
        Ok(Look { tasks, unreachable, advice, arrays })
    }

    /// Reads the arrays; a job whose submission was cut off is looked for by its tasks and by its name.
    fn arrays(&self) -> Result<Vec<(Array, ArrayState)>> {
        let mut all = Vec::new();
        for array in arrays::read_all(&self.directory)? {
            let mut state = arrays::state(&self.directory, array.number)?;
            if let ArrayState::Unknown(call, _) = state
                && let Some(job) = self.job_of(&array)
            {
                let outcome = super::Submitted::Accepted(job.clone());
                arrays::record_call(&self.directory, array.number, call, &outcome)?;
                state = ArrayState::Submitted(job);
            }
            all.push((array, state));
        }
        Ok(all)
    }

    fn job_of(&self, array: &Array) -> Option<String> {
        let lives = array.elements.iter().flat_map(|element| task_files::lives(&self.directory, element.task));
        let mut started = lives.filter(|life| life.array == array.number).filter_map(|life| life.start);
        if let Some(start) = started.next() {
            return Some(start.job);
        }
        match self.executor.find(&arrays::job_name(&self.directory, array.number)) {
            Found::Job(job) => Some(job),
            Found::None | Found::Unreachable(_) => None,
        }
    }

    /// Fails the tasks that were lost too often.
    fn fail_lost(&mut self, tasks: &mut [TaskView]) {
        for (task, view) in tasks.iter_mut().enumerate() {
            let TaskState::Ended { ending } = view.state else {
                self.ended.remove(&task);
                continue;
            };
            self.ended.entry(task).or_insert_with(Instant::now);
            if ending != Ending::Blocked && view.losses >= MAX_LOSSES && self.is_lost(task, view) {
                let plan = &self.submission.tasks[task];
                let mut missing = plan.stages.iter().map(|stage| &self.submission.stages[*stage]);
                let stage = missing.find(|stage| self.store.artifact(&stage.kind, &stage.key).is_none());
                let error = lost_error(ending, view.losses + 1, &self.directory, task);
                let name = stage.map(|stage| stage.name.clone()).unwrap_or_default();
                view.state = TaskState::Failed { failures: vec![(name, error)] };
            }
        }
    }

    /// Whether a task that has ended without its artifacts is lost: the time in which they may become visible has passed.
    fn is_lost(&self, task: usize, view: &TaskView) -> bool {
        let latency = self.settings.latency;
        let recorded = view.ended.is_some_and(|seconds| seconds >= latency.as_secs() && seconds > 0);
        recorded || self.ended.get(&task).is_some_and(|since| since.elapsed() >= latency)
    }

    fn advice(&self, tasks: &[TaskView]) -> Vec<String> {
        let mut advice: Vec<String> = Vec::new();
        for (task, view) in tasks.iter().enumerate() {
            let TaskState::Queued { reason } = &view.state else { continue };
            let kind = asked(&self.submission, &self.settings, task).kind;
            if let Some(text) = self.executor.explain(reason, &kind)
                && !advice.iter().any(|other| other.ends_with(&text))
            {
                advice.push(format!(
                    "job {} waits for something that will not change: {text}",
                    view.job.as_deref().unwrap_or("?")
                ));
            }
        }
        advice
    }

    /// Cancels the run: marks it, then cancels its jobs.
    ///
    /// # Errors
    /// A job may still be running.
    pub(crate) fn cancel(&self) -> Result<()> {
        self.directory.mark_canceled()?;
        let mut jobs = Vec::new();
        for (array, state) in self.arrays()? {
            match state {
                ArrayState::Submitted(job) => jobs.push(job),
                ArrayState::Unknown(..) => {
                    let name = arrays::job_name(&self.directory, array.number);
                    if let Found::Unreachable(why) = self.executor.find(&name) {
                        let error = Error::stage(format!("it is not known whether the job {name} exists: {why}"));
                        return Err(error.help("run `simclr cancel` again when the queue answers"));
                    }
                }
                ArrayState::Planned(_) => {}
            }
        }
        if jobs.is_empty() { Ok(()) } else { self.executor.cancel(&jobs) }
    }

    /// Returns the number of tasks that have recorded an end, a cheap sign that something has happened.
    pub(crate) fn ends(&self) -> usize {
        let tasks = 0..self.submission.tasks.len();
        tasks.flat_map(|task| task_files::lives(&self.directory, task)).filter(|life| life.end.is_some()).count()
    }
}

/// Returns what a task asks for the first time that it is submitted.
pub(crate) fn asked(submission: &Submission, settings: &Settings, task: usize) -> Resources {
    let stages: Vec<_> = submission.tasks[task].stages.iter().map(|stage| &submission.stages[*stage]).collect();
    resources::of_task(&settings.resources, &stages, 1.0)
}

fn lost_error(ending: Ending, times: u32, directory: &ClusterDirectory, task: usize) -> String {
    let what = match ending {
        Ending::Killed => "was killed without a word",
        Ending::OutOfMemory => "used more memory than it asked for",
        Ending::Canceled => "was canceled",
        Ending::NodeFailed => "ran on nodes that failed",
        Ending::Interrupted => "was stopped and not started again",
        Ending::Blocked | Ending::Invisible => "reported artifacts that are not in the store",
    };
    let place = directory.task(task);
    format!(
        "the task {what}, {times} times\n  help: its logs are in {} and {}",
        place.display(),
        directory.output().display()
    )
}
