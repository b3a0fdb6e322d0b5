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
//! `shared::artifacts`.

pub mod augment;
pub mod cluster_eval;
pub mod dataset;
pub mod embed;
pub mod knn_eval;
pub mod linear_eval;
pub mod pretrain;
pub mod shared;
pub mod supervised;

pub use augment::Augment;
pub use cluster_eval::ClusterEval;
pub use dataset::Dataset;
pub use embed::Embed;
pub use knn_eval::KnnEval;
pub use linear_eval::LinearEval;
pub use pretrain::Pretrain;
pub use supervised::Supervised;

use crate::study::AnyKind;

/// Every kind of section, each after those that it refers to: the order of the documentation and of the graph.
pub static KINDS: &[&dyn AnyKind] =
    &[&Dataset, &Augment, &Pretrain, &LinearEval, &KnnEval, &ClusterEval, &Supervised, &Embed];
