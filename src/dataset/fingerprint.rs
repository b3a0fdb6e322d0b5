//! The fingerprint of a source: a digest of its content and the number of images per class, without decoding anything.

use crate::base::{Result, hash};
use crate::dataset::config::{BrokenFiles, DatasetConfig};
use crate::dataset::contents::Contents;
use crate::dataset::image_id::ImageId;
use crate::dataset::names::Names;
use crate::dataset::part::Part;
use crate::dataset::passed_over::PassedOver;
use crate::dataset::source::{Listing, MAX_NAMED};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Version that changes when the same source gives different images, for instance when the synthetic shapes change.
const VERSION: u32 = 2;

/// The number of images of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassSize {
    /// Name of the class; empty for images without labels.
    pub name: String,
    /// Training images, among them those that are held out for validation.
    pub train: usize,
    /// Validation images, if the source has them apart from the training images.
    pub validation: usize,
    /// Test images.
    pub test: usize,
}

impl ClassSize {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Counts an image of a part.
    pub(super) fn count(&mut self, part: Part) {
        match part {
            Part::Training => self.train += 1,
            Part::Validation => self.validation += 1,
            Part::Test => self.test += 1,
            Part::Unlabeled => {}
        }
    }
}

/// A training image, as far as it matters to the split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingImage {
    /// Its identity, which depends on its content alone.
    pub id: ImageId,
    /// Its label.
    pub label: usize,
    /// The images of a group are held out together, or not at all if its name is empty.
    pub group: Option<Arc<str>>,
}

/// The fingerprint of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fingerprint {
    /// Everything that determines the labeled images, their names, their labels and the part of each. Its `files` is one
    /// digest of all files. The same images in another directory have the same fingerprint.
    pub content: Value,
    /// For each part that exists, everything that determines the pixels of its images, and nothing else: no names, labels
    /// or other parts.
    pub pixels: BTreeMap<Part, Value>,
    /// Numbers of images of each class, in the order of the labels. Files that turn out to be broken are included.
    pub classes: Vec<ClassSize>,
    /// Number of images without labels beside the labeled ones.
    pub unlabeled: usize,
    /// Their names, in the order of their store.
    pub(crate) unlabeled_names: Arc<Names>,
    /// The files; empty for synthetic images.
    pub files: Arc<SourceFiles>,
    /// The training images, in the order of their store.
    pub training: Arc<Vec<TrainingImage>>,
    /// What the source has besides images, which determines nothing.
    pub passed_over: PassedOver,
    /// Reasons why the listing may not be what the user expects, as sentences.
    pub notes: Vec<String>,
}

impl Fingerprint {
    /// Returns what determines the pixels of a part; null if it does not exist.
    pub fn pixels(&self, part: Part) -> &Value {
        self.pixels.get(&part).unwrap_or(&Value::Null)
    }

    /// Returns whether a part exists.
    pub fn has(&self, part: Part) -> bool {
        self.pixels.contains_key(&part)
    }
}

/// A file of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Name inside the source: `train/cat/12.jpg`.
    pub name: String,
    /// Digest of its content.
    pub digest: ImageId,
}

/// The files of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceFiles {
    names: Names,
    digests: Vec<ImageId>,
}

impl SourceFiles {
    /// Returns the files one by one.
    pub fn iter(&self) -> impl Iterator<Item = SourceFile> {
        self.names.iter().zip(&self.digests).map(|(name, digest)| SourceFile { name, digest: *digest })
    }

    /// Returns the digests of the files.
    pub(crate) fn digests(&self) -> &[ImageId] {
        &self.digests
    }

    /// Returns the name of the file at a position.
    pub(crate) fn name(&self, position: usize) -> String {
        self.names.get(position)
    }
}

impl FromIterator<SourceFile> for SourceFiles {
    fn from_iter<I: IntoIterator<Item = SourceFile>>(files: I) -> Self {
        let mut all = Self::default();
        for SourceFile { name, digest } in files {
            all.names.push(&name);
            all.digests.push(digest);
        }
        all
    }
}

/// Lists a source and computes the digest of its content; nothing is decoded or rendered.
///
/// `memo` is a file that remembers digests by (inode, size, mtime, ctime), so that unchanged images are not read again.
/// It need not exist, and is ignored if damaged.
///
/// # Errors
/// The source is missing, unreadable or invalid, a class has no training or test images, or the memo cannot be written.
pub fn fingerprint(config: &DatasetConfig, memo: &Path) -> Result<Fingerprint> {
    fingerprint_of(Contents::open(config, memo)?, config)
}

