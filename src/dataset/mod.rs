//! Data sets: image sources, decoding, the split, and batches prefetched for the training step.
//!
//! [`fingerprint`](fn@fingerprint) identifies the content of a source without decoding anything, [`decode`](fn@decode)
//! turns it into raw pixels of training and of test images, and their names and labels, apart from each other;
//! [`ImageDataset`] reads them, [`Split`] holds out validation images and selects labeled ones, and [`Batches`]
//! makes the input arrays of networks.
//!
//! ```
//! use simclr::dataset::{DatasetConfig, ImageDataset, Split, decode};
//!
//! let shapes = "source = { shapes = { train = 60, test = 30, classes = 3 } }\nimage_size = 16";
//! let config: DatasetConfig = toml::from_str(shapes)?;
//! let directory = tempfile::tempdir()?;
//! decode(&config, 1, directory.path(), &|_, _| {}, &|| Ok(()))?;
//!
//! let set = ImageDataset::open(directory.path())?;
//! let split = Split::sample(set.training_ids(), 30, 0.25, 1);
//! assert_eq!([split.train.len(), split.validation.len(), split.test.len()], [45, 15, 30]);
//! assert_eq!(set.image(split.train[0])?.width, 16);
//! assert!(set.label(split.train[0]) < set.classes().len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod batches;
pub(crate) mod config;
mod contents;
mod decode;
pub(crate) mod duplicate_files;
pub(crate) mod duplicates;
mod fingerprint;
mod hold_out;
mod image_dataset;
mod image_id;
mod in_order;
mod labeled_subset;
mod labeling;
mod memo;
mod memory_budget;
mod names;
mod part;
mod passed_over;
mod preparation;
pub mod source;
mod split;
mod store;
pub(crate) mod survey;

pub use batches::{Batch, Batches, LoaderConfig, contrastive_batches, labeled_batches, plain_batches};
pub use config::{BrokenFiles, DamagedJpegs, DatasetConfig, OnDuplicates};
pub(crate) use decode::decode_images;
pub use decode::{Decoded, decode};
pub use fingerprint::{ClassSize, Fingerprint, SourceFile, SourceFiles, TrainingImage, fingerprint};
pub(crate) use fingerprint::{class_names, notes, passed_over, unreadable};
pub use image_dataset::{ImageDataset, Skipped};
pub use image_id::ImageId;
pub(crate) use labeling::{PartNames, label_images, part_names};
pub(crate) use names::Names;
pub use part::Part;
pub use passed_over::PassedOver;
pub use source::SourceConfig;
pub use split::{ClassCount, Split, split_sizes};
pub use store::StoreForm;
pub(crate) use store::misfit;
