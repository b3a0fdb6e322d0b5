//! `similarity`: cosine similarities of positive and negative pairs, and nearest neighbors, at every depth. Measured on
//! test images, or on training images if there are no test images.

use crate::analysis::FeatureMatrix;
use crate::analysis::similarity::{nearest, pair_similarities, row_cosine};
use crate::augment::Policy;
use crate::base::{Error, Result};
use crate::dataset::{ImageDataset, batches};
use crate::engine::{Context, Cost, Stage, StageHardware, StageSummary};
use crate::imaging::Fit;
use crate::model::Network;
use crate::render::data::{Neighbors, PairCosines, Report, SimilarityRow};
use crate::stages::dataset;
use crate::stages::pretrain::views::{self, BATCH, two_views};
use crate::stages::pretrain::{Pretrained, depths, pairs, trained, view};
use crate::stages::shared::artifacts;
use crate::stages::shared::depths::label;
use crate::stages::shared::device::{self, DeviceStage};
use crate::stages::shared::sample::{MAX_MEASURED, evenly_spaced};
use crate::stages::shared::statistics::FeatureStatistics;
use crate::study::{DataFacts, DeviceChoice, ReportPart, Shown};
use crate::train::Compute;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// Number of images whose neighbors are found, and number of neighbors of each.
const QUERIES: usize = 8;
const NEIGHBORS: usize = 6;

/// Measures the similarities of a pretraining run's representations.
pub(super) struct SimilarityStage {
    /// The pretraining run.
    pub(super) pretrained: Arc<Pretrained>,
    /// How images are fitted to a square.
    pub(super) fit: Fit,
    /// The pipeline's seed.
    pub(super) seed: u64,
    /// Device on which it runs.
    pub(super) device: DeviceChoice,
}

/// The similarities at one depth.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct DepthSimilarity {
    depth: usize,
    /// Values of a feature vector.
    width: usize,
    /// Number of pairs in equal bins of cosine similarity from −1 to 1.
    positives: Vec<usize>,
    negatives: Vec<usize>,
    neighbors: Vec<Neighbors>,
    /// Of the images of the stage `pairs`, in their order.
    examples: Vec<PairCosines>,
}

impl Stage for SimilarityStage {
    fn name(&self) -> String {
        format!("similarity.{}", self.pretrained.name)
    }

    fn kind(&self) -> &'static str {
        "similarity"
    }

    /// 2: with the pairs that are shown as images.
    fn version(&self) -> u32 {
        2
    }

    fn obstacle(&self) -> Option<Error> {
        device::obstacle(self.device, None)
    }

    fn hardware(&self) -> StageHardware {
        device::hardware(self.device)
    }

    fn parameters(&self) -> Value {
        json!({ "images": MAX_MEASURED, "queries": QUERIES, "neighbors": NEIGHBORS, "seed": self.seed })
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        device::compute(self, context)
    }
}

impl DeviceStage for SimilarityStage {
    fn device(&self) -> DeviceChoice {
        self.device
    }

    fn compute<D: Compute>(&self, device: &D, context: &Context<'_>) -> Result<StageSummary> {
        let side = self.pretrained.side;
        let network = trained(&self.pretrained.config, side, context.input("pretrain")?, device)?;
        let widths = network.widths();
        let set = dataset::unlabeled_images(context)?;
        let images = evenly_spaced(set.len(), MAX_MEASURED);
        let augmented = Policy::new(&self.pretrained.policy, side, self.fit);
        let views = two_views(&network, set.clone(), images.clone(), (augmented, self.seed), context)?;
        let plain = Arc::new(Policy::evaluation(Some(&self.pretrained.policy), side, self.fit));
        let examples = self.examples(&network, &set, context)?;
        let mut features = vec![Vec::new(); widths.len()];
        for batch in batches::plain_batches(set, images.clone(), plain, BATCH) {
            let batch = batch?;
            context.check_interrupted()?;
            let outputs = depths(&network, &batch.images, batch.rows, FeatureStatistics::Running)?;
            features.iter_mut().zip(outputs).for_each(|(all, new)| all.extend(new));
        }
        let queries = evenly_spaced(images.len(), QUERIES);
        let of_depth = |(depth, &width): (usize, &usize)| {
            let pairs = pair_similarities(view(&views[depth][0], width), view(&views[depth][1], width));
            let found = nearest(view(&features[depth], width), &queries, NEIGHBORS);
            let neighbors = queries.iter().zip(found).map(|(&query, found)| Neighbors {
                image: images[query],
                nearest: found.into_iter().map(|(row, cosine)| (images[row], cosine)).collect(),
            });
            let (positives, negatives) = (pairs.positives, pairs.negatives);
            let examples = cosines_of_pairs(view(&examples[depth], width));
            DepthSimilarity { depth, width, positives, negatives, neighbors: neighbors.collect(), examples }
        };
        let rows: Vec<DepthSimilarity> = widths.iter().enumerate().map(of_depth).collect();
        artifacts::write_json(&context.output().join(artifacts::SIMILARITY), &rows)?;
        Ok(StageSummary::default())
    }
}

