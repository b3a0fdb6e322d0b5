//! `split`: which of the training images are for validation.

use crate::base::{Error, Result};
use crate::dataset::{ImageDataset, ImageId, Part, Split, TrainingImage};
use crate::engine::{Context, Stage, StageSummary};
use crate::stages::dataset;
use crate::stages::dataset::stage_name;
use crate::stages::shared::artifacts;
use crate::stages::shared::labels::{LabelAmount, LabelSampling};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Samples the split.
pub(super) struct SplitStage {
    /// Name of the data set's table; empty for `[dataset]`.
    pub(super) name: String,
    /// Fraction of the training set that is held out for validation.
    pub(super) validation_fraction: f64,
    /// The training images when the run began.
    pub(super) training: Arc<Vec<TrainingImage>>,
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
        let mut parameters = json!({ "validation_fraction": self.validation_fraction, "seed": self.seed });
        // Only if there are groups, so that older artifacts keep their keys.
        if self.has_groups() {
            let groups: Vec<_> = self.training.iter().map(|image| (image.id, image.group.as_deref())).collect();
            parameters["groups"] = json!(groups);
        }
        parameters
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let set = dataset::unlabeled_images(context)?;
        let (ids, fraction) = (set.training_ids(), self.validation_fraction);
        let split = match self.has_groups() {
            true => Split::sample_groups(&self.groups(ids)?, 0, fraction, self.seed),
            false => Split::sample(ids, 0, fraction, self.seed),
        };
        artifacts::write_json(&context.output().join(artifacts::SPLIT), &split)?;
        Ok(StageSummary::default().count("train", split.train.len()).count("validation", split.validation.len()))
    }
}

impl SplitStage {
    fn has_groups(&self) -> bool {
        self.validation_fraction > 0.0 && self.training.iter().any(|image| image.group.is_some())
    }

    /// Returns the groups of decoded images, which are the training images without those that are broken.
    fn groups(&self, ids: &[ImageId]) -> Result<Vec<&str>> {
        let mut training = self.training.iter();
        let group = |id: &ImageId| training.find(|image| image.id == *id)?.group.as_deref();
        let groups: Option<Vec<&str>> = ids.iter().map(group).collect();
        groups.ok_or_else(|| {
            Error::stage("the images changed while they were read").help("run again when they are complete")
        })
    }
}

/// Reads the split of a stage's `split` input.
///
/// # Errors
/// The artifact is damaged, or is not a split of these images.
pub(crate) fn read(context: &Context<'_>, set: &ImageDataset) -> Result<Split> {
    open(context.input("split")?, set)
}

/// Reads the split of a split artifact. Parts of their own are added: validation images, and images without labels to the
/// training images.
///
/// # Errors
/// As for [`read`].
pub(crate) fn open(directory: &Path, set: &ImageDataset) -> Result<Split> {
    let path = directory.join(artifacts::SPLIT);
    let mut split: Split = artifacts::read_json(&path)?;
    split.validation.extend(set.part(Part::Validation));
    split.train.extend(set.part(Part::Unlabeled));
    split.test = set.part(Part::Test).collect();
    split.check(set.test_flags()).map_err(|what| artifacts::impossible(&path, &what))?;
    Ok(split)
}

/// Samples labeled training images.
///
/// # Errors
/// A class has no labeled image, or fewer than there should be.
pub(crate) fn labeled(
    split: &Split,
    set: &ImageDataset,
    labels: LabelAmount,
    sampling: LabelSampling,
    seed: u64,
) -> Result<Vec<usize>> {
    match (labels, sampling) {
        (LabelAmount::PerClass(count), _) => split.labeled_per_class(set.labels(), count, seed),
        (LabelAmount::Fraction(fraction), LabelSampling::Stratified) => split.labeled(set.labels(), fraction, seed),
        (LabelAmount::Fraction(fraction), LabelSampling::WithReplacement) => {
            Ok(split.labeled_with_replacement(fraction, seed))
        }
    }
}
