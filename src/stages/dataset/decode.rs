//! `dataset`: every image decoded once and kept as bytes.

use crate::base::{Error, Result};
use crate::dataset::{self, DatasetConfig, Fingerprint, ImageDataset, SourceFile};
use crate::engine::{Context, Stage, StageSummary};
use crate::stages::shared::artifacts;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Seed of synthetic images and of a test set that is split off. It does not depend on the pipeline's seed, so that
/// runs with different seeds are comparable.
pub const SEED: u64 = 0;
/// The files of the source with their digests, so that a later plan can report which of them changed.
const FILES: &str = "files.csv";

/// Decodes the images of a source.
pub(super) struct DatasetStage {
    /// Name of the table; empty for `[dataset]`.
    pub(super) name: String,
    /// Configuration of the data set.
    pub(super) config: DatasetConfig,
    /// Content of the source when the run started.
    pub(super) fingerprint: Fingerprint,
    /// File that caches the digests of image files.
    pub(super) memo: PathBuf,
}

impl Stage for DatasetStage {
    fn name(&self) -> String {
        stage_name("dataset", &self.name)
    }

    fn kind(&self) -> &'static str {
        "dataset"
    }

    fn version(&self) -> u32 {
        4
    }

    fn parameters(&self) -> Value {
        let mut parameters = json!({
            "content": self.fingerprint.content,
            "image_size": self.config.image_size,
            "stored_size": self.config.stored_size,
            "broken_files": self.config.broken_files,
        });
        if !self.config.damaged_jpegs.is_default() {
            parameters["damaged_jpegs"] = json!(self.config.damaged_jpegs);
        }
        parameters
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let progress = |done, total| context.progress(done, total, "images");
        let decoded =
            dataset::decode(&self.config, SEED, context.output(), &progress, &|| context.check_interrupted())?;
        for skipped in &decoded.skipped {
            context.warn(format!("skipped {}: {}", skipped.name, skipped.reason));
        }
        for damaged in &decoded.damaged {
            context.warn(format!("accepted {}: {}", damaged.name, damaged.reason));
        }
        self.check_unchanged()?;
        artifacts::write_rows(&context.output().join(FILES), &self.fingerprint.files)?;
        let summary = StageSummary::default().count("images", decoded.images);
        Ok(match decoded.damaged.len() {
            0 => summary,
            damaged => summary.count("of them damaged JPEGs", damaged),
        })
    }

    fn explain(&self, parameter: &str, artifact: &Path) -> Option<String> {
        if parameter != "content.files" {
            return None;
        }
        changed_files(&artifacts::read_rows(&artifact.join(FILES)).ok()?, &self.fingerprint.files)
    }
}

impl DatasetStage {
    /// Checks that the source still has the content that the artifact's key is made of.
    fn check_unchanged(&self) -> Result<()> {
        let now = dataset::fingerprint(&self.config, &self.memo)?;
        match changed_files(&self.fingerprint.files, &now.files) {
            Some(changes) => Err(Error::stage(format!("the images changed while they were read: {changes}"))
                .help("run again when they are complete")),
            None => Ok(()),
        }
    }
}

/// Returns `3 files changed, first: train/cat/12.jpg`; `None` if all are the same.
fn changed_files(old: &[SourceFile], new: &[SourceFile]) -> Option<String> {
    let by_name = |files: &[SourceFile]| -> BTreeMap<String, String> {
        files.iter().map(|file| (file.name.clone(), file.digest.clone())).collect()
    };
    let (old, new) = (by_name(old), by_name(new));
    let changed = new.iter().filter(|(name, digest)| old.get(*name).is_some_and(|old| old != *digest));
    let added = new.keys().filter(|name| !old.contains_key(*name));
    let removed = old.keys().filter(|name| !new.contains_key(*name));
    let parts =
        [counted(changed.map(|(name, _)| name), "changed"), counted(added, "added"), counted(removed, "removed")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn counted<'a>(mut names: impl Iterator<Item = &'a String>, what: &str) -> Option<String> {
    let first = names.next()?;
    match names.count() {
        0 => Some(format!("1 file {what}: {first}")),
        more => Some(format!("{} files {what}, first: {first}", more + 1)),
    }
}

/// Opens the images of a stage's `dataset` input.
///
/// # Errors
/// The artifact is damaged.
pub fn images(context: &Context<'_>) -> Result<Arc<ImageDataset>> {
    open(context.input("dataset")?)
}

/// Opens the images of a data set artifact.
///
/// # Errors
/// The artifact is damaged.
pub fn open(directory: &Path) -> Result<Arc<ImageDataset>> {
    ImageDataset::open(directory).map(Arc::new)
}

/// Returns `dataset` or `dataset.NAME`.
pub(super) fn stage_name(kind: &str, name: &str) -> String {
    if name.is_empty() { kind.to_owned() } else { format!("{kind}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_files_are_counted_and_the_first_is_named() {
        let files = |pairs: &[(&str, &str)]| -> Vec<SourceFile> {
            pairs.iter().map(|(name, digest)| SourceFile { name: (*name).into(), digest: (*digest).into() }).collect()
        };
        let old = files(&[("train/a", "1"), ("train/b", "2"), ("test/c", "3")]);
        assert_eq!(changed_files(&old, &old), None);
        let new = files(&[("train/a", "9"), ("train/b", "9"), ("train/d", "4")]);
        let text = "2 files changed, first: train/a; 1 file added: train/d; 1 file removed: test/c";
        assert_eq!(changed_files(&old, &new).unwrap(), text);
    }
}
