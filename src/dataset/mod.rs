//! Data sets: where pictures come from, decoding, the split, and batches prepared ahead of the training step.

pub mod config;

pub use config::{DatasetConfig, SourceConfig};
