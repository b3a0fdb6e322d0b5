//! The pipeline's stages, in order, and the graph that a study becomes.
//!
//! ```text
//! dataset -> split -> pretrain -> features -> linear_eval, knn_eval, embed -> report
//!    |         |          \----> health                                        /
//!    |         \------> supervised ----------------------------------------/
//!    \-> pairs ----------------------------------------------------------/
//! ```
//!
//! Stages exchange artifacts, never calls; the files of each artifact are written and read in [`formats`].

pub mod formats;

pub mod dataset;
pub mod split;

pub mod training;

pub mod pairs;
pub mod pretrain;

pub mod features;
pub mod health;

pub mod embed;
pub mod evaluation;
pub mod knn_eval;
pub mod linear_eval;
pub mod supervised;

pub mod report;

pub mod assemble;
mod cost;
pub mod device;
mod fairness;
mod length;
mod names;
#[cfg(not(feature = "cuda"))]
mod no_cuda;
pub mod preview;
pub mod publish;

pub use assemble::{AssembleError, Assembly, assemble};
pub use preview::preview;
pub use publish::{Published, publish, publish_run, published, results_table};
pub use report::tested;
