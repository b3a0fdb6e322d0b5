//! Training: the optimisation step, its record by epoch, early stopping, checkpoints; shared by all stages that train.

pub mod checkpoint;
pub mod checkpoints;
pub mod compute;
pub mod early_stopping;
pub mod history;
pub mod logistic;
pub mod logits;
pub mod progress;
pub mod session;
pub mod softmax;
pub mod standardize;
pub mod trainer;

pub use checkpoint::Checkpoint;
pub use checkpoints::Checkpoints;
pub use compute::Compute;
pub use early_stopping::{EarlyStopping, Monitor, Patience, Stopping};
pub use history::{EpochMeans, EpochRecord};
pub use session::Session;
pub use trainer::{Recipe, StepReport, Trainer, Uploaded};
