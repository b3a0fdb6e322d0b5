//! `pairs`: images beside augmented views of each, for one augmentation policy.

use crate::augment::{Policy, PolicyConfig};
use crate::base::{Result, files, rng};
use crate::dataset::{DatasetConfig, ImageDataset};
use crate::engine::{Context, Stage, StageSummary};
use crate::render::data::{PairsImage, Report};
use crate::render::pairs_png;
use crate::stages::dataset;
use crate::stages::shared::artifacts;
use crate::stages::shared::sample::{MAX_MEASURED, evenly_spaced};
use crate::stages::shared::view_bytes::view_bytes;
use crate::study::{ReportPart, Shown};
use serde_json::{Value, json};
use std::path::Path;

/// Rows of the image in the report.
const ROWS: usize = 8;
/// Views beside each image in the report.
pub(super) const VIEWS: usize = 2;

/// Renders positive pairs.
pub(super) struct PairsStage {
    /// Name of the policy, or of the pretraining run that uses it.
    pub(super) name: String,
    /// The policy.
    pub(super) policy: PolicyConfig,
    /// Configuration of the data set.
    pub(super) dataset: DatasetConfig,
    /// The pipeline's seed.
    pub(super) seed: u64,
}

impl Stage for PairsStage {
    fn name(&self) -> String {
        format!("pairs.{}", self.name)
    }

    fn kind(&self) -> &'static str {
        "pairs"
    }

    /// 3: images that representations are measured on, with two views.
    fn version(&self) -> u32 {
        3
    }

    fn parameters(&self) -> Value {
        json!({
            "augment": self.policy,
            "image_size": self.dataset.image_size,
            "fit": self.dataset.fit,
            "rows": ROWS,
            "views": VIEWS,
            "seed": self.seed,
        })
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        let set = dataset::unlabeled_images(context)?;
        let png = draw(&set, &shown(set.len()), &self.policy, &self.dataset, (self.seed, VIEWS))?;
        files::write_atomic(&context.output().join(artifacts::PAIRS), &png)?;
        Ok(StageSummary::default())
    }
}

/// Returns the positions of the images in the report, among those that are measured.
pub(super) fn shown(images: usize) -> Vec<usize> {
    let measured = evenly_spaced(images, MAX_MEASURED);
    evenly_spaced(measured.len(), ROWS).into_iter().map(|at| measured[at]).collect()
}

/// Returns the random stream of a view of an image.
pub(super) fn stream(seed: u64, image: usize, view: usize) -> rng::Rng {
    rng::stream(seed, "augment", &[0, image as u64, view as u64])
}

/// Renders a PNG with a row per image: the image as in evaluation, then so many views of it.
///
/// # Errors
/// An image cannot be read.
pub(crate) fn draw(
    set: &ImageDataset,
    images: &[usize],
    policy: &PolicyConfig,
    dataset: &DatasetConfig,
    (seed, views): (u64, usize),
) -> Result<Vec<u8>> {
    let side = dataset.image_size;
    let plain = Policy::evaluation(None, side, dataset.fit);
    let augmented = Policy::new(policy, side, dataset.fit);
    let rows: Vec<(Vec<u8>, Vec<Vec<u8>>)> = images
        .iter()
        .map(|image| {
            let stored = set.image(*image)?;
            let view = |policy: &Policy, view| view_bytes(policy, stored.view(), &mut stream(seed, *image, view), side);
            Ok((view(&plain, 0), (0..views).map(|number| view(&augmented, number)).collect()))
        })
        .collect::<Result<_>>()?;
    Ok(pairs_png(&rows, side))
}

/// Returns the key of the artifact in a directory.
pub(super) fn key(artifact: &Path) -> String {
    artifact.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The positive pairs in the report.
#[derive(Debug)]
pub(super) struct PairsPart {
    /// Name of the augmentation policy.
    pub(super) policy: String,
    /// Width and height of the images.
    pub(super) side: usize,
}

impl ReportPart for PairsPart {
    fn describe(&self) -> Value {
        json!({ "pairs": self.policy, "side": self.side })
    }

    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()> {
        let artifact = shown.artifact("pairs")?;
        let png = files::read(&artifact.join(artifacts::PAIRS))?.into();
        let (policy, side) = (self.policy.clone(), self.side);
        report.pairs.push(PairsImage { policy, key: key(artifact), views: VIEWS, side, png });
        Ok(())
    }
}
