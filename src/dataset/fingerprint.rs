//! The fingerprint of a source: a digest of its content and the number of images per class, without decoding anything.

use crate::base::{Error, Result, files, hash};
use crate::dataset::config::{DatasetConfig, SourceConfig};
use crate::dataset::memo::{FileDigest, Memo};
use crate::dataset::source::{ImageLocation, ImageSource, Item};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Everything that determines the images. Its `files` is one digest of all files: their content, their names inside
    /// the source, their classes, and whether they are training or test images. The same images in another directory
    /// have the same fingerprint.
    pub content: Value,
    /// Numbers of images of each class, in the order of the labels. Files that turn out to be broken are included.
    pub classes: Vec<ClassSize>,
    /// The files; empty for synthetic images.
    pub files: Vec<SourceFile>,
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
    let source = ImageSource::open(config)?;
    let (files, rows) = match &config.source {
        SourceConfig::Shapes(_) | SourceConfig::Signs(_) => (Vec::new(), Value::Null),
        SourceConfig::ImageFolder(_) | SourceConfig::Prefixed(_) => image_files(&source, memo)?,
        SourceConfig::Cifar10(_) | SourceConfig::Stl10(_) => record_files(&source, memo)?,
    };
    let about = match &config.source {
        SourceConfig::Shapes(shapes) => json!({ "shapes": shapes, "side": config.image_size }),
        SourceConfig::Signs(signs) => json!({ "signs": signs, "side": config.image_size }),
        SourceConfig::ImageFolder(directories) | SourceConfig::Prefixed(directories) => {
            json!({ "test_fraction": directories.test.is_none().then_some(directories.test_fraction) })
        }
        SourceConfig::Cifar10(_) => json!("CIFAR-10"),
        SourceConfig::Stl10(_) => json!("STL-10"),
    };
    let files_digest = if files.is_empty() { Value::Null } else { hash::digest_json(&rows)?.into() };
    let content = json!({ "version": VERSION, "classes": source.classes, "source": about, "files": files_digest });
    Ok(Fingerprint { content, classes: source.sizes(), files })
}

/// Returns the class names, without reading any image.
///
/// # Errors
/// The source is missing, unreadable or invalid.
pub fn class_names(config: &DatasetConfig) -> Result<Vec<String>> {
    Ok(ImageSource::open(config)?.classes)
}

/// Returns the image files, and (name, label, is test, digest) of each as JSON.
fn image_files(source: &ImageSource, memo: &Path) -> Result<(Vec<SourceFile>, Value)> {
    let paths = source.items.iter().filter_map(|item| match &item.location {
        ImageLocation::File(path) => Some(path.clone()),
        _ => None,
    });
    let digests = digests(paths.collect(), memo, true)?;
    let pairs = source.items.iter().zip(digests);
    let rows = pairs.clone().map(|(item, digest)| json!([item.name, item.label, item.is_test, digest])).collect();
    let file = |(item, digest): (&Item, String)| {
        let subset = if item.is_test { "test" } else { "train" };
        SourceFile { name: format!("{subset}/{}", item.name), digest }
    };
    Ok((pairs.map(file).collect(), rows))
}

/// Returns the binary files, and the digest of each as JSON.
fn record_files(source: &ImageSource, memo: &Path) -> Result<(Vec<SourceFile>, Value)> {
    let paths = source.record_files();
    let digests = digests(paths.clone(), memo, false)?;
    let rows = json!(digests);
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = |(path, digest)| SourceFile { name: name(path), digest };
    Ok((paths.iter().zip(digests).map(file).collect(), rows))
}

/// Returns the digests of files, computed in parallel or taken from the memo. If files `may_be_broken`, a file that
/// cannot be read gets a placeholder digest; failures of the machine are always errors.
fn digests(paths: Vec<PathBuf>, memo: &Path, may_be_broken: bool) -> Result<Vec<String>> {
    let memo = Memo::open(memo);
    let digest = |path: &PathBuf| match memo.digest_of(path) {
        Err(error) if may_be_broken && files::is_permanent(&error) => Ok(FileDigest::unreadable()),
        digest => digest.map_err(|error| Error::io("read", path, &error)),
    };
    let file_digests = paths.par_iter().map(digest).collect::<Result<Vec<FileDigest>>>()?;
    let digests = file_digests.iter().map(|file| file.digest.clone()).collect();
    memo.remember(paths.into_iter().zip(file_digests))?;
    Ok(digests)
}
