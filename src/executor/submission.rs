//! The plan of a submitted run, `cluster/submission.json`: frozen, so that tasks compute what was submitted even if the
//! pipeline file has been edited since.

use crate::base::{Error, Result, files, json};
use crate::engine::{Graph, PlanEntry, PlanStatus, StageId};
use crate::executor::config::{ClusterFile, Settings};
use crate::executor::exclusive::create_new;
use crate::executor::group::{Needed, group};
use crate::runs::CLUSTER;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Name of the file in the directory of the cluster.
const FILE: &str = "submission.json";
/// Exists if the run was canceled.
const CANCELED: &str = "canceled.json";

/// What was submitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Submission {
    /// Name of the executor.
    pub(crate) executor: String,
    /// Its settings.
    pub(crate) cluster: ClusterFile,
    /// How the tasks run.
    pub(crate) job: JobSettings,
    /// Whether the report was requested.
    pub(crate) report: bool,
    /// Stages to compute, each after its inputs.
    pub(crate) stages: Vec<SubmittedStage>,
    /// The tasks, in ascending waves.
    pub(crate) tasks: Vec<TaskPlan>,
}

/// How the tasks of a run are started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobSettings {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its version.
    pub(crate) simclr: String,
    /// Path of the pipeline file, absolute; relative paths in it are relative to its directory.
    pub(crate) pipeline: PathBuf,
    /// Output directory, absolute.
    pub(crate) output: PathBuf,
    /// Working directory of the submission.
    pub(crate) directory: PathBuf,
    /// `--device`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<String>,
    /// `--threads`; without it, as many as the task has processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) threads: Option<u16>,
    /// Seconds between checkpoints.
    pub(crate) checkpoint_every: f64,
}

/// A stage to compute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SubmittedStage {
    /// Its name.
    pub(crate) name: String,
    /// Its kind.
    pub(crate) kind: String,
    /// The key of its artifact.
    pub(crate) key: String,
    /// Memory estimate, bytes.
    pub(crate) memory: Option<u64>,
    /// Estimated seconds, rounded up.
    pub(crate) seconds: Option<u64>,
}

/// Stages that one process computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TaskPlan {
    /// Wave, from 0: a task reads what tasks of earlier waves compute.
    pub(crate) wave: usize,
    /// Positions of its stages.
    pub(crate) stages: Vec<usize>,
    /// Positions of the tasks whose artifacts it reads.
    pub(crate) needs: Vec<usize>,
}

/// Directory of the files of a submitted run.
#[derive(Clone, Debug)]
pub(crate) struct ClusterDirectory(PathBuf);

impl ClusterDirectory {
    /// The one in the directory of a run.
    pub(crate) fn of_run(run: &Path) -> Self {
        Self(run.join(CLUSTER))
    }

    /// Directory of the arrays.
    pub(crate) fn arrays(&self) -> PathBuf {
        self.0.join("arrays")
    }

    /// Directory with what the tasks print.
    pub(crate) fn output(&self) -> PathBuf {
        self.0.join("output")
    }

    /// Directory of the lives of a task.
    pub(crate) fn task(&self, task: usize) -> PathBuf {
        self.0.join("tasks").join(task.to_string())
    }

    /// Directory of the run.
    pub(crate) fn run(&self) -> &Path {
        self.0.parent().unwrap_or(&self.0)
    }

    /// Id of the run.
    pub(crate) fn run_id(&self) -> String {
        self.run().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Writes the plan, once.
    ///
    /// # Errors
    /// The directory cannot be written, or there is a plan.
    pub(crate) fn write(&self, submission: &Submission) -> Result<()> {
        for directory in [self.arrays(), self.output(), self.0.join("tasks")] {
            files::create_directory(&directory)?;
        }
        let path = self.0.join(FILE);
        if create_new(&path, submission)? {
            return Ok(());
        }
        Err(Error::bug("the run has been submitted already").at(path.display().to_string()))
    }

    /// Reads the plan.
    ///
    /// # Errors
    /// The run was not submitted, or the file is damaged.
    pub(crate) fn read(&self) -> Result<Submission> {
        let path = self.0.join(FILE);
        if !path.exists() {
            let error = Error::usage("the run was not submitted to a cluster").at(self.run().display().to_string());
            return Err(error.help("`simclr status` lists the runs and their states"));
        }
        read_json(&path)
    }

    /// Marks the run as canceled: tasks that start or stop from now on do nothing more.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub(crate) fn mark_canceled(&self) -> Result<()> {
        files::write_atomic(&self.0.join(CANCELED), json::pretty(&crate::engine::clock::now())?.as_bytes())
    }

    /// Whether the run was canceled.
    pub(crate) fn is_canceled(&self) -> bool {
        self.0.join(CANCELED).exists()
    }
}

/// Reads a JSON file.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&files::read(path)?).map_err(|error| {
        Error::stage(format!("not a valid file of a submitted run: {error}")).at(path.display().to_string())
    })
}

/// Divides what a plan would compute into stages and tasks. `leave_out` is the report, which is rendered when the results
/// are collected.
pub(crate) fn tasks(
    graph: &Graph,
    entries: &[PlanEntry],
    leave_out: StageId,
    settings: &Settings,
) -> (Vec<SubmittedStage>, Vec<TaskPlan>) {
    // A stage that cannot run here, for lack of a GPU, may run on a node.
    let is_needed = |status: &PlanStatus| matches!(status, PlanStatus::WillRun { .. } | PlanStatus::CannotRun { .. });
    let needed: Vec<&PlanEntry> =
        entries.iter().filter(|entry| entry.id != leave_out && is_needed(&entry.status)).collect();
    let positions: HashMap<StageId, usize> = needed.iter().enumerate().map(|(at, entry)| (entry.id, at)).collect();
    let inputs = |entry: &PlanEntry| -> Vec<usize> {
        graph.inputs(entry.id).values().filter_map(|input| positions.get(input).copied()).collect()
    };
    let stages: Vec<Needed<'_>> = needed
        .iter()
        .map(|entry| Needed { kind: graph.kind(entry.id), seconds: entry.seconds, inputs: inputs(entry) })
        .collect();
    let groups = group(&stages, settings.fuse_below);
    let mut task_of = vec![0; stages.len()];
    for (task, group) in groups.iter().enumerate() {
        group.stages.iter().for_each(|stage| task_of[*stage] = task);
    }
    let tasks = groups.into_iter().enumerate().map(|(task, group)| {
        let inputs = group.stages.iter().flat_map(|stage| &stages[*stage].inputs);
        let needs: BTreeSet<usize> = inputs.map(|input| task_of[*input]).filter(|other| *other != task).collect();
        TaskPlan { wave: group.wave, stages: group.stages, needs: needs.into_iter().collect() }
    });
    let tasks = tasks.collect();
    let submitted = needed.iter().map(|entry| SubmittedStage {
        name: entry.name.clone(),
        kind: graph.kind(entry.id).to_owned(),
        key: entry.key.clone(),
        memory: entry.cost.map(|cost| cost.memory),
        seconds: entry.seconds.map(|seconds| seconds.ceil().clamp(0.0, 1e9) as u64),
    });
    (submitted.collect(), tasks)
}