/// Returns the fingerprint of a source whose images are identified.
///
/// # Errors
/// Bugs.
pub(super) fn fingerprint_of(contents: Contents, config: &DatasetConfig) -> Result<Fingerprint> {
    let Contents { listing, ids, .. } = &contents;
    let content = json!({
        "version": VERSION,
        "classes": listing.labels.classes,
        "source": config.source.source().content(config.image_size, contents.held_out),
        "files": files(&contents)?,
    });
    let kept = contents.groups_of_unlabeled();
    let group = |group: &Arc<str>| if kept.contains(group.as_ref()) { Arc::default() } else { group.clone() };
    let training = |image: usize| TrainingImage {
        id: ids[image],
        label: listing.labels.of_images[image],
        group: listing.groups.as_ref().map(|groups| group(&groups[image])),
    };
    let training = contents.order(Part::Training).into_iter().map(training).collect();
    let unlabeled: Names =
        contents.order(Part::Unlabeled).into_iter().map(|image| listing.images.names.get(image)).collect();
    let existing = Part::ALL.into_iter().filter(|part| listing.parts.contains(part));
    Ok(Fingerprint {
        content,
        pixels: existing.map(|part| Ok((part, pixels(config, &contents, part)?))).collect::<Result<_>>()?,
        classes: listing.sizes(),
        unlabeled: unlabeled.len(),
        unlabeled_names: Arc::new(unlabeled),
        training: Arc::new(training),
        passed_over: listing.images.passed_over.clone(),
        notes: listing.notes.clone(),
        files: Arc::new(contents.files()),
    })
}

/// Returns what determines the pixels of a part.
fn pixels(config: &DatasetConfig, contents: &Contents, part: Part) -> Result<Value> {
    let source = config.source.source().pixels(config.image_size, part);
    Ok(json!({ "version": VERSION, "source": source, "files": contents.digest(part)? }))
}

/// Returns the digest of everything that files say of the labeled images; null for synthetic images.
fn files(contents: &Contents) -> Result<Value> {
    let Contents { listing, ids, shared, .. } = contents;
    let labels = &listing.labels.of_images;
    let labeled: Vec<usize> = (0..listing.len()).filter(|image| listing.parts[*image] != Part::Unlabeled).collect();
    let digest = if contents.has_file_per_image {
        let row =
            |image: usize| json!([listing.images.names.get(image), labels[image], part(contents, image), ids[image]]);
        hash::digest_list(labeled.into_iter().map(row))?
    } else if shared.is_empty() {
        return Ok(Value::Null);
    } else {
        // Labels may be in other files than the images.
        let labels: Vec<usize> = labeled.iter().map(|image| labels[*image]).collect();
        let digests = shared.iter().filter(|(_, part)| *part != Part::Unlabeled).map(|(file, _)| file.digest);
        hash::digest_json(&(digests.collect::<Vec<_>>(), labels))?
    };
    Ok(digest.into())
}

/// Returns the part of an image as it is digested: whether it is a test image, unless it is of a part of its own.
fn part(contents: &Contents, image: usize) -> Value {
    match contents.listing.parts[image] {
        Part::Training => false.into(),
        Part::Test => true.into(),
        other => other.name().into(),
    }
}

/// Returns the class names, without reading any image.
///
/// # Errors
/// The source is missing, unreadable or invalid.
pub(crate) fn class_names(config: &DatasetConfig) -> Result<Vec<String>> {
    Ok(Listing::open(config)?.labels.classes)
}

/// Returns a sentence about what the source has besides images, if anything.
pub(crate) fn passed_over(config: &DatasetConfig, fingerprint: &Fingerprint) -> Option<String> {
    fingerprint.passed_over.sentence(&config.source.source().place())
}

/// Returns a sentence about the image files that cannot be read at all, if there are any; nothing is decoded.
pub(crate) fn unreadable(config: &DatasetConfig, fingerprint: &Fingerprint) -> Option<String> {
    let files = &fingerprint.files;
    let all = files.digests().iter().enumerate().filter(|(_, digest)| **digest == ImageId::Unreadable);
    let all: Vec<usize> = all.map(|(file, _)| file).collect();
    let named: Vec<String> = all.iter().take(MAX_NAMED).map(|file| format!("`{}`", files.name(*file))).collect();
    let more = if all.len() > MAX_NAMED { ", ..." } else { "" };
    let cannot = match all.len() {
        0 => return None,
        1 => "1 image file cannot be read".to_owned(),
        count => format!("{count} image files cannot be read"),
    };
    let so = match config.broken_files {
        BrokenFiles::Stop => "so a run stops",
        BrokenFiles::Skip => "and a run skips what it cannot read",
    };
    Some(format!("{cannot}, {so}: {}{more}.", named.join(", ")))
}

/// Returns notes, as sentences, on why results on this data can mislead; nothing is decoded.
pub(crate) fn notes(config: &DatasetConfig, fingerprint: &Fingerprint) -> Vec<String> {
    [config.source.source().notes(&fingerprint.classes), fingerprint.notes.clone()].concat()
}
