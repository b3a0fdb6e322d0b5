//! Training: the optimisation step, its record by epoch, early stopping; shared by all stages that train.

pub mod early_stopping;
pub mod history;
pub mod logits;
pub mod progress;
pub mod softmax;
pub mod standardize;
pub mod trainer;

pub use early_stopping::EarlyStopping;
pub use history::{EpochMeans, EpochRecord};
pub use trainer::{StepReport, Trainer};
