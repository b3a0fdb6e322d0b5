//! What a source holds: a digest of its content and the number of pictures of each class, without decoding anything.

use crate::base::{Result, hash};
use crate::dataset::config::{DatasetConfig, SourceConfig};
use crate::dataset::memo::{Known, Memo};
use crate::dataset::source::{Place, Source};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Changes when the same source gives other pictures, as when shapes are drawn anew.
const VERSION: u32 = 1;

/// Pictures of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassSize {
    /// Name of the class.
    pub name: String,
    /// Pictures for training and validation.
    pub train: usize,
    /// Pictures for testing.
    pub test: usize,
}

/// What a source holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Digest of the pictures' content, their names inside the source, their classes, and whether they came from the
    /// training or the test part; the same pictures in another folder give the same digest.
    pub digest: String,
    /// Pictures of each class, in the order of the labels. Files that turn out broken count.
    pub classes: Vec<ClassSize>,
}

/// Lists a source and takes the digest of its content; nothing is decoded or drawn.
///
/// `memo` is a file that remembers digests by (inode, size, modification time), so that the second time no picture is
/// read. It need not exist, and is ignored when damaged.
///
/// # Errors
/// The source is missing, unreadable or not as it should be, a class has no training or test pictures, or the memory
/// cannot be written.
pub fn fingerprint(config: &DatasetConfig, memo: &Path) -> Result<Fingerprint> {
    let source = Source::open(config)?;
    let content = match &config.source {
        SourceConfig::Shapes(shapes) => json!({ "shapes": shapes, "side": config.image_size }),
        SourceConfig::Folder(folders) | SourceConfig::Prefixed(folders) => json!({
            "pictures": digest_files(&source, memo)?,
            "test_fraction": folders.test.is_none().then_some(folders.test_fraction),
        }),
        SourceConfig::Cifar10(_) => json!({ "cifar10": digest_records(&source, memo)? }),
        SourceConfig::Stl10(_) => json!({ "stl10": digest_records(&source, memo)? }),
    };
    let digest = hash::digest_json(&json!({ "version": VERSION, "classes": source.classes, "content": content }))?;
    Ok(Fingerprint { digest, classes: source.sizes() })
}

/// Names of the classes, without reading a picture.
///
/// # Errors
/// The source is missing, unreadable or not as it should be.
pub fn class_names(config: &DatasetConfig) -> Result<Vec<String>> {
    Ok(Source::open(config)?.classes)
}

/// (name, label, whether for testing, digest) of each picture file.
fn digest_files(source: &Source, memo: &Path) -> Result<Value> {
    let paths = source.items.iter().filter_map(|item| match &item.place {
        Place::File(path) => Some(path.clone()),
        _ => None,
    });
    let known = digests(paths.collect(), memo)?;
    let rows =
        source.items.iter().zip(known).map(|(item, digest)| json!([item.name, item.label, item.is_test, digest]));
    Ok(rows.collect())
}

/// (label counts, digest) of each binary file.
fn digest_records(source: &Source, memo: &Path) -> Result<Value> {
    Ok(json!(digests(source.record_files(), memo)?))
}

/// Digests of files, in parallel, from memory where it has them.
fn digests(paths: Vec<PathBuf>, memo: &Path) -> Result<Vec<String>> {
    let memo = Memo::open(memo);
    let known = paths.par_iter().map(|path| memo.known(path)).collect::<Result<Vec<Known>>>()?;
    let digests = known.iter().map(|known| known.digest.clone()).collect();
    memo.remember(paths.into_iter().zip(known))?;
    Ok(digests)
}
