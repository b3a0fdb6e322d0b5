//! `split`: which of the training images are for validation.

use crate::base::Result;
use crate::dataset::shared::SharedImage;
use crate::dataset::{ImageDataset, Split};
use crate::engine::{Context, Stage, StageSummary};
use crate::stages::dataset;
use crate::stages::dataset::stage_name;
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

    /// 2: by the content of the training images alone, without labels and test images.
    fn version(&self) -> u32 {
        2
    }

    fn parameters(&self) -> Value {
        json!({ "validation_fraction": self.validation_fraction, "seed": self.seed })
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let set = dataset::training_images(context)?;
        let split = Split::sample(set.training_ids(), 0, self.validation_fraction, self.seed);
        artifacts::write_json(&context.output().join(artifacts::SPLIT), &split)?;
        Ok(StageSummary::default().count("train", split.train.len()).count("validation", split.validation.len()))
    }
}

/// Reads the split of a stage's `split` input.
///
/// # Errors
/// The artifact is damaged, or is not a split of these images.
pub(crate) fn read(context: &Context<'_>, set: &ImageDataset) -> Result<Split> {
    open(context.input("split")?, set)
}

/// Reads the split of a split artifact.
///
/// # Errors
/// As for [`read`].
pub(crate) fn open(directory: &Path, set: &ImageDataset) -> Result<Split> {
    let path = directory.join(artifacts::SPLIT);
    let mut split: Split = artifacts::read_json(&path)?;
    split.test = (0..set.len()).filter(|image| set.is_test(*image)).collect();
    split.check(set.test_flags()).map_err(|what| artifacts::impossible(&path, &what))?;
    Ok(split)
}

/// Returns the test images of a data set artifact that are also training or validation images.
///
/// # Errors
/// The artifact is damaged.
pub(crate) fn shared(directory: &Path) -> Result<Vec<SharedImage>> {
    artifacts::read_rows(&directory.join(artifacts::SHARED))
}

/// Samples the labeled training images for a fraction.
///
/// # Errors
/// A class has no labeled image.
pub(crate) fn labeled(
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
