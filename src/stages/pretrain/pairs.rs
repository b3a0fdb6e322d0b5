//! `pairs`: images beside augmented views of each, for one augmentation policy.

use crate::augment::{Policy, PolicyConfig};
use crate::base::{Result, files, rng};
use crate::dataset::{DatasetConfig, ImageDataset};
use crate::engine::{Context, Stage, StageSummary};
use crate::render::data::{PairsImage, Report};
use crate::render::pairs_png;
use crate::stages::dataset::{self, split};
use crate::stages::shared::artifacts;
use crate::stages::shared::view_bytes::view_bytes;
use crate::study::{ReportPart, Shown};
use serde_json::{Value, json};

/// Rows of the image in the report.
const ROWS: usize = 8;
/// Views beside each image.
const VIEWS: u64 = 4;

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

    /// 2: the first training images, whatever their classes are.
    fn version(&self) -> u32 {
        2
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
        let mut train = split::read(context, &set)?.train;
        train.truncate(ROWS);
        let png = draw(&set, &train, &self.policy, &self.dataset, self.seed)?;
        files::write_atomic(&context.output().join(artifacts::PAIRS), &png)?;
        Ok(StageSummary::default())
    }
}

/// Renders a PNG with a row per image: the image as in evaluation, then its views.
///
/// # Errors
/// An image cannot be read.
pub(crate) fn draw(
    set: &ImageDataset,
    images: &[usize],
    policy: &PolicyConfig,
    dataset: &DatasetConfig,
    seed: u64,
) -> Result<Vec<u8>> {
    let side = dataset.image_size;
    let plain = Policy::evaluation(None, side, dataset.fit);
    let augmented = Policy::new(policy, side, dataset.fit);
    let rows: Vec<(Vec<u8>, Vec<Vec<u8>>)> = images
        .iter()
        .map(|image| {
            let stored = set.image(*image)?;
            let view = |policy: &Policy, view| {
                let mut rng = rng::stream(seed, "augment", &[0, *image as u64, view]);
                view_bytes(policy, stored.view(), &mut rng, side)
            };
            Ok((view(&plain, 0), (0..VIEWS).map(|number| view(&augmented, number)).collect()))
        })
        .collect::<Result<_>>()?;
    Ok(pairs_png(&rows, side))
}

/// The positive pairs in the report.
#[derive(Debug)]
pub(super) struct PairsPart {
    /// Name of the augmentation policy.
    pub(super) policy: String,
}

impl ReportPart for PairsPart {
    fn describe(&self) -> Value {
        json!({ "pairs": self.policy })
    }

    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()> {
        let png = files::read(&shown.artifact("pairs")?.join(artifacts::PAIRS))?;
        report.pairs.push(PairsImage { policy: self.policy.clone(), png: png.into() });
        Ok(())
    }
}
