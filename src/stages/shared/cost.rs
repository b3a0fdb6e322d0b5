//! Costs of stages, from the configuration and the number of images alone: work, from which time is estimated, and
//! memory.

use crate::base::{Error, human};
use crate::dataset::Part;
use crate::engine::Cost;
use crate::model::{Summary, summarize};
use crate::nn::Precision;
use crate::stages::pretrain::PretrainConfig;
use crate::stages::shared::labels::LabelAmount;
use crate::stages::supervised::SupervisedConfig;
use crate::study::{DataFacts, Fits};
use std::sync::Arc;

/// Measured memory of the program itself with its threads, bytes.
const PROGRAM: u64 = 24 << 20;
/// Bytes per value.
const BYTES: u64 = 4;
/// Work of a training step relative to a forward pass: the backward pass takes twice as much.
const STEP_PER_FORWARD: f64 = 3.0;
/// Batches in memory at once: one in use, the next one on the device, and two prefetched.
const BATCHES: u64 = 4;

/// Returns the cost of decoding; work in images.
pub(in crate::stages) fn decoding(part: Part, facts: &DataFacts) -> Cost {
    let images = match part {
        Part::Training => facts.fingerprint.training.len(),
        Part::Validation => facts.total(|class| class.validation),
        Part::Test => facts.test(),
        Part::Unlabeled => facts.unlabeled(),
    };
    Cost { work: images as f64, memory: PROGRAM }
}

/// Returns the cost of a forward pass of this many images in batches of `batch`; work in MACs.
pub(in crate::stages) fn inference(config: &PretrainConfig, side: usize, images: usize, batch: usize) -> Option<Cost> {
    let summary = summarize(&config.encoder, &config.projection, side).ok()?;
    let encoder = summarize(&config.encoder, &[], side).ok()?.features();
    let widths: usize = config.projection.layers.iter().sum();
    let rows = batch.min(images);
    let kept = 2 * BYTES * (images * (widths + encoder)) as u64;
    let memory =
        PROGRAM + summary.inference_bytes(rows, config.precision) + BATCHES * rows as u64 * image_bytes(side) + kept;
    Some(Cost { work: images as f64 * summary.multiply_adds as f64, memory })
}

/// Returns the memory of a stage that holds this many feature vectors, bytes.
pub(in crate::stages) fn features_memory(rows: usize, width: usize) -> u64 {
    PROGRAM + BYTES * (rows * width) as u64
}

/// Memory of a training run by the size of its batch.
#[derive(Clone, Debug)]
pub(in crate::stages) struct TrainingMemory {
    summary: Summary,
    batch_size: usize,
    /// Views per image.
    views: usize,
    state_vectors: usize,
    precision: Precision,
    side: usize,
    /// Images whose activations are in memory at once; `None` for all of a batch.
    at_once: Option<usize>,
}

impl TrainingMemory {
    pub(in crate::stages) fn of_pretrain(config: &PretrainConfig, side: usize) -> Option<Self> {
        let summary = summarize(&config.encoder, &config.projection, side).ok()?;
        let state_vectors = config.optimizer.state_vectors();
        let (batch_size, precision) = (config.batch_size, config.precision);
        Some(Self { summary, batch_size, views: 2, state_vectors, precision, side, at_once: config.micro_batch })
    }

    pub(in crate::stages) fn of_supervised(
        config: &SupervisedConfig,
        labels: LabelAmount,
        facts: &DataFacts,
    ) -> Option<Self> {
        let side = facts.config.image_size;
        let summary = summarize(&config.encoder, &config.head(facts.classes.len()), side).ok()?;
        let batch_size = config.batch_size.min(labels.count(facts));
        let (state_vectors, precision) = (config.optimizer.state_vectors(), config.precision);
        Some(Self { summary, batch_size, views: 1, state_vectors, precision, side, at_once: None })
    }

    /// Returns the cost of training on `trained` views and inference on `evaluated` images; work in MACs.
    pub(in crate::stages) fn training(&self, trained: f64, evaluated: f64) -> Cost {
        let work = (STEP_PER_FORWARD * trained + evaluated) * self.summary.multiply_adds as f64;
        Cost { work, memory: PROGRAM + self.bytes(self.batch_size) }
    }

    /// Returns the function that returns what to change so that the run fits.
    pub(in crate::stages) fn fits(&self) -> Fits {
        let memory = self.clone();
        Arc::new(move |bytes| memory.what_fits(bytes))
    }

    /// Returns the peak memory without the program itself, bytes.
    fn bytes(&self, batch_size: usize) -> u64 {
        let rows = self.views * batch_size;
        // Similarities of all views with all others.
        let similarities = if self.views > 1 { BYTES * (rows * rows) as u64 } else { 0 };
        let at_once = self.views * self.at_once.map_or(batch_size, |images| images.min(batch_size));
        similarities
            + self.summary.training_bytes(at_once, self.state_vectors, self.precision)
            + BATCHES * rows as u64 * image_bytes(self.side)
    }

    /// Returns the largest batch size, up to the configured one, that fits into this many bytes; 0 if none does.
    fn largest_batch(&self, bytes: u64) -> usize {
        let (mut fits, mut too_large) = (0, self.batch_size + 1);
        while too_large - fits > 1 {
            let middle = fits.midpoint(too_large);
            *(if self.bytes(middle) <= bytes { &mut fits } else { &mut too_large }) = middle;
        }
        fits
    }

    /// Returns the error of a training run that does not fit into the free memory of a device, with what would fit.
    pub(in crate::stages) fn too_large(&self, device: &str, free: u64) -> Option<Error> {
        let needed = self.bytes(self.batch_size);
        if needed <= free {
            return None;
        }
        let (batch, needed, free_text) = (self.batch_size, human::bytes(needed), human::bytes(free));
        let what = format!("a batch of {batch} needs about {needed} of memory and {device} has {free_text} free");
        Some(Error::stage(what).help(self.what_fits(free)))
    }

    /// Returns what to change so that the run fits into this many bytes.
    fn what_fits(&self, bytes: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EncoderConfig;
    use crate::model::ResnetConfig;

    fn memory(batch_size: usize) -> TrainingMemory {
        let summary = summarize(&EncoderConfig::Resnet50(ResnetConfig::default()), &[128], 224).unwrap();
        TrainingMemory {
            summary,
            batch_size,
            views: 2,
            state_vectors: 1,
            precision: Precision::F32,
            side: 224,
            at_once: None,
        }
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
    fn a_batch_that_does_not_fit_is_reported_with_one_that_does() {
        let memory = memory(256);
        assert!(memory.too_large("cuda:0", memory.bytes(256)).is_none());
        let error = memory.too_large("cuda:0", memory.bytes(100)).unwrap().to_string();
        assert!(error.contains("a batch of 256") && error.contains("cuda:0"), "{error}");
        assert!(error.contains("`batch_size` to 100 or less"), "{error}");
        assert!(memory.too_large("cuda:0", 1 << 20).unwrap().to_string().contains("no batch fits"));
    }
}
