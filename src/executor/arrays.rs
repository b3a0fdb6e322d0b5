//! Arrays: tasks that are submitted together. `cluster/arrays/N.json` is created before the submission by whoever submits
//! it, and `N.call-K.json` is the right to submit it for the K-th time, so that two processes never submit the same tasks.

use crate::base::{Error, Result, files, json};
use crate::engine::{clock, record};
use crate::executor::Submitted;
use crate::executor::exclusive::create_new;
use crate::executor::resources::Resources;
use crate::executor::submission::{ClusterDirectory, Submission, read_json};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Tasks that are submitted together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Array {
    /// Number, from 1.
    pub(crate) number: usize,
    /// What each task asks for.
    pub(crate) resources: Resources,
    /// The tasks.
    pub(crate) elements: Vec<Element>,
    /// Numbers of the arrays that must have ended before it starts.
    pub(crate) after: Vec<usize>,
    /// Nodes to avoid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) exclude: Vec<String>,
}

/// One task of an array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Element {
    /// Position of the task in the plan.
    pub(crate) task: usize,
    /// How often the task was lost before.
    pub(crate) losses: u32,
    /// Factor on its memory.
    pub(crate) memory_factor: f64,
}

/// The right to submit an array, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Call {
    /// When it was taken.
    pub(crate) time: String,
    /// Where.
    pub(crate) host: String,
    /// What came of it; none while it is running, and if it was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<CallOutcome>,
}

/// What came of a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CallOutcome {
    /// The job has this id.
    Job(String),
    /// It was not submitted, for this reason.
    Refused(String),
}

/// How far the submission of an array is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArrayState {
    /// It is not submitted. The number of calls so far.
    Planned(usize),
    /// The job has this id.
    Submitted(String),
    /// A call was cut off, so the job may exist. The number of calls so far, and the age of the last one.
    Unknown(usize, Duration),
}

/// An array with what its script needs.
pub(crate) struct ArrayJob<'a> {
    /// The array.
    pub(crate) array: &'a Array,
    /// The plan.
    pub(crate) submission: &'a Submission,
    /// The files of the run.
    pub(crate) directory: &'a ClusterDirectory,
}

impl ArrayJob<'_> {
    /// Name of the job, by which it is found again.
    pub(crate) fn name(&self) -> String {
        job_name(self.directory, self.array.number)
    }
}

/// Returns the name of the job of an array.
pub(crate) fn job_name(directory: &ClusterDirectory, number: usize) -> String {
    format!("simclr-{}-{number}", directory.run_id())
}

/// Reads the arrays, in order.
///
/// # Errors
/// A file is damaged.
pub(crate) fn read_all(directory: &ClusterDirectory) -> Result<Vec<Array>> {
    let files = (1..).map(|number| array_file(directory, number)).take_while(|path| path.exists());
    files.map(|path| read_json(&path)).collect()
}

/// Creates an array; false if another process has created one with this number.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn create(directory: &ClusterDirectory, array: &Array) -> Result<bool> {
    create_new(&array_file(directory, array.number), array)
}

/// Writes the script of an array and returns its path.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn write_script(directory: &ClusterDirectory, number: usize, script: &str) -> Result<PathBuf> {
    let path = directory.arrays().join(format!("{number}.sh"));
    files::write_atomic(&path, script.as_bytes())?;
    Ok(path)
}

/// Returns how far the submission of an array is.
///
/// # Errors
/// A file is damaged.
pub(crate) fn state(directory: &ClusterDirectory, number: usize) -> Result<ArrayState> {
    let calls = (1..).take_while(|call| call_file(directory, number, *call).exists()).count();
    if calls == 0 {
        return Ok(ArrayState::Planned(0));
    }
    // One of the earlier calls may have been found to have succeeded.
    for number_of_call in (1..=calls).rev() {
        let call: Call = read_json(&call_file(directory, number, number_of_call))?;
        match call.outcome {
            Some(CallOutcome::Job(job)) => return Ok(ArrayState::Submitted(job)),
            Some(CallOutcome::Refused(_)) if number_of_call == calls => return Ok(ArrayState::Planned(calls)),
            None if number_of_call == calls => {
                return Ok(ArrayState::Unknown(calls, clock::since(&call.time).unwrap_or_default()));
            }
            _ => {}
        }
    }
    Ok(ArrayState::Planned(calls))
}

/// Takes the right to submit an array for the `call`-th time; false if another process has it.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn take_call(directory: &ClusterDirectory, number: usize, call: usize) -> Result<bool> {
    let taken = Call { time: clock::now(), host: record::host(), outcome: None };
    create_new(&call_file(directory, number, call), &taken)
}

