//! The engine: a graph of stages, their keys, the artifact store, plans, runs and events. Independent of images and
//! machine learning, except for the names of the numbers that its events carry ([`Progress`]).
//!
//! A [`Stage`] turns input artifacts into one artifact, a directory of files. Its key is a digest of everything that
//! determines the content ([`KeyDocument`]), so an artifact in the [`Store`] need not be computed again. [`plan()`]
//! reports what a run would compute and why; [`run()`] computes it.
//!
//! ```
//! use serde_json::{Value, json};
//! use simclr::base::{Error, Result};
//! use simclr::engine::{Context, Graph, NoEvents, RunOptions, Stage, StageSummary, Store, run};
//! use std::sync::atomic::AtomicBool;
//!
//! struct Square(u64);
//!
//! impl Stage for Square {
//!     fn name(&self) -> String { "square".to_owned() }
//!     fn kind(&self) -> &'static str { "square" }
//!     fn version(&self) -> u32 { 1 }
//!     fn parameters(&self) -> Value { json!({ "number": self.0 }) }
//!     fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
//!         let text = (self.0 * self.0).to_string();
//!         std::fs::write(context.output().join("result"), text).map_err(|error| Error::stage(error.to_string()))?;
//!         Ok(StageSummary::default())
//!     }
//! }
//!
//! let mut graph = Graph::new();
//! let square = graph.add(Box::new(Square(7)), &[])?;
//! let output = tempfile::tempdir()?;
//! let store = Store::open(output.path())?;
//! let run = || run(&graph, &store, &RunOptions::default(), &NoEvents, &AtomicBool::new(false));
//! let first = run()?;
//! assert_eq!(std::fs::read_to_string(first.artifact(square)?.join("result"))?, "49");
//! assert_eq!((first.computed, run()?.cached), (1, 1), "the second run finds the artifact in the store");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod clock;
mod compute;
pub(crate) mod difference;
pub(crate) mod estimate;
pub(crate) mod event;
mod follow;
pub(crate) mod graph;
pub(crate) mod hardware;
pub(crate) mod key;
pub(crate) mod outcome;
pub(crate) mod pattern;
pub(crate) mod plan;
pub(crate) mod progress;
mod provenance;
mod reason;
pub(crate) mod record;
pub(crate) mod run;
mod scheduler;
pub(crate) mod select;
pub(crate) mod stage;
pub mod store;
pub(crate) mod summary;

pub use estimate::PlannedStage;
pub use event::{Event, EventSink, NoEvents};
pub use follow::{end, follow, with_threads};
pub use graph::{Graph, StageId};
pub use hardware::StageHardware;
pub use key::KeyDocument;
pub use outcome::{RunOutcome, StageOutcome, StageStatus};
pub(crate) use plan::plan_with_history;
pub use plan::{PlanEntry, PlanStatus, plan, plan_with};
pub use progress::{EpochMetrics, Progress, TrainingMetrics, TrainingSpeed};
pub use record::ArtifactRecord;
pub use run::run;
pub use select::RunOptions;
pub use stage::{Context, Cost, Stage};
pub use store::{ArtifactState, Store};
pub use summary::{Figure, StageSummary};
