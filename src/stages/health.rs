//! `health`: is the representation collapsing? Measured on two augmented views of test images, at every depth.

use crate::analysis::{Health, health};
use crate::augment::Policy;
use crate::base::{Error, Result};
use crate::config::pipeline::{DeviceChoice, FeatureStatistics, Pretrain};
use crate::dataset::{DatasetConfig, LoaderConfig, batches};
use crate::engine::{Context, Stage};
use crate::stages::device::{self, DeviceStage};
use crate::stages::features::{depths, view};
use crate::stages::{dataset, formats, pretrain, split};
use crate::train::Compute;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// Images looked at: enough for two digits of every figure, and quick.
pub(super) const IMAGES: usize = 512;
/// Images in a batch.
const BATCH: usize = 32;

/// Measures a pretraining's representation.
pub struct HealthStage {
    /// The pretraining.
    pub pretrain: Pretrain,
    /// What the file says of the data set.
    pub dataset: DatasetConfig,
    /// The pipeline's seed, for the views.
    pub seed: u64,
    /// Where it runs.
    pub device: DeviceChoice,
}

/// The representation at one depth.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DepthHealth {
    /// Depth.
    pub depth: usize,
    /// Values of a feature vector.
    pub width: usize,
    /// The figures.
    pub health: Health,
}

impl Stage for HealthStage {
    fn name(&self) -> String {
        format!("health.{}", self.pretrain.name)
    }

    fn kind(&self) -> &'static str {
        "health"
    }

    fn version(&self) -> u32 {
        4
    }

    fn obstacle(&self) -> Option<Error> {
        device::obstacle(self.device, None)
    }

    fn parameters(&self) -> Value {
        json!({ "images": IMAGES, "seed": self.seed })
    }

    fn run(&self, context: &Context<'_>) -> Result<String> {
        device::compute(self, context)
    }
}

impl DeviceStage for HealthStage {
    fn device(&self) -> DeviceChoice {
        self.device
    }

    fn compute<D: Compute>(&self, device: &D, context: &Context<'_>) -> Result<String> {
        let side = self.dataset.image_size;
        let network = pretrain::trained(&self.pretrain, side, context.input("pretrain")?, device)?;
        let widths = network.widths();
        let policy = Arc::new(Policy::new(&self.pretrain.policy, side, self.dataset.fit));
        let set = dataset::images(context)?;
        let mut images = split::read(context, &set)?.test;
        spread(&mut images, IMAGES);
        let batch_size = BATCH.min(images.len()).max(1);
        let mut views = vec![[Vec::new(), Vec::new()]; widths.len()];
        let course = LoaderConfig { batch_size, epochs: 1, skip: 0, seed: self.seed };
        for batch in batches::contrastive_batches(set, images, policy, course) {
            let batch = batch?;
            context.check_interrupted()?;
            let outputs = depths(&network, &batch.images, batch.rows, FeatureStatistics::Running)?;
            for (views, values) in views.iter_mut().zip(outputs) {
                let (first, second) = values.split_at(values.len() / 2);
                views[0].extend_from_slice(first);
                views[1].extend_from_slice(second);
            }
        }
        let rows: Vec<DepthHealth> = views
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(depth, ([first, second], width))| DepthHealth {
                depth,
                width: *width,
                health: health(view(first, *width), view(second, *width)),
            })
            .collect();
        formats::write_json(&context.output().join(formats::HEALTH), &rows)?;
        Ok(String::new())
    }
}

/// Keeps at most `most` items, evenly over the list, so that sorted classes all stay.
fn spread(items: &mut Vec<usize>, most: usize) {
    let length = items.len();
    if length > most {
        *items = (0..most).map(|i| items[i * length / most]).collect();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn spreading_keeps_both_ends_in_reach() {
        let mut items: Vec<usize> = (0..1000).collect();
        super::spread(&mut items, 10);
        assert_eq!(items, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        super::spread(&mut items, 20);
        assert_eq!(items.len(), 10);
    }
}