/// Records what came of a call. Nothing is recorded of one whose outcome is unknown.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn record_call(directory: &ClusterDirectory, number: usize, call: usize, outcome: &Submitted) -> Result<()> {
    let outcome = match outcome {
        Submitted::Accepted(job) => CallOutcome::Job(job.clone()),
        Submitted::Full(why) | Submitted::Refused(why) => CallOutcome::Refused(why.clone()),
        Submitted::Unknown(_) => return Ok(()),
    };
    let path = call_file(directory, number, call);
    let call = Call { outcome: Some(outcome), ..read_json(&path)? };
    files::write_atomic(&path, json::pretty(&call)?.as_bytes())
}

fn array_file(directory: &ClusterDirectory, number: usize) -> PathBuf {
    directory.arrays().join(format!("{number}.json"))
}

fn call_file(directory: &ClusterDirectory, number: usize, call: usize) -> PathBuf {
    directory.arrays().join(format!("{number}.call-{call}.json"))
}

/// Reads one array.
///
/// # Errors
/// There is none with this number, or its file is damaged.
pub(crate) fn read(directory: &ClusterDirectory, number: usize) -> Result<Array> {
    let path = array_file(directory, number);
    if !Path::exists(&path) {
        return Err(Error::usage(format!("the run has no array {number}")).at(directory.run().display().to_string()));
    }
    read_json(&path)
}

/// Divides tasks into arrays of tasks that ask for the same, each of at most `max` tasks. The order of the tasks is kept.
pub(super) fn cut(tasks: Vec<(Element, Resources)>, max: usize) -> Vec<(Resources, Vec<Element>)> {
    let mut arrays: Vec<(Resources, Vec<Element>)> = Vec::new();
    for (element, resources) in tasks {
        let fitting = |(other, elements): &&mut (Resources, Vec<Element>)| {
            other.are_alike(&resources) && elements.len() < max.max(1)
        };
        match arrays.iter_mut().find(fitting) {
            Some((common, elements)) => {
                common.cover(&resources);
                elements.push(element);
            }
            None => arrays.push((resources, vec![element])),
        }
    }
    arrays
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(kind: &str, memory: u64) -> Resources {
        Resources { kind: kind.to_owned(), cpus: 1, gpus: 0, memory, seconds: memory, partition: None }
    }

    #[test]
    fn arrays_are_cut_and_cover_their_tasks() {
        let element = |task| Element { task, losses: 0, memory_factor: 1.0 };
        let kinds = ["a", "b", "a", "a", "a", "b"];
        let tasks = kinds.iter().enumerate().map(|(at, kind)| (element(at), resources(kind, at as u64)));
        let arrays = cut(tasks.collect(), 3);
        let summary: Vec<(&str, u64, Vec<usize>)> = arrays
            .iter()
            .map(|(resources, elements)| {
                (resources.kind.as_str(), resources.memory, elements.iter().map(|it| it.task).collect())
            })
            .collect();
        assert_eq!(summary, [("a", 3, vec![0, 2, 3]), ("b", 5, vec![1, 5]), ("a", 4, vec![4])]);
        assert!(cut(Vec::new(), 3).is_empty());
        assert_eq!(cut(vec![(element(0), resources("a", 1)), (element(1), resources("a", 1))], 0).len(), 2);
    }

    #[test]
    fn a_submission_is_recorded_once_and_a_cut_off_one_is_unknown() {
        let run = tempfile::tempdir().unwrap();
        let directory = ClusterDirectory::of_run(run.path());
        std::fs::create_dir_all(directory.arrays()).unwrap();
        assert_eq!(state(&directory, 1).unwrap(), ArrayState::Planned(0));
        assert!(take_call(&directory, 1, 1).unwrap());
        assert!(!take_call(&directory, 1, 1).unwrap(), "another process has it");
        assert!(matches!(state(&directory, 1).unwrap(), ArrayState::Unknown(1, _)));
        record_call(&directory, 1, 1, &Submitted::Unknown(String::new())).unwrap();
        assert!(matches!(state(&directory, 1).unwrap(), ArrayState::Unknown(1, _)));
        record_call(&directory, 1, 1, &Submitted::Full("limit".into())).unwrap();
        assert_eq!(state(&directory, 1).unwrap(), ArrayState::Planned(1));
        assert!(take_call(&directory, 1, 2).unwrap());
        record_call(&directory, 1, 2, &Submitted::Accepted("85".into())).unwrap();
        assert_eq!(state(&directory, 1).unwrap(), ArrayState::Submitted("85".into()));
    }
}
