//! What computing a stage takes, told from the configuration and the number of images alone: work for the estimate of
//! time, memory for the estimate of what fits.

use crate::analysis::config::EmbedMethod;
use crate::base::{Error, human};
use crate::config::pipeline::{Embed, LinearEval, LinearTraining, Pipeline, Pretrain, Subset, Supervised};
use crate::config::{ClassCount, labeled_count};
use crate::engine::Cost;
use crate::model::{Summary, summarize};
use crate::nn::Precision;
use crate::stages::features;
use crate::stages::length::Length;

/// Memory of the program itself with its threads, measured.
const PROGRAM: u64 = 24 << 20;
/// Bytes of a number.
const BYTES: u64 = 4;
/// A training step is a forward pass and, twice as much work, a backward pass.
const STEP_PER_FORWARD: f64 = 3.0;
/// Batches that are there at once: one in use, the next one on the device, and two made ahead.
const BATCHES: u64 = 4;

/// Images of each part of the split.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Images {
    train: usize,
    validation: usize,
    test: usize,
}

impl Images {
    pub(super) fn of(classes: &[ClassCount]) -> Self {
        let sum = |count: fn(&ClassCount) -> usize| classes.iter().map(count).sum();
        Self { train: sum(|c| c.train), validation: sum(|c| c.validation), test: sum(|c| c.test) }
    }

    /// Images of the training set.
    pub(super) fn train(self) -> usize {
        self.train
    }

    fn all(self) -> usize {
        self.train + self.validation + self.test
    }
}

/// Decoding: the unit of work is an image.
pub(super) fn dataset(images: Images) -> Cost {
    Cost { work: images.all() as f64, memory: PROGRAM }
}

/// Training of a network: multiply-adds.
pub(super) fn pretrain(config: &Pretrain, pipeline: &Pipeline, images: Images) -> Option<Cost> {
    let memory = TrainingMemory::of_pretrain(config, pipeline.dataset.image_size)?;
    let steps = config.epochs * (images.train / config.batch_size.max(1));
    let work = STEP_PER_FORWARD * (steps * 2 * config.batch_size) as f64 * memory.summary.multiply_adds as f64;
    Some(Cost { work, memory: PROGRAM + memory.bytes(config.batch_size) })
}

/// What decides how long a supervised training is: the labeled part, the classes, the data set and its split.
pub(super) type Labels<'a> = (f64, usize, &'a Pipeline, Images);

/// Training of a network on labeled images for as long as it may take: multiply-adds.
pub(super) fn supervised(config: &Supervised, labels: Labels<'_>) -> Option<Cost> {
    let memory = TrainingMemory::of_supervised(config, labels)?;
    let (fraction, _, _, images) = labels;
    let labeled = labeled_count(fraction, images.train);
    let length = Length::new(config.budget, labeled, config.training.batch_size);
    let trained = STEP_PER_FORWARD * length.images();
    let watched = (length.rows() * images.validation) as f64;
    let work = (trained + watched + images.test as f64) * memory.summary.multiply_adds as f64;
    Some(Cost { work, memory: PROGRAM + memory.bytes(memory.batch_size) })
}

/// Memory of a training by the size of its batch.
#[derive(Clone, Debug)]
pub struct TrainingMemory {
    summary: Summary,
    batch_size: usize,
    /// Views of an image in a batch.
    views: usize,
    state_vectors: usize,
    precision: Precision,
    side: usize,
}

impl TrainingMemory {
    pub(super) fn of_pretrain(config: &Pretrain, side: usize) -> Option<Self> {
        let summary = summarize(&config.encoder, &config.projection, side).ok()?;
        let state_vectors = config.optimizer.state_vectors();
        let (batch_size, precision) = (config.batch_size, config.precision);
        Some(Self { summary, batch_size, views: 2, state_vectors, precision, side })
    }

    pub(super) fn of_supervised(
        config: &Supervised,
        (fraction, classes, pipeline, images): Labels<'_>,
    ) -> Option<Self> {
        let (side, training) = (pipeline.dataset.image_size, &config.training);
        let head: Vec<usize> = config.hidden.iter().copied().chain([classes]).collect();
        let summary = summarize(&config.encoder, &head, side).ok()?;
        let batch_size = training.batch_size.min(labeled_count(fraction, images.train));
        let (state_vectors, precision) = (training.optimizer.state_vectors(), config.precision);
        Some(Self { summary, batch_size, views: 1, state_vectors, precision, side })
    }

    /// Bytes at the peak, without the program itself.
    fn bytes(&self, batch_size: usize) -> u64 {
        let rows = self.views * batch_size;
        // Similarities of all views with all others.
        let similarities = if self.views > 1 { BYTES * (rows * rows) as u64 } else { 0 };
        similarities
            + self.summary.training_bytes(rows, self.state_vectors, self.precision)
            + BATCHES * rows as u64 * image_bytes(self.side)
    }

    /// The largest batch, of those up to the wanted one, that fits into so many bytes; 0 where none does.
    fn largest_batch(&self, bytes: u64) -> usize {
        let (mut fits, mut too_large) = (0, self.batch_size + 1);
        while too_large - fits > 1 {
            let middle = fits.midpoint(too_large);
            *(if self.bytes(middle) <= bytes { &mut fits } else { &mut too_large }) = middle;
        }
        fits
    }

