//! The fingerprint of a source: a digest of its content and the number of images per class, without decoding anything.

use crate::base::{Error, Result, files, hash};
use crate::dataset::config::DatasetConfig;
use crate::dataset::memo::{FileDigest, Memo};
use crate::dataset::source::{ImageFiles, Listing};
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
    let listing = Listing::open(config)?;
    let (mut files, rows) = match listing.images.reader.files() {
        ImageFiles::None => (Vec::new(), Value::Null),
        ImageFiles::OnePerImage(paths) => image_files(&listing, paths, memo)?,
        ImageFiles::Shared(paths) => shared_files(&paths, memo)?,
    };
    let digest = if files.is_empty() { Value::Null } else { hash::digest_json(&rows)?.into() };
    let content = json!({
        "version": VERSION,
        "classes": listing.labels.classes,
        "source": config.source.source().content(config.image_size),
        "files": digest,
    });
    // The rows have the labels; the files that they come from are listed so that a change of them can be reported.
    files.extend(whole_files(&listing.labels.files, memo)?);
    Ok(Fingerprint { content, classes: listing.sizes(), files })
}

/// Returns the class names, without reading any image.
///
/// # Errors
/// The source is missing, unreadable or invalid.
pub fn class_names(config: &DatasetConfig) -> Result<Vec<String>> {
    Ok(Listing::open(config)?.labels.classes)
}

/// Returns notes, as sentences, on why results on this data can mislead; nothing is decoded.
pub fn notes(config: &DatasetConfig, fingerprint: &Fingerprint) -> Vec<String> {
    config.source.source().notes(&fingerprint.classes)
}

/// Returns the files of images, and (name, label, is test, digest) of each as JSON.
fn image_files(listing: &Listing, paths: &[PathBuf], memo: &Path) -> Result<(Vec<SourceFile>, Value)> {
    let digests = digests(paths, memo, true)?;
    let (names, labels) = (&listing.images.names, &listing.labels.of_images);
    let row = |(image, digest): (usize, &String)| json!([names[image], labels[image], listing.is_test(image), digest]);
    let rows = digests.iter().enumerate().map(row).collect();
    let file = |(image, digest)| {
        let subset = if listing.is_test(image) { "test" } else { "train" };
        SourceFile { name: format!("{subset}/{}", names[image]), digest }
    };
    Ok((digests.into_iter().enumerate().map(file).collect(), rows))
}

/// Returns files that have many images each, and their digests as JSON.
fn shared_files(paths: &[&Path], memo: &Path) -> Result<(Vec<SourceFile>, Value)> {
    let files = whole_files(paths, memo)?;
    let rows = files.iter().map(|file| file.digest.as_str()).collect();
    Ok((files, rows))
}

/// Returns files under their own names.
fn whole_files<P: AsRef<Path> + Sync>(paths: &[P], memo: &Path) -> Result<Vec<SourceFile>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = |(path, digest): (&P, String)| SourceFile { name: name(path.as_ref()), digest };
    Ok(paths.iter().zip(digests(paths, memo, false)?).map(file).collect())
}

/// Returns the digests of files, computed in parallel or taken from the memo. If files `may_be_broken`, a file that
/// cannot be read gets a placeholder digest; failures of the machine are always errors.
fn digests<P: AsRef<Path> + Sync>(paths: &[P], memo: &Path, may_be_broken: bool) -> Result<Vec<String>> {
    let memo = Memo::open(memo);
    let digest = |path: &P| match memo.digest_of(path.as_ref()) {
        Err(error) if may_be_broken && files::is_permanent(&error) => Ok(FileDigest::unreadable()),
        digest => digest.map_err(|error| Error::io("read", path, &error)),
    };
    let file_digests = paths.par_iter().map(digest).collect::<Result<Vec<FileDigest>>>()?;
    let digests = file_digests.iter().map(|file| file.digest.clone()).collect();
    memo.remember(paths.iter().map(|path| path.as_ref().to_owned()).zip(file_digests))?;
    Ok(digests)
}
