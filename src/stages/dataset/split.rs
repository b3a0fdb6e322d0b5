//! `split`: which images are for training, validation and testing.

use crate::base::Result;
use crate::dataset::shared::{self, SharedImage, shared_images};
use crate::dataset::{ImageDataset, Split};
use crate::engine::{Context, Stage, StageSummary};
use crate::stages::dataset;
use crate::stages::dataset::decode::stage_name;
use crate::stages::shared::artifacts;
use crate::stages::shared::labels::LabelSampling;
use serde_json::{Value, json};
use std::path::Path;

/// Samples the split.
pub(super) struct SplitStage {
    /// Name of the data set's table; empty for `[dataset]`.
    pub(super) name: String,
    /// Fraction of the training set that is held out for validation.
    pub(super) validation_fraction: f64,
    /// The pipeline's seed.
    pub(super) seed: u64,
}

impl Stage for SplitStage {
    fn name(&self) -> String {
        stage_name("split", &self.name)
    }

    fn kind(&self) -> &'static str {
        "split"
    }

    fn version(&self) -> u32 {
        1
    }

    fn parameters(&self) -> Value {
        json!({ "validation_fraction": self.validation_fraction, "seed": self.seed })
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let set = dataset::images(context)?;
        let split = Split::sample(set.labels(), set.test_flags(), self.validation_fraction, self.seed);
        artifacts::write_json(&context.output().join(artifacts::SPLIT), &split)?;
        let shared = shared_images(&set, &split)?;
        shared::describe(&shared, split.test.len()).into_iter().for_each(|warning| context.warn(warning));
        artifacts::write_rows(&context.output().join(artifacts::SHARED), &shared)?;
        let summary = StageSummary::default().count("train", split.train.len());
        Ok(summary.count("validation", split.validation.len()).count("test", split.test.len()))
    }
}

/// Reads the split of a stage's `split` input.
///
/// # Errors
/// The artifact is damaged, or is not a split of these images.
pub fn read(context: &Context<'_>, set: &ImageDataset) -> Result<Split> {
    open(context.input("split")?, set)
}

/// Reads the split of a split artifact.
///
/// # Errors
/// As for [`read`].
pub fn open(directory: &Path, set: &ImageDataset) -> Result<Split> {
    let path = directory.join(artifacts::SPLIT);
    let split: Split = artifacts::read_json(&path)?;
    split.check(set.test_flags()).map_err(|what| artifacts::impossible(&path, &what))?;
    Ok(split)
}

/// Returns the test images of a split that are also training or validation images.
///
/// # Errors
/// The artifact is damaged.
pub fn shared(directory: &Path, set: &ImageDataset, split: &Split) -> Result<Vec<SharedImage>> {
    let path = directory.join(artifacts::SHARED);
    // Artifacts of earlier versions do not have the file.
    if path.exists() { artifacts::read_rows(&path) } else { shared_images(set, split) }
}

/// Samples the labeled training images for a fraction.
///
/// # Errors
/// A class has no labeled image.
pub fn labeled(
    split: &Split,
    set: &ImageDataset,
    fraction: f64,
    sampling: LabelSampling,
    seed: u64,
) -> Result<Vec<usize>> {
    match sampling {
        LabelSampling::Stratified => split.labeled(set.labels(), fraction, seed),
        LabelSampling::WithReplacement => Ok(split.labeled_with_replacement(fraction, seed)),
    }
}
