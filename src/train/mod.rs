//! Training, shared by all stages that train: the optimization step, the history, early stopping, checkpoints.

pub mod checkpoint;
pub mod checkpoints;
pub mod compute;
pub mod early_stopping;
pub mod history;
pub mod logistic;
pub mod logits;
pub mod progress;
pub mod softmax;
pub mod standardize;
mod train_state;
mod train_step;

pub use checkpoint::Checkpoint;
pub use checkpoints::Checkpoints;
pub use compute::Compute;
pub use early_stopping::{EarlyStopping, Monitor, Patience, StoppingRule};
pub use history::{EpochMeans, EpochRecord};
pub use train_state::{TrainConfig, TrainState};
pub use train_step::{StepReport, TapedLoss, UploadedBatch};
