//! Records of runs: `OUTPUT/runs/STUDY/ID/`, written during a run and read by `status`, `compare` and `cache`.
//!
//! ```text
//! run.json       settings, stages, machine, and how the run ended
//! events.jsonl   events with their times, one JSON object per line
//! log.txt        the events as text
//! ...            what the sinks write that `--sink` adds ([`sinks`](crate::sinks))
//! pipeline.toml  copy of the pipeline file
//! report/        the report of the run
//! live.html      page that shows the run while it is running (`run --watch`)
//! cluster/       plan, scripts and tasks of a run that was submitted to a cluster
//! run.lock       locked while the run is running
//! run.owner      lease of a running run on a shared store
//! pinned         exists if the artifacts of the run are kept
//! ```
//!
//! `OUTPUT/runs/STUDY/latest` is a link to the newest run of the study, where the file system has links.

pub(crate) mod commit;
pub(crate) mod compare;
pub(crate) mod find;
pub(crate) mod hardware;
mod latest;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod pairs;
pub(crate) mod record;
pub(crate) mod recorder;
pub mod requeue;
pub(crate) mod run;
mod tasks;

pub use commit::Commit;
pub(crate) use compare::{RunComparison, TestPredictions, compare};
pub use find::find;
pub use hardware::Hardware;
pub(crate) use latest::LATEST;
pub use list::{RunList, list};
pub(crate) use pairs::{is_place, variant};
pub use record::{RunRecord, RunState, StageRecord, StageState, Versions};
pub(crate) use recorder::mark_ended;
pub use recorder::{Recorder, RunDescription};
pub use run::{RecordedRun, pin};

/// Directory in the output directory with one directory per study.
const RUNS: &str = "runs";
/// Record of a run.
const RECORD: &str = "run.json";
/// Events of a run.
pub(crate) const EVENTS: &str = "events.jsonl";
/// Log of a run.
pub(crate) const LOG: &str = "log.txt";
/// Copy of the pipeline file.
const PIPELINE: &str = "pipeline.toml";
/// Resolved pipeline: the file, the files it extends and `--set` values merged into one text.
pub(crate) const RESOLVED: &str = "resolved.toml";
/// Lock file, locked while the run is running.
const LOCK: &str = "run.lock";
/// Lease of a running run on a shared store.
const LEASE: &str = "run.owner";
/// Directory of what belongs to a run that was submitted.
pub(crate) const CLUSTER: &str = "cluster";
/// Exists if the artifacts of the run are kept.
const PINNED: &str = "pinned";
