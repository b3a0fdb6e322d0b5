//! `images`: every image of a part decoded once and kept as bytes, without its name or label.

use crate::base::{Error, Result};
use crate::dataset::{self, DatasetConfig, Fingerprint, Part};
use crate::engine::{Context, Stage, StageSummary};
use crate::stages::dataset::changes::changed_files;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Seed of synthetic images: they do not change with the pipeline's seed, so that seeds compare.
pub(crate) const SEED: u64 = 0;

/// Decodes the images of a part.
///
/// Nothing that its artifact depends on says how images are named or labeled, or what the other part holds: stages
/// without labels do not run again when that changes.
pub(super) struct ImagesStage {
    /// Name of the table; empty for `[dataset]`.
    pub(super) name: String,
    /// The training or the test images.
    pub(super) part: Part,
    /// What the file says of the data set.
    pub(super) config: DatasetConfig,
    /// What the source held when the run began.
    pub(super) fingerprint: Fingerprint,
    /// File that remembers digests of image files.
    pub(super) memo: PathBuf,
}

impl Stage for ImagesStage {
    fn name(&self) -> String {
        format!("{}[{}]", super::stage_name("images", &self.name), self.part.name())
    }

    fn kind(&self) -> &'static str {
        "images"
    }

    fn version(&self) -> u32 {
        1
    }

    fn parameters(&self) -> Value {
        let mut parameters = json!({
            "content": self.fingerprint.pixels(self.part),
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
        let keep_going = || context.check_interrupted();
        let (seed, output) = ((SEED, self.memo.as_path()), context.output());
        let decoded = dataset::decode_images(&self.config, self.part, seed, output, &progress, &keep_going)?;
        for skipped in &decoded.skipped {
            context.warn(format!("skipped {}: {}", skipped.name, skipped.reason));
        }
        for damaged in &decoded.damaged {
            context.warn(format!("accepted {}: {}", damaged.name, damaged.reason));
        }
        self.check_unchanged()?;
        let summary = StageSummary::default().count("images", decoded.images);
        Ok(match decoded.damaged.len() {
            0 => summary,
            damaged => summary.count("of them damaged JPEGs", damaged),
        })
    }
}

impl ImagesStage {
    /// The artifact's key says what the source held when the run began; it must not hold other images.
    fn check_unchanged(&self) -> Result<()> {
        let now = dataset::fingerprint(&self.config, &self.memo)?;
        if now.pixels(self.part) == self.fingerprint.pixels(self.part) {
            return Ok(());
        }
        let changes = changed_files(&self.fingerprint.files, &now.files).unwrap_or_default();
        Err(Error::stage(format!("the images changed while they were read: {changes}"))
            .help("run again when they are complete"))
    }
}
