//! Executors: where the stages of a run are computed.
//!
//! The store decides what is done; an executor decides where and when. A task asks the store and computes what is missing,
//! so exit codes and the queue are hints: a lost answer, a repeated task or a requeued one change no result. The driver
//! ([`driver`]) compares the plan ([`submission`]) with the store, the records of the tasks ([`task_files`]) and the
//! queue, and submits what can start and what was lost.
//!
//! An executor is one file that implements [`Executor`], and a line in [`EXECUTORS`].

pub(crate) mod arrays;
pub(crate) mod config;
pub(crate) mod driver;
mod exclusive;
mod group;
mod local;
pub(crate) mod queue;
mod resources;
pub(crate) mod shared;
mod slurm;
pub(crate) mod state;
pub(crate) mod submission;
pub(crate) mod task_files;

pub(crate) use arrays::ArrayJob;
pub(crate) use queue::QueueAnswer;

use crate::base::nearest::{listed, nearest};
use crate::base::{Error, Result};
use config::{ClusterFile, Settings};
use std::path::Path;

/// A place where tasks run. Implementations keep no state of their own: everything that has to outlive the process is in
/// the run's directory.
pub(crate) trait Executor {
    /// Returns the settings.
    fn settings(&self) -> Settings;

    /// Returns the maximum number of tasks of an array.
    fn max_array(&self) -> usize;

    /// Returns the script that runs the tasks of an array.
    ///
    /// # Errors
    /// Something in the run cannot be written in a script.
    fn script(&self, job: &ArrayJob<'_>) -> Result<String>;

    /// Submits a script. `after` are the jobs that must have ended before.
    fn submit(&self, script: &Path, job: &ArrayJob<'_>, after: &[String]) -> Submitted;

    /// Asks for the tasks of these jobs. Silence is not an answer: [`QueueAnswer::Unreachable`].
    fn queue(&self, jobs: &[String]) -> QueueAnswer;

    /// Looks for a job whose id was not recorded.
    fn find(&self, name: &str) -> Found;

    /// Cancels jobs.
    ///
    /// # Errors
    /// A job may still be running.
    fn cancel(&self, jobs: &[String]) -> Result<()>;

    /// Returns the job that this process is a task of.
    fn identity(&self) -> Option<TaskIdentity>;

    /// Asks that this task starts again.
    ///
    /// # Errors
    /// It will not start again.
    fn requeue(&self, identity: &TaskIdentity) -> Result<()>;

    /// Explains why a task is waiting for something that does not go away, and what to change in the settings. None if
    /// waiting is normal.
    fn explain(&self, reason: &str, kind: &str) -> Option<String>;
}

/// The result of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Submitted {
    /// The job has this id.
    Accepted(String),
    /// There is no place at the moment.
    Full(String),
    /// It was refused and would be refused again.
    Refused(String),
    /// The job may exist.
    Unknown(String),
}

/// The result of looking for a job by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It has this id.
    Job(String),
    /// There is no such job.
    None,
    /// There was no answer.
    Unreachable(String),
}

/// The job that a process is a task of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskIdentity {
    /// Id of the job.
    pub(crate) job: String,
    /// Number of the task in its array.
    pub(crate) element: usize,
    /// How often it has been requeued.
    pub(crate) restart: u32,
    /// Name of the node.
    pub(crate) node: String,
}

/// A kind of executor.
pub(crate) struct ExecutorKind {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is, for the help.
    pub(crate) about: &'static str,
    /// Opens it with its settings.
    pub(crate) open: fn(&ClusterFile) -> Box<dyn Executor>,
}

/// The executors.
pub(crate) static EXECUTORS: &[ExecutorKind] = &[local::KIND, slurm::KIND];

/// Opens the executor with this name.
///
/// # Errors
/// There is none.
pub(crate) fn open(name: &str, settings: &ClusterFile) -> Result<Box<dyn Executor>> {
    let kind = EXECUTORS.iter().find(|kind| kind.name == name);
    kind.map(|kind| (kind.open)(settings)).ok_or_else(|| {
        let names = || EXECUTORS.iter().map(|kind| kind.name);
        let error = Error::usage(format!("there is no executor '{name}'"));
        match nearest(name, names()) {
            Some(near) => error.help(format!("did you mean '{near}'?")),
            None => error.help(format!("the executors are {}", listed(names()))),
        }
    })
}

/// Exit code of a task that asks to start again.
pub(crate) const AGAIN: u8 = 75;
