//! What computing a stage takes, told from the configuration and the number of pictures alone: work for the estimate of
//! time, memory for the estimate of what fits.

use crate::analysis::config::EmbedMethod;
use crate::config::pipeline::{Embed, LinearEval, Pipeline, Pretrain, Subset, Supervised};
use crate::config::{ClassCount, labeled_count};
use crate::engine::Cost;
use crate::model::{Summary, summarize};
use crate::nn::Precision;
use crate::optim::OptimizerConfig;
use crate::stages::features;

/// Memory of the program itself with its threads, measured.
const PROGRAM: u64 = 24 << 20;
/// Bytes of a number.
const BYTES: u64 = 4;
/// A training step is a forward pass and, twice as much work, a backward pass.
const STEP_PER_FORWARD: f64 = 3.0;
/// Batches that are there at once: one in use and two made ahead.
const BATCHES: u64 = 3;

/// Pictures of each part of the split.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pictures {
    train: usize,
    validation: usize,
    test: usize,
}

impl Pictures {
    pub(super) fn of(classes: &[ClassCount]) -> Self {
        let sum = |count: fn(&ClassCount) -> usize| classes.iter().map(count).sum();
        Self { train: sum(|c| c.train), validation: sum(|c| c.validation), test: sum(|c| c.test) }
    }

    fn all(self) -> usize {
        self.train + self.validation + self.test
    }
}

/// Decoding: the unit of work is a picture.
pub(super) fn dataset(pictures: Pictures) -> Cost {
    Cost { work: pictures.all() as f64, memory: PROGRAM }
}

/// Training of a network: multiply-adds.
pub(super) fn pretrain(config: &Pretrain, pipeline: &Pipeline, pictures: Pictures) -> Option<Cost> {
    let side = pipeline.dataset.image_size;
    let summary = summarize(&config.encoder, &config.projection.layers, side).ok()?;
    let views = 2 * config.batch_size;
    let steps = config.epochs * (pictures.train / config.batch_size.max(1));
    let work = STEP_PER_FORWARD * (steps * views) as f64 * summary.multiply_adds as f64;
    Some(Cost { work, memory: training(&summary, (views, side), &config.optimizer, config.precision) })
}

/// Training of a network on labelled pictures for as long as it may take: multiply-adds.
pub(super) fn supervised(
    config: &Supervised,
    fraction: f64,
    classes: usize,
    pipeline: &Pipeline,
    pictures: Pictures,
) -> Option<Cost> {
    let side = pipeline.dataset.image_size;
    let head: Vec<usize> = config.hidden.iter().copied().chain([classes]).collect();
    let summary = summarize(&config.encoder, &head, side).ok()?;
    let (training_config, labeled) = (&config.training, labeled_count(fraction, pictures.train));
    let an_epoch = STEP_PER_FORWARD * labeled as f64 + pictures.validation as f64;
    let work = (training_config.epochs as f64 * an_epoch + pictures.test as f64) * summary.multiply_adds as f64;
    let rows = training_config.batch_size.min(labeled);
    Some(Cost { work, memory: training(&summary, (rows, side), &training_config.optimizer, config.precision) })
}

fn training(summary: &Summary, (rows, side): (usize, usize), optimizer: &OptimizerConfig, precision: Precision) -> u64 {
    PROGRAM
        + summary.training_bytes(rows, optimizer.state_vectors(), precision)
        + BATCHES * rows as u64 * picture_bytes(side)
}

fn picture_bytes(side: usize) -> u64 {
    BYTES * 3 * (side * side) as u64
}

/// A pass of all pictures through an encoder: multiply-adds.
pub(super) fn features(config: &Pretrain, pipeline: &Pipeline, pictures: Pictures) -> Option<Cost> {
    let widths: usize = config.projection.layers.iter().sum();
    inference(config, pipeline, pictures.all(), widths)
}

/// A pass of two views of some test pictures through an encoder: multiply-adds.
pub(super) fn health(config: &Pretrain, pipeline: &Pipeline, most: usize, pictures: Pictures) -> Option<Cost> {
    let widths: usize = config.projection.layers.iter().sum();
    inference(config, pipeline, 2 * pictures.test.min(most), widths)
}

fn inference(config: &Pretrain, pipeline: &Pipeline, pictures: usize, widths: usize) -> Option<Cost> {
    let side = pipeline.dataset.image_size;
    let summary = summarize(&config.encoder, &config.projection.layers, side).ok()?;
    let encoder = summarize(&config.encoder, &[], side).ok()?.features();
    let rows = features::BATCH.min(pictures);
    let kept = 2 * BYTES * (pictures * (widths + encoder)) as u64;
    let memory =
        PROGRAM + summary.inference_bytes(rows, config.precision) + BATCHES * rows as u64 * picture_bytes(side) + kept;
    Some(Cost { work: pictures as f64 * summary.multiply_adds as f64, memory })
}

/// Training of a linear classifier for as long as it may take: multiply-adds.
pub(super) fn linear_eval(
    config: &LinearEval,
    (width, fraction): (usize, f64),
    classes: usize,
    pictures: Pictures,
) -> Cost {
    let labeled = labeled_count(fraction, pictures.train);
    let work = (config.training.epochs * labeled * width * classes) as f64;
    Cost { work, memory: of_features(pictures.all() + labeled, width) }
}

/// Similarities of all validation and test pictures with all labelled ones: multiply-adds.
pub(super) fn knn_eval((width, fraction): (usize, f64), pictures: Pictures) -> Cost {
    let labeled = labeled_count(fraction, pictures.train);
    let work = (labeled * (pictures.validation + pictures.test)) as f64 * width as f64;
    Cost { work, memory: of_features(pictures.all() + labeled, width) }
}

/// An embedding: moves of a point.
pub(super) fn embed(config: &Embed, width: usize, pictures: Pictures) -> Cost {
    /// PCA takes about as long as this many iterations of t-SNE.
    const PCA_ITERATIONS: usize = 10;
    let shown = match config.subset {
        Subset::Train => pictures.train + pictures.validation,
        Subset::Test => pictures.test,
        Subset::All => pictures.all(),
    };
    let iterations = match &config.method {
        EmbedMethod::Tsne(tsne) => tsne.iterations,
        EmbedMethod::Pca(_) => PCA_ITERATIONS,
    };
    Cost { work: (shown * iterations) as f64, memory: of_features(pictures.all() + 2 * shown, width) }
}

fn of_features(rows: usize, width: usize) -> u64 {
    PROGRAM + BYTES * (rows * width) as u64
}
