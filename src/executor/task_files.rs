//! Records of tasks: `cluster/tasks/TASK/ARRAY-RESTART/`, a directory for every time that a task starts, since appending to
//! one file from two machines is not safe.
//!
//! ```text
//! start.json     when and where it started
//! events.jsonl   events with their times
//! log.txt        the events as text
//! end.json       how it ended; missing if it was killed
//! ```

use crate::base::{Result, files, json};
use crate::engine::{clock, record};
use crate::executor::TaskIdentity;
use crate::executor::submission::{ClusterDirectory, read_json};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Record of the start.
const START: &str = "start.json";
/// Record of the end.
const END: &str = "end.json";

/// Start of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    /// When, in UTC as RFC 3339.
    pub(crate) time: String,
    /// Host name.
    pub(crate) host: String,
    /// Name of the node.
    pub(crate) node: String,
    /// Id of the job.
    pub(crate) job: String,
    /// Process id.
    pub(crate) process: u32,
}

/// End of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct End {
    /// When, in UTC as RFC 3339.
    pub(crate) time: String,
    /// How.
    pub(crate) state: EndState,
    /// Errors of the stages that failed, by name of the stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) failures: Vec<(String, String)>,
    /// Why it ended like this, if there is more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// How far it was.
    pub(crate) progress: LifeProgress,
}

/// How far a task is, to notice that it does not get on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct LifeProgress {
    /// Number of its stages that have artifacts.
    pub(crate) stages: usize,
    /// Largest step of the stage that was computed.
    pub(crate) step: u64,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EndState {
    /// Every stage has an artifact.
    Done,
    /// A stage failed, or the task cannot be computed; starting it again would not help.
    Failed,
    /// It stopped after a checkpoint and asked to start again.
    Requeued,
    /// It stopped after a checkpoint and will not start again by itself.
    Interrupted,
    /// What it reads is missing.
    Blocked,
}

/// One life of a task: from a start to an end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Life {
    /// Number of the array.
    pub(crate) array: usize,
    /// How often it had been requeued.
    pub(crate) restart: u32,
    /// Its start; none if it was cut off.
    pub(crate) start: Option<Start>,
    /// Its end; none if it is running or was killed.
    pub(crate) end: Option<End>,
}

/// Returns the directory of a life of a task.
pub(crate) fn life_directory(directory: &ClusterDirectory, task: usize, array: usize, restart: u32) -> PathBuf {
    directory.task(task).join(format!("{array}-{restart}"))
}

/// Records that a task starts.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn write_start(life: &Path, identity: &TaskIdentity) -> Result<()> {
    files::create_directory(life)?;
    let start = Start {
        time: clock::now(),
        host: record::host(),
        node: identity.node.clone(),
        job: identity.job.clone(),
        process: std::process::id(),
    };
    files::write_atomic(&life.join(START), json::pretty(&start)?.as_bytes())
}

/// Records how a task ended.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn write_end(life: &Path, end: &End) -> Result<()> {
    files::write_atomic(&life.join(END), json::pretty(end)?.as_bytes())
}

/// Returns the lives of a task, in order.
pub(crate) fn lives(directory: &ClusterDirectory, task: usize) -> Vec<Life> {
    let mut lives: Vec<Life> =
        files::entries(&directory.task(task)).unwrap_or_default().iter().filter_map(|path| life(path)).collect();
    lives.sort_by_key(|life| (life.array, life.restart));
    lives
}

fn life(path: &Path) -> Option<Life> {
    let (array, restart) = path.file_name()?.to_str()?.split_once('-')?;
    // A damaged file is as good as none: the store decides.
    let (start, end) = (read_json(&path.join(START)).ok(), read_json(&path.join(END)).ok());
    Some(Life { array: array.parse().ok()?, restart: restart.parse().ok()?, start, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_read_in_order_with_starts_and_ends() {
        let run = tempfile::tempdir().unwrap();
        let directory = ClusterDirectory::of_run(run.path());
        let identity = TaskIdentity { job: "85".into(), element: 0, restart: 0, node: "n1".into() };
        for (array, restart) in [(10, 0), (2, 1), (2, 0)] {
            write_start(&life_directory(&directory, 7, array, restart), &identity).unwrap();
        }
        let end = End {
            time: clock::now(),
            state: EndState::Requeued,
            failures: Vec::new(),
            reason: None,
            progress: LifeProgress { stages: 1, step: 20 },
        };
        write_end(&life_directory(&directory, 7, 2, 0), &end).unwrap();
        std::fs::create_dir(directory.task(7).join("other")).unwrap();
        std::fs::create_dir(directory.task(7).join("11-0")).unwrap();
        let lives = lives(&directory, 7);
        let order: Vec<(usize, u32, bool)> =
            lives.iter().map(|life| (life.array, life.restart, life.start.is_some())).collect();
        assert_eq!(order, [(2, 0, true), (2, 1, true), (10, 0, true), (11, 0, false)]);
        assert_eq!(lives[0].end.as_ref(), Some(&end));
        assert!(super::lives(&directory, 8).is_empty());
    }
}
