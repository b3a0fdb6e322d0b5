//! Data sets: image sources, decoding, the split, and batches prefetched for the training step.
//!
//! [`fingerprint`](fn@fingerprint) identifies the content of a source without decoding anything, [`decode`](fn@decode)
//! turns it into raw pixels of training and of test images, and their names and labels, apart from each other;
//! [`ImageDataset`] reads them, [`Split`] holds out validation images and selects labeled ones, and [`batches`] makes the
//! input arrays of networks.

pub mod batches;
mod block_file;
pub mod config;
mod contents;
mod decode;
mod fingerprint;
mod hold_out;
mod image_dataset;
mod image_store;
mod in_order;
mod memo;
mod memory_budget;
mod part;
pub mod shared;
pub mod source;
mod split;
mod store_writer;
pub mod survey;

pub use batches::{Batch, Batches, LoaderConfig, contrastive_batches, labeled_batches, plain_batches};
pub use config::DatasetConfig;
pub use decode::{Decoded, decode, decode_images, label_images};
pub use fingerprint::{ClassSize, Fingerprint, SourceFile, TrainingImage, class_names, fingerprint, notes};
pub use image_dataset::{ImageDataset, Skipped};
pub use part::Part;
pub use shared::shared_images;
pub use source::SourceConfig;
pub use split::{Split, split_sizes};