impl SimilarityStage {
    /// Returns the representations of the views of the stage `pairs` at each depth: the first views of all images, then
    /// the second ones.
    fn examples<D: Compute>(
        &self,
        network: &Network<D>,
        set: &ImageDataset,
        context: &Context<'_>,
    ) -> Result<Vec<Vec<f32>>> {
        let (side, shown) = (self.pretrained.side, pairs::shown(set.len()));
        let augmented = Policy::new(&self.pretrained.policy, side, self.fit);
        let mut values = vec![0.0; pairs::VIEWS * shown.len() * side * side * 3];
        let views = (0..pairs::VIEWS).flat_map(|view| shown.iter().map(move |image| (*image, view)));
        for ((image, view), values) in views.zip(values.chunks_exact_mut(side * side * 3)) {
            context.check_interrupted()?;
            let mut rng = pairs::stream(self.seed, image, view);
            augmented.apply(set.image(image)?.view(), &mut rng, &mut Default::default(), values);
        }
        Ok(depths(network, &values, pairs::VIEWS * shown.len(), FeatureStatistics::Running)?.collect())
    }
}

/// Returns the similarities of pairs of views; `features` has the first views of all images, then the second ones.
fn cosines_of_pairs(features: FeatureMatrix<'_>) -> Vec<PairCosines> {
    let images = features.rows / pairs::VIEWS;
    let of_image = |at: usize| PairCosines {
        positive: row_cosine(features, at, images + at),
        negative: row_cosine(features, at, (at + 1) % images),
    };
    (0..images).map(of_image).collect()
}

/// Returns the cost of a forward pass of three views of the measured images; work in MACs.
pub(super) fn cost(pretrained: &Pretrained, facts: &DataFacts) -> Option<Cost> {
    views::cost(pretrained, facts, 3)
}

/// The similarities in the report.
#[derive(Debug)]
pub(super) struct SimilarityPart {
    name: String,
    dataset: String,
    is_untrained: bool,
}

impl SimilarityPart {
    pub(super) fn new(pretrained: &Pretrained, dataset: String) -> Self {
        Self { name: pretrained.name.clone(), dataset, is_untrained: pretrained.config.is_untrained() }
    }
}

impl ReportPart for SimilarityPart {
    fn describe(&self) -> Value {
        json!({ "similarity": self.name, "dataset": self.dataset, "is_untrained": self.is_untrained })
    }

    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()> {
        let pairs = pairs::key(shown.artifact("pairs")?);
        let path = shown.artifact("similarity")?.join(artifacts::SIMILARITY);
        let rows: Vec<DepthSimilarity> = artifacts::read_json(&path)?;
        report.similarities.extend(rows.into_iter().map(|row| SimilarityRow {
            run: self.name.clone(),
            is_untrained: self.is_untrained,
            dataset: self.dataset.clone(),
            variant: shown.variant.label.clone(),
            depth_label: label(row.depth, row.width),
            positives: row.positives,
            negatives: row.negatives,
            neighbors: row.neighbors,
            examples: row.examples,
            pairs: pairs.clone(),
        }));
        Ok(())
    }
}
