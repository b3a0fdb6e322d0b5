//! The kinds of sections that a pipeline file has, one module per kind; [`KINDS`] lists them.
//!
//! ```text
//! dataset -> split -> pretrain -> features -> linear_eval, knn_eval, cluster_eval, embed -> report
//!    |         |          \----> health                                        /
//!    |         \------> supervised ----------------------------------------/
//!    \-> pairs ----------------------------------------------------------/
//! ```
//!
//! Stages exchange artifacts and never call each other; the files of an artifact are written and read in
//! [`artifacts`].
//!
//! ```
//! use dfdx::prelude::Cpu;
//! use simclr::engine::{NoEvents, RunOptions};
//! use simclr::model::BatchStatistics;
//! use simclr::pipeline::{execute, parse};
//! use simclr::stages::{Pretrain, pretrain};
//! use simclr::study::Ref;
//!
//! let file = r#"
//!     dataset = { source = { shapes = { train = 60, test = 30, classes = 3 } }, image_size = 16 }
//!     augment.views.ops = [{ random_resized_crop = {} }]
//!     [pretrain.main]
//!     augment = "views"
//!     encoder = { tiny = { width = 0.25 } }
//!     projection = { layers = [8] }
//!     optimizer = { adam = { learning_rate = 1e-3 } }
//!     epochs = 1
//!     batch_size = 16
//! "#;
//! let loaded = parse(file, std::path::Path::new("study.toml"), &[])?;
//! let options = RunOptions { only: vec!["pretrain.main".to_owned()], ..RunOptions::default() };
//! let output = tempfile::tempdir()?;
//! let run = execute(&loaded, output.path(), &options, &NoEvents)?;
//!
//! let config = loaded.study.variants[0].pipeline.get(&Ref::<Pretrain>::new("main")).ok_or("no [pretrain.main]")?;
//! let network = pretrain::trained(config, 16, run.artifact("pretrain.main")?, &Cpu::default())?;
//! let h = network.encode(&vec![0.5; 3 * 16 * 16], 1, BatchStatistics::Running)?;
//! assert_eq!(h.len(), network.widths()[0]);
//! assert!(h.iter().all(|value| value.is_finite()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod augment;
pub mod cluster_eval;
pub mod dataset;
pub mod embed;
pub mod knn_eval;
pub mod linear_eval;
pub mod pretrain;
pub(crate) mod shared;
pub mod supervised;

pub use augment::Augment;
pub use cluster_eval::ClusterEval;
pub use dataset::Dataset;
pub use embed::Embed;
pub use knn_eval::KnnEval;
pub use linear_eval::LinearEval;
pub use pretrain::Pretrain;
pub use shared::artifacts;
pub use shared::class_weights::{ClassWeights, WeightRule};
pub use shared::classifier::ClassifierTraining;
pub use shared::labels::{Counts, Fractions, LabelSampling, SelectOn};
pub use shared::metrics::{ClassRecall, Metrics};
pub use shared::shards::ShardNorm;
pub use shared::statistics::{BatchNormStatistics, BatchOrder, FeatureStatistics};
pub use shared::subset::Subset;
pub use supervised::Supervised;

use crate::study::AnyKind;

/// Every kind of section, each after those that it refers to: the order of the documentation and of the graph.
pub static KINDS: &[&dyn AnyKind] =
    &[&Dataset, &Augment, &Pretrain, &LinearEval, &KnnEval, &ClusterEval, &Supervised, &Embed];

/// Kinds of stages that these sections add to a graph: the tables of `[executor.slurm.resources]`.
pub(crate) const STAGE_KINDS: [&str; 15] = [
    "pretrain",
    "supervised",
    "features",
    "linear_eval",
    "knn_eval",
    "cluster_eval",
    "embed",
    "health",
    "similarity",
    "pairs",
    "dataset",
    "split",
    "images",
    "duplicates",
    "thumbnails",
];