    /// The error of a training that does not fit into the free memory of a device, with what would fit.
    pub(super) fn too_large(&self, device: &str, free: u64) -> Option<Error> {
        let needed = self.bytes(self.batch_size);
        if needed <= free {
            return None;
        }
        let (batch, needed, free_text) = (self.batch_size, human::bytes(needed), human::bytes(free));
        let what = format!("a batch of {batch} needs about {needed} of memory and {device} has {free_text} free");
        Some(Error::stage(what).help(self.what_fits(free)))
    }

    /// What to change so that the training fits into so many bytes.
    pub(super) fn what_fits(&self, bytes: u64) -> String {
        match self.largest_batch(bytes) {
            0 => "use a smaller encoder or smaller images: no batch fits".to_owned(),
            fits if self.precision == Precision::Bf16 => format!("set `batch_size` to {fits} or less"),
            fits => format!("set `batch_size` to {fits} or less, or `precision = \"bf16\"`"),
        }
    }
}

fn image_bytes(side: usize) -> u64 {
    BYTES * 3 * (side * side) as u64
}

/// A pass of all images through an encoder: multiply-adds.
pub(super) fn features(config: &Pretrain, pipeline: &Pipeline, images: Images) -> Option<Cost> {
    let widths: usize = config.projection.layers.iter().sum();
    inference(config, pipeline, images.all(), widths)
}

/// A pass of two views of some test images through an encoder: multiply-adds.
pub(super) fn health(config: &Pretrain, pipeline: &Pipeline, most: usize, images: Images) -> Option<Cost> {
    let widths: usize = config.projection.layers.iter().sum();
    inference(config, pipeline, 2 * images.test.min(most), widths)
}

fn inference(config: &Pretrain, pipeline: &Pipeline, images: usize, widths: usize) -> Option<Cost> {
    let side = pipeline.dataset.image_size;
    let summary = summarize(&config.encoder, &config.projection, side).ok()?;
    let encoder = summarize(&config.encoder, &[], side).ok()?.features();
    let rows = features::BATCH.min(images);
    let kept = 2 * BYTES * (images * (widths + encoder)) as u64;
    let memory =
        PROGRAM + summary.inference_bytes(rows, config.precision) + BATCHES * rows as u64 * image_bytes(side) + kept;
    Some(Cost { work: images as f64 * summary.multiply_adds as f64, memory })
}

/// Training of a linear classifier for as long as it may take: MACs.
pub(super) fn linear_eval(
    config: &LinearEval,
    (width, fraction): (usize, f64),
    classes: usize,
    images: Images,
) -> Cost {
    /// Passes over the labeled images that a strength of regularization takes, about.
    const EVALUATIONS: usize = 40;
    let labeled = labeled_count(fraction, images.train);
    let a_pass = (labeled * width * classes) as f64;
    match &config.training {
        LinearTraining::Epochs { epochs, .. } => {
            Cost { work: *epochs as f64 * a_pass, memory: of_features(images.all() + labeled, width) }
        }
        // Standardized and rotated features are in 64 bits.
        LinearTraining::Lbfgs { c, .. } => Cost {
            work: (c.len() * EVALUATIONS) as f64 * a_pass,
            memory: of_features(images.all() + 5 * labeled, width),
        },
    }
}

/// Similarities of all validation and test images with all labeled ones: multiply-adds.
pub(super) fn knn_eval((width, fraction): (usize, f64), images: Images) -> Cost {
    let labeled = labeled_count(fraction, images.train);
    let work = (labeled * (images.validation + images.test)) as f64 * width as f64;
    Cost { work, memory: of_features(images.all() + labeled, width) }
}

/// An embedding: moves of a point.
pub(super) fn embed(config: &Embed, width: usize, images: Images) -> Cost {
    /// PCA takes about as long as this many iterations of t-SNE.
    const PCA_ITERATIONS: usize = 10;
    let shown = match config.subset {
        Subset::Train => images.train + images.validation,
        Subset::Test => images.test,
        Subset::All => images.all(),
    };
    let iterations = match &config.method {
        EmbedMethod::Tsne(tsne) => tsne.iterations,
        EmbedMethod::Pca(_) => PCA_ITERATIONS,
    };
    Cost { work: (shown * iterations) as f64, memory: of_features(images.all() + 2 * shown, width) }
}

fn of_features(rows: usize, width: usize) -> u64 {
    PROGRAM + BYTES * (rows * width) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EncoderConfig;
    use crate::model::config::ResnetConfig;

    fn memory(batch_size: usize) -> TrainingMemory {
        let summary = summarize(&EncoderConfig::Resnet50(ResnetConfig::default()), &[128], 224).unwrap();
        TrainingMemory { summary, batch_size, views: 2, state_vectors: 1, precision: Precision::F32, side: 224 }
    }

    #[test]
    fn the_largest_batch_that_fits_is_found() {
        let memory = memory(300);
        for batch in [1, 2, 77, 299, 300] {
            assert_eq!(memory.largest_batch(memory.bytes(batch)), batch);
            assert_eq!(memory.largest_batch(memory.bytes(batch) - 1), batch - 1);
        }
        assert_eq!((memory.largest_batch(0), memory.largest_batch(u64::MAX)), (0, 300));
    }

    #[test]
    fn a_batch_that_does_not_fit_is_told_with_one_that_does() {
        let memory = memory(256);
        assert!(memory.too_large("cuda:0", memory.bytes(256)).is_none());
        let error = memory.too_large("cuda:0", memory.bytes(100)).unwrap().to_string();
        assert!(error.contains("a batch of 256") && error.contains("cuda:0"), "{error}");
        assert!(error.contains("`batch_size` to 100 or less"), "{error}");
        assert!(memory.too_large("cuda:0", 1 << 20).unwrap().to_string().contains("no batch fits"));
    }
}
