//! What a source holds: a digest of its content and the number of images of each class, without decoding anything.

use crate::base::{Error, Result, files, hash};
use crate::dataset::config::{DatasetConfig, SourceConfig};
use crate::dataset::memo::{Known, Memo};
use crate::dataset::source::{Item, Place, Source};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Changes when the same source gives other images, as when shapes are drawn anew.
const VERSION: u32 = 2;

/// Images of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassSize {
    /// Name of the class.
    pub name: String,
    /// Images for training and validation.
    pub train: usize,
    /// Images for testing.
    pub test: usize,
}

/// What a source holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// What decides the images, with one digest, under `files`, in the place of all files: their content, their names
    /// inside the source, their classes, and whether they are of the training or the test part. The same images in
    /// another directory have the same.
    pub content: Value,
    /// Images of each class, in the order of the labels. Files that turn out broken count.
    pub classes: Vec<ClassSize>,
    /// The files; none where images are drawn.
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

/// Lists a source and takes the digest of its content; nothing is decoded or drawn.
///
/// `memo` is a file that remembers digests by (inode, size, times of the last change), so that the second time no image is
/// read. It need not exist, and is ignored when damaged.
///
/// # Errors
/// The source is missing, unreadable or not as it should be, a class has no training or test images, or the memory
/// cannot be written.
pub fn fingerprint(config: &DatasetConfig, memo: &Path) -> Result<Fingerprint> {
    let source = Source::open(config)?;
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

/// Names of the classes, without reading an image.
///
/// # Errors
/// The source is missing, unreadable or not as it should be.
pub fn class_names(config: &DatasetConfig) -> Result<Vec<String>> {
    Ok(Source::open(config)?.classes)
}

/// The image files, and (name, label, whether for testing, digest) of each.
fn image_files(source: &Source, memo: &Path) -> Result<(Vec<SourceFile>, Value)> {
    let paths = source.items.iter().filter_map(|item| match &item.place {
        Place::File(path) => Some(path.clone()),
        _ => None,
    });
    let known = digests(paths.collect(), memo, true)?;
    let pairs = source.items.iter().zip(known);
    let rows = pairs.clone().map(|(item, digest)| json!([item.name, item.label, item.is_test, digest])).collect();
    let file = |(item, digest): (&Item, String)| {
        let part = if item.is_test { "test" } else { "train" };
        SourceFile { name: format!("{part}/{}", item.name), digest }
    };
    Ok((pairs.map(file).collect(), rows))
}

/// The binary files, and the digest of each.
fn record_files(source: &Source, memo: &Path) -> Result<(Vec<SourceFile>, Value)> {
    let paths = source.record_files();
    let digests = digests(paths.clone(), memo, false)?;
    let rows = json!(digests);
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = |(path, digest)| SourceFile { name: name(path), digest };
    Ok((paths.iter().zip(digests).map(file).collect(), rows))
}

/// Digests of files, in parallel, from memory where it has them. Where files `may_be_broken`, one that cannot be read by
/// itself gets a digest that says so; that the machine cannot read it for now is an error everywhere.
fn digests(paths: Vec<PathBuf>, memo: &Path, may_be_broken: bool) -> Result<Vec<String>> {
    let memo = Memo::open(memo);
    let known = |path: &PathBuf| match memo.known(path) {
        Err(error) if may_be_broken && files::is_refused(&error) => Ok(Known::unreadable()),
        known => known.map_err(|error| Error::io("read", path, &error)),
    };
    let known = paths.par_iter().map(known).collect::<Result<Vec<Known>>>()?;
    let digests = known.iter().map(|known| known.digest.clone()).collect();
    memo.remember(paths.into_iter().zip(known))?;
    Ok(digests)
}
