//! The engine: a graph of stages, their keys, the artifact store, plans, runs and events. Independent of images and
//! machine learning, except for the names of the numbers that its events carry ([`progress`]).
//!
//! A [`Stage`] turns input artifacts into one artifact, a directory of files. Its key is a digest of everything that
//! determines the content ([`key`]), so an artifact in the [`Store`] need not be computed again. [`plan()`] reports
//! what a run would compute and why; [`run()`] computes it.

pub mod clock;
mod compute;
pub mod difference;
mod estimate;
pub mod event;
pub mod graph;
pub mod key;
pub mod outcome;
pub mod pattern;
pub mod plan;
pub mod progress;
mod provenance;
mod reason;
pub mod record;
pub mod run;
mod scheduler;
pub mod select;
pub mod stage;
pub mod store;
pub mod summary;

pub use event::{Event, EventSink, NoEvents};
pub use graph::{Graph, StageId};
pub use key::KeyDocument;
pub use outcome::{RunOutcome, StageOutcome, StageStatus};
pub use plan::{PlanEntry, PlanStatus, plan, plan_with};
pub use progress::{EpochMetrics, Progress, TrainingMetrics, TrainingSpeed};
pub use record::ArtifactRecord;
pub use run::run;
pub use select::RunOptions;
pub use stage::{Context, Cost, Stage};
pub use store::{ArtifactState, Store};
pub use summary::{Figure, StageSummary};
