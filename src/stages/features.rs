//! `features`: what a frozen network makes of every picture, at every depth.

use crate::analysis;
use crate::augment::Policy;
use crate::base::{Error, Result};
use crate::config::pipeline::{DeviceChoice, Pretrain, Statistics};
use crate::dataset::{DatasetConfig, batches};
use crate::engine::{Context, Stage};
use crate::model::{BatchStatistics, Network};
use crate::nn::{Backend, NamedArray};
use crate::stages::device::{self, DeviceStage};
use crate::stages::{dataset, formats, pretrain};
use crate::train::Compute;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Pictures in a batch; part of the key, since with the statistics of the batch it decides the features. The report's.
pub(super) const BATCH: usize = 64;

/// Computes the features of a pretraining.
pub struct FeaturesStage {
    /// The pretraining.
    pub pretrain: Pretrain,
    /// What the file says of the data set.
    pub dataset: DatasetConfig,
    /// Batch-norm statistics.
    pub statistics: Statistics,
    /// Where it runs.
    pub device: DeviceChoice,
}

impl Stage for FeaturesStage {
    fn name(&self) -> String {
        match self.statistics {
            Statistics::Running => format!("features.{}", self.pretrain.name),
            Statistics::Batch => format!("features.{}[batch statistics]", self.pretrain.name),
        }
    }

    fn kind(&self) -> &'static str {
        "features"
    }

    fn version(&self) -> u32 {
        2
    }

    fn obstacle(&self) -> Option<Error> {
        device::obstacle(self.device, None)
    }

    fn parameters(&self) -> Value {
        json!({ "statistics": self.statistics, "fit": self.dataset.fit, "batch_size": BATCH })
    }

    fn run(&self, context: &Context<'_>) -> Result<String> {
        device::compute(self, context)
    }
}

impl DeviceStage for FeaturesStage {
    fn device(&self) -> DeviceChoice {
        self.device
    }

    fn compute<D: Compute>(&self, device: &D, context: &Context<'_>) -> Result<String> {
        let side = self.dataset.image_size;
        let network = pretrain::trained(&self.pretrain, side, context.input("pretrain")?, device)?;
        let set = dataset::pictures(context)?;
        let policy = Arc::new(Policy::evaluation(Some(&self.pretrain.policy), side, self.dataset.fit));
        let total = set.len();
        let mut by_depth: Vec<Vec<f32>> = vec![Vec::new(); network.widths().len()];
        let mut done = 0;
        for batch in batches::plain_batches(set, (0..total).collect(), policy, BATCH) {
            context.check_interrupted()?;
            let outputs = depths(&network, &batch.images, batch.rows, self.statistics)?;
            by_depth.iter_mut().zip(outputs).for_each(|(all, new)| all.extend(new));
            done += batch.rows;
            context.progress(done as u64, total as u64, "pictures");
        }
        let widths = network.widths();
        let arrays: Vec<NamedArray> = by_depth
            .into_iter()
            .enumerate()
            .map(|(depth, values)| NamedArray { name: array_name(depth), shape: vec![total, widths[depth]], values })
            .collect();
        formats::write_arrays(&context.output().join(formats::FEATURES), &arrays)?;
        Ok(format!("{total} pictures, widths {widths:?}"))
    }
}

/// What a network makes of pictures at each depth: the encoder's output, then that of each layer of the head.
///
/// # Errors
/// The network cannot take the pictures.
pub fn depths<D: Backend>(
    network: &Network<D>,
    images: &[f32],
    rows: usize,
    statistics: Statistics,
) -> Result<impl Iterator<Item = Vec<f32>> + use<D>> {
    let statistics = match statistics {
        Statistics::Running => BatchStatistics::Running,
        Statistics::Batch => BatchStatistics::Batch,
    };
    let encoded = network.encode(images, rows, statistics)?;
    let projected = network.project(&encoded, rows)?;
    Ok(std::iter::once(encoded).chain(projected))
}

fn array_name(depth: usize) -> String {
    format!("depth{depth}")
}

/// Features of all pictures at one depth.
pub struct Features {
    /// Values of a picture.
    pub width: usize,
    /// `[pictures, width]`.
    pub values: Vec<f32>,
}

impl Features {
    /// Reads the features of one depth.
    ///
    /// # Errors
    /// The artifact is damaged or has no such depth.
    pub fn read(folder: &Path, depth: usize) -> Result<Self> {
        let path = folder.join(formats::FEATURES);
        match formats::read_array(&path, &array_name(depth))? {
            Some(NamedArray { shape, values, .. }) if shape.len() == 2 => Ok(Self { width: shape[1], values }),
            _ => Err(Error::stage(format!("no features of depth {depth}")).at(path.display().to_string())),
        }
    }

    /// A view of some rows of this width.
    pub fn view<'a>(&self, rows: &'a [f32]) -> analysis::Features<'a> {
        view(rows, self.width)
    }

    /// The rows of some pictures, `[pictures, width]`.
    pub fn rows(&self, pictures: &[usize]) -> Vec<f32> {
        let row = |picture: &usize| &self.values[picture * self.width..(picture + 1) * self.width];
        pictures.iter().flat_map(row).copied().collect()
    }
}

/// Values `[rows, width]` as a table.
pub fn view(values: &[f32], width: usize) -> analysis::Features<'_> {
    analysis::Features::new(values.len() / width, width, values)
}
