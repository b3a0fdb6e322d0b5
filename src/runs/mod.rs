//! Runs and their records: `OUTPUT/runs/STUDY/ID/`, written while a run goes on, read by the commands that look back.
//!
//! ```text
//! run.json       what was asked, what was computed, on what machine, how it ended
//! events.jsonl   what happened when, one JSON object a line
//! log.txt        the same for people
//! pipeline.toml  the pipeline file as it was
//! report/        the report of the run
//! run.lock       locked as long as the run lives
//! pinned         there if the artifacts of the run are kept
//! ```

pub mod commit;
pub mod compare;
pub mod find;
pub mod hardware;
pub mod lines;
pub mod list;
pub mod lock;
pub mod record;
pub mod recorder;
pub mod run;

pub use commit::Commit;
pub use compare::{Comparison, Tested, compare};
pub use find::find;
pub use hardware::Hardware;
pub use lines::{Line, Lines, Mark};
pub use list::{Listing, list};
pub use record::{RunRecord, RunState, StageRecord, StageState};
pub use recorder::{Description, Recorder};
pub use run::{Run, pin};

/// Directory under the output directory that holds a directory for each study.
const RUNS: &str = "runs";
/// The record of a run.
const RECORD: &str = "run.json";
/// The events of a run.
const EVENTS: &str = "events.jsonl";
/// The log of a run.
const LOG: &str = "log.txt";
/// The pipeline file as it was.
const PIPELINE: &str = "pipeline.toml";
/// The pipeline as it was run: what it extends and `--set` values merged into one text.
const RESOLVED: &str = "resolved.toml";
/// Locked as long as the run lives.
const LOCK: &str = "run.lock";
/// There if the artifacts of the run are kept.
const PINNED: &str = "pinned";
