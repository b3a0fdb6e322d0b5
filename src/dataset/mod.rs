//! Data sets: where images come from, decoding, the split, and batches prepared ahead of the training step.
//!
//! [`fingerprint`](fn@fingerprint) says what a source holds without decoding anything, [`decode`](fn@decode) turns it
//! into a directory of raw pixels, [`ImageDataset`] reads that directory, [`Split`] sets validation and labeled images
//! apart, and [`batches`] makes the arrays that networks see.

pub mod batches;
mod block_file;
pub mod config;
mod decode;
mod fingerprint;
mod image_dataset;
mod in_order;
mod memo;
mod memory_budget;
mod notes;
mod set_writer;
pub mod shapes;
pub mod shared;
pub mod signs;
mod source;
mod split;

pub use batches::{Batch, Batches, LoaderConfig, contrastive_batches, labeled_batches, plain_batches};
pub use config::{DatasetConfig, SourceConfig};
pub use decode::{Decoded, decode};
pub use fingerprint::{ClassSize, Fingerprint, SourceFile, class_names, fingerprint};
pub use image_dataset::{ImageDataset, Skipped};
pub use notes::notes;
pub use shared::shared_images;
pub use split::{Split, split_sizes};
