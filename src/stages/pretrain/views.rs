//! Representations of two augmented views of images.

use crate::augment::Policy;
use crate::base::Result;
use crate::dataset::{ImageDataset, LoaderConfig, batches};
use crate::engine::{Context, Cost};
use crate::model::Network;
use crate::stages::pretrain::{Pretrained, depths};
use crate::stages::shared::cost;
use crate::stages::shared::sample::MAX_MEASURED;
use crate::stages::shared::statistics::FeatureStatistics;
use crate::study::DataFacts;
use crate::train::Compute;
use std::sync::Arc;

/// Images per batch.
pub(super) const BATCH: usize = 32;

/// Returns the representations of the first and of the second views at each depth, `[images, width]` each; the last
/// incomplete batch is dropped.
///
/// # Errors
/// An image cannot be read, or the run was interrupted.
pub(super) fn two_views<D: Compute>(
    network: &Network<D>,
    set: Arc<ImageDataset>,
    images: Vec<usize>,
    (policy, seed): (Policy, u64),
    context: &Context<'_>,
) -> Result<Vec<[Vec<f32>; 2]>> {
    let batch_size = BATCH.min(images.len()).max(1);
    let loader = LoaderConfig { batch_size, epochs: 1, skip: 0, seed };
    let mut views = vec![[Vec::new(), Vec::new()]; network.widths().len()];
    for batch in batches::contrastive_batches(set, images, Arc::new(policy), loader) {
        let batch = batch?;
        context.check_interrupted()?;
        let outputs = depths(network, &batch.images, batch.rows, FeatureStatistics::Running)?;
        for (views, values) in views.iter_mut().zip(outputs) {
            let (first, second) = values.split_at(values.len() / 2);
            views[0].extend_from_slice(first);
            views[1].extend_from_slice(second);
        }
    }
    Ok(views)
}

/// Returns the cost of a forward pass of so many views of each measured image; work in MACs.
pub(super) fn cost(pretrained: &Pretrained, facts: &DataFacts, views: usize) -> Option<Cost> {
    let images = if facts.test() > 0 { facts.test() } else { facts.train() + facts.validation() };
    cost::inference(&pretrained.config, pretrained.side, views * images.min(MAX_MEASURED), 2 * BATCH)
}
