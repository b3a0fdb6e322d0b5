//! Training, shared by all stages that train: the optimization step, the history, early stopping, checkpoints.
//!
//! ```
//! use simclr::analysis::FeatureMatrix;
//! use simclr::train::Standardizer;
//! use simclr::train::logistic::{LogisticProblem, Selection, solve_path};
//!
//! // Exact logistic regression; the strength of regularization is selected on held-out rows.
//! let features = FeatureMatrix::new(4, 1, &[-2.0, -1.0, 1.0, 2.0]);
//! let held_out = FeatureMatrix::new(2, 1, &[-1.5, 1.5]);
//! let labels = [0, 0, 1, 1];
//! let standardizer = Standardizer::fit(features);
//! let problem = LogisticProblem::new(features, &labels, 2, &standardizer)?;
//! let selection = Selection { features: held_out, labels: &[0, 1] };
//! let path = solve_path(&problem, &[0.1, 1.0, 10.0], selection, &|| Ok(()))?;
//! assert_eq!(path.points.len(), 3);
//! assert_eq!(path.solution.classifier.predict(held_out), [0, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod checkpoint;
pub(crate) mod checkpoints;
pub(crate) mod compute;
pub(crate) mod early_stopping;
pub(crate) mod history;
pub mod logistic;
pub(crate) mod logits;
pub(crate) mod objective;
pub(crate) mod progress;
mod sharded_step;
#[cfg(test)]
mod shards_tests;
pub(crate) mod softmax;
pub(crate) mod standardize;
mod train_state;
mod train_step;

pub use checkpoint::Checkpoint;
pub use checkpoints::Checkpoints;
pub use compute::Compute;
pub use early_stopping::{EarlyStopping, Monitor, Patience, StoppingRule};
pub use history::{EpochMeans, EpochRecord};
pub use logits::{best_classes, top_k_correct};
pub use objective::{CrossEntropy, Objective};
pub use sharded_step::ShardConfig;
pub use softmax::{SoftmaxClassifier, SoftmaxJob, train_softmax};
pub use standardize::Standardizer;
pub use train_state::{TrainConfig, TrainState};
pub use train_step::{StepReport, TapedLoss, UploadedBatch};
