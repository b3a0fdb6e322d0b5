//! Code that several kinds share.

pub mod artifacts;
pub(super) mod class_weights;
pub(super) mod classifier;
pub(super) mod cost;
pub(super) mod depths;
pub mod device;
pub mod evaluation;
pub mod labels;
#[cfg(not(feature = "cuda"))]
mod no_cuda;
pub(super) mod results;
pub(super) mod schedule;
pub mod statistics;
pub mod subset;
pub mod tested;
pub mod training;

pub use tested::tested;
