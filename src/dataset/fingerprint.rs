//! The fingerprint of a source: a digest of its content and the number of images per class, without decoding anything.

use crate::base::{Result, hash};
use crate::dataset::config::DatasetConfig;
use crate::dataset::contents::{Contents, Part};
use crate::dataset::source::Listing;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Version that changes when the same source gives different images, for instance when the synthetic shapes change.
const VERSION: u32 = 2;

/// The number of images of a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassSize {
    /// Name of the class.
    pub name: String,
    /// Training and validation images.
    pub train: usize,
    /// Test images.
    pub test: usize,
}

/// The fingerprint of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fingerprint {
    /// Everything that determines the images, their names, their labels and which are for testing. Its `files` is one
    /// digest of all files. The same images in another directory have the same fingerprint.
    pub content: Value,
    /// Everything that determines the pixels of the training images, and nothing else: no names, labels or test images.
    pub training_pixels: Value,
    /// The same of the test images.
    pub test_pixels: Value,
    /// Numbers of images of each class, in the order of the labels. Files that turn out to be broken are included.
    pub classes: Vec<ClassSize>,
    /// The files; empty for synthetic images.
    pub files: Vec<SourceFile>,
    /// Identity and label of each training or validation image.
    pub training: Arc<Vec<(String, usize)>>,
}

impl Fingerprint {
    /// Returns what determines the pixels of a part.
    pub(crate) fn pixels(&self, part: Part) -> &Value {
        match part {
            Part::Training => &self.training_pixels,
            Part::Test => &self.test_pixels,
        }
    }
}

/// A file of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Name inside the source: `train/cat/12.jpg`.
    pub name: String,
    /// Digest of its content.
    pub digest: String,
}

/// Lists a source and computes the digest of its content; nothing is decoded or rendered.
///
/// `memo` is a file that remembers digests by (inode, size, mtime, ctime), so that unchanged images are not read again.
/// It need not exist, and is ignored if damaged.
///
/// # Errors
/// The source is missing, unreadable or invalid, a class has no training or test images, or the memo cannot be written.
pub fn fingerprint(config: &DatasetConfig, memo: &Path) -> Result<Fingerprint> {
    let contents = Contents::open(config, memo)?;
    let content = json!({
        "version": VERSION,
        "classes": contents.listing.labels.classes,
        "source": config.source.source().content(config.image_size),
        "files": files(&contents)?,
    });
    let training = contents.order(Part::Training).into_iter();
    let training = training.map(|image| (contents.ids[image].clone(), contents.listing.labels.of_images[image]));
    Ok(Fingerprint {
        content,
        training_pixels: pixels(config, &contents, Part::Training)?,
        test_pixels: pixels(config, &contents, Part::Test)?,
        classes: contents.listing.sizes(),
        training: Arc::new(training.collect()),
        files: contents.files,
    })
}

/// Returns what determines the pixels of a part.
fn pixels(config: &DatasetConfig, contents: &Contents, part: Part) -> Result<Value> {
    let source = config.source.source().pixels(config.image_size, part.is_test());
    Ok(json!({ "version": VERSION, "source": source, "files": contents.digest(part)? }))
}

/// Returns the digest of everything that files say of the images; null for synthetic images.
fn files(contents: &Contents) -> Result<Value> {
    let Contents { listing, ids, files, .. } = contents;
    let labels = &listing.labels.of_images;
    let digest = if contents.has_file_per_image {
        let row =
            |image: usize| json!([listing.images.names[image], labels[image], listing.is_test(image), ids[image]]);
        hash::digest_json(&(0..listing.len()).map(row).collect::<Vec<Value>>())?
    } else if files.is_empty() {
        return Ok(Value::Null);
    } else {
        // Labels may be in other files than the images.
        hash::digest_json(&(files.iter().map(|file| &file.digest).collect::<Vec<_>>(), labels))?
    };
    Ok(digest.into())
}

/// Returns the class names, without reading any image.
///
/// # Errors
/// The source is missing, unreadable or invalid.
pub(crate) fn class_names(config: &DatasetConfig) -> Result<Vec<String>> {
    Ok(Listing::open(config)?.labels.classes)
}

/// Returns notes, as sentences, on why results on this data can mislead; nothing is decoded.
pub(crate) fn notes(config: &DatasetConfig, fingerprint: &Fingerprint) -> Vec<String> {
    config.source.source().notes(&fingerprint.classes)
}
