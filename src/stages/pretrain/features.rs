//! `features`: what a frozen network makes of every image, at every depth.

use crate::analysis;
use crate::augment::Policy;
use crate::base::rng::{permutation, stream};
use crate::base::{Error, Result};
use crate::dataset::{ImageDataset, batches};
use crate::engine::{Context, Cost, Stage, StageSummary};
use crate::imaging::Fit;
use crate::model::{BatchStatistics, Network};
use crate::nn::{Backend, NamedTensor};
use crate::stages::dataset;
use crate::stages::pretrain::{PretrainConfig, Pretrained, trained};
use crate::stages::shared::device::{self, DeviceStage};
use crate::stages::shared::statistics::{BatchOrder, FeatureStatistics};
use crate::stages::shared::{artifacts, cost};
use crate::study::{DataFacts, DeviceChoice};
use crate::train::Compute;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Images in a batch where its size does not decide the features. It is part of the key as where it does.
const BATCH: usize = 64;

/// Computes the features of a pretraining.
pub(super) struct FeaturesStage {
    /// The network.
    pub(super) pretrained: Arc<Pretrained>,
    /// Name of the data set; empty for `[dataset]`.
    pub(super) dataset: String,
    /// Side of its images.
    pub(super) side: usize,
    /// How its images become squares.
    pub(super) fit: Fit,
    /// Batch-norm statistics.
    pub(super) statistics: FeatureStatistics,
    /// The pipeline's seed.
    pub(super) seed: u64,
    /// Where it runs.
    pub(super) device: DeviceChoice,
}

impl Stage for FeaturesStage {
    fn name(&self) -> String {
        let (name, order) = (self.subject(), self.order());
        match self.statistics {
            FeatureStatistics::Running => format!("features.{name}"),
            FeatureStatistics::Batch { images: BATCH, .. } if order == BatchOrder::Dataset => {
                format!("features.{name}[batch statistics]")
            }
            FeatureStatistics::Batch { images, .. } if order == BatchOrder::Dataset => {
                format!("features.{name}[statistics of {images}]")
            }
            FeatureStatistics::Batch { images, .. } => {
                format!("features.{name}[statistics of {images} at random]")
            }
        }
    }

    fn kind(&self) -> &'static str {
        "features"
    }

    fn version(&self) -> u32 {
        3
    }

    fn obstacle(&self) -> Option<Error> {
        device::obstacle(self.device, None)
    }

    fn parameters(&self) -> Value {
        let (statistics, batch_size) = self.batches();
        let mut parameters = json!({ "statistics": statistics, "fit": self.fit, "batch_size": batch_size });
        // Only where it is not the default: artifacts from before it was a choice keep their keys.
        if self.order() == BatchOrder::Random {
            parameters["order"] = json!(BatchOrder::Random);
            parameters["seed"] = json!(self.seed);
        }
        parameters
    }

    fn run(&self, context: &Context<'_>) -> Result<StageSummary> {
        device::compute(self, context)
    }
}

impl DeviceStage for FeaturesStage {
    fn device(&self) -> DeviceChoice {
        self.device
    }

    fn compute<D: Compute>(&self, device: &D, context: &Context<'_>) -> Result<StageSummary> {
        let side = self.side;
        let network = trained(&self.pretrained.config, side, context.input("pretrain")?, device)?;
        let set = dataset::unlabeled_images(context)?;
        let policy = Arc::new(Policy::evaluation(Some(&self.pretrained.policy), side, self.fit));
        let (total, (_, batch_size)) = (set.len(), self.batches());
        let mut by_depth: Vec<Vec<f32>> = network.widths().into_iter().map(|width| vec![0.0; total * width]).collect();
        let mut done = 0;
        for images in self.ordered(&set) {
            for batch in batches::plain_batches(set.clone(), images, policy.clone(), batch_size) {
                let batch = batch?;
                context.check_interrupted()?;
                let outputs = depths(&network, &batch.images, batch.rows, self.statistics)?;
                by_depth.iter_mut().zip(outputs).for_each(|(all, new)| place_rows(&batch.indices, &new, all));
                done += batch.rows;
                context.progress(done as u64, total as u64, "images");
            }
        }
        let widths = network.widths();
        let arrays: Vec<NamedTensor> = by_depth
            .into_iter()
            .enumerate()
            .map(|(depth, values)| NamedTensor { name: array_name(depth), shape: vec![total, widths[depth]], values })
            .collect();
        artifacts::write_arrays(&context.output().join(artifacts::FEATURES), &arrays)?;
        Ok(StageSummary::default().count("images", total).text(format!("widths {widths:?}")))
    }
}

impl FeaturesStage {
    /// `main`, or `main on stl10`: the network, and the data set where it has a name.
    fn subject(&self) -> String {
        let name = &self.pretrained.name;
        if self.dataset.is_empty() { name.clone() } else { format!("{name} on {}", self.dataset) }
    }

    /// The statistics as the key has them, and the images in a batch.
    fn batches(&self) -> (&'static str, usize) {
        match self.statistics {
            FeatureStatistics::Running => ("running", BATCH),
            FeatureStatistics::Batch { images, .. } => ("batch", images),
        }
    }

    fn order(&self) -> BatchOrder {
        match self.statistics {
            FeatureStatistics::Running => BatchOrder::Dataset,
            FeatureStatistics::Batch { order, .. } => order,
        }
    }

    /// The images in the order of the batches, those that share none in lists of their own.
    fn ordered(&self, set: &ImageDataset) -> Vec<Vec<usize>> {
        if self.order() == BatchOrder::Dataset {
            return vec![(0..set.len()).collect()];
        }
        let shuffled = |test: bool| {
            let images: Vec<usize> = (0..set.len()).filter(|image| set.is_test(*image) == test).collect();
            let mut rng = stream(self.seed, "statistics", &[u64::from(test)]);
            permutation(images.len(), &mut rng).into_iter().map(|place| images[place]).collect()
        };
        vec![shuffled(false), shuffled(true)]
    }
}

/// Puts `[images, width]` to where the images are in `all`, `[total, width]`.
fn place_rows(images: &[usize], rows: &[f32], all: &mut [f32]) {
    let width = rows.len() / images.len();
    for (image, row) in images.iter().zip(rows.chunks_exact(width)) {
        all[image * width..(image + 1) * width].copy_from_slice(row);
    }
}

/// What a network makes of images at each depth: the encoder's output, then that of each layer of the head.
///
/// # Errors
/// The network cannot take the images.
pub fn depths<D: Backend>(
    network: &Network<D>,
    images: &[f32],
    rows: usize,
    statistics: FeatureStatistics,
) -> Result<impl Iterator<Item = Vec<f32>> + use<D>> {
    let statistics = match statistics {
        FeatureStatistics::Running => BatchStatistics::Running,
        FeatureStatistics::Batch { .. } => BatchStatistics::Batch,
    };
    let encoded = network.encode(images, rows, statistics)?;
    let projected = network.project(&encoded, rows, statistics)?;
    Ok(std::iter::once(encoded).chain(projected))
}

fn array_name(depth: usize) -> String {
    format!("depth{depth}")
}

/// Features of all images at one depth.
pub struct Features {
    /// Values of an image.
    pub width: usize,
    /// `[images, width]`.
    pub values: Vec<f32>,
}

impl Features {
    /// Reads the features of one depth, of this many images.
    ///
    /// # Errors
    /// The artifact is damaged, has no such depth, is of another number of images, or holds what is no number.
    pub fn read(directory: &Path, depth: usize, images: usize) -> Result<Self> {
        let path = directory.join(artifacts::FEATURES);
        let impossible = |what: String| artifacts::impossible(&path, &what);
        let array = artifacts::read_array(&path, &array_name(depth))?;
        let NamedTensor { shape, values, .. } =
            array.ok_or_else(|| impossible(format!("it has no features of depth {depth}")))?;
        let &[rows, width] = shape.as_slice() else {
            return Err(impossible(format!("features of depth {depth} are no table")));
        };
        if rows != images || width == 0 || values.len() != rows * width {
            return Err(impossible(format!("features of depth {depth} are {rows} x {width}, of {images} images")));
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(impossible(format!("a feature of image {} is not finite", at / width))),
            None => Ok(Self { width, values }),
        }
    }

    /// A view of some rows of this width.
    pub fn view<'a>(&self, rows: &'a [f32]) -> analysis::FeatureMatrix<'a> {
        view(rows, self.width)
    }

    /// The rows of some images, `[images, width]`.
    pub fn rows(&self, images: &[usize]) -> Vec<f32> {
        let row = |image: &usize| &self.values[image * self.width..(image + 1) * self.width];
        images.iter().flat_map(row).copied().collect()
    }
}

/// Values `[rows, width]` as a table.
pub fn view(values: &[f32], width: usize) -> analysis::FeatureMatrix<'_> {
    analysis::FeatureMatrix::new(values.len() / width, width, values)
}

/// A pass of all images through the network, with its MACs as work.
pub(super) fn cost(config: &PretrainConfig, facts: &DataFacts) -> Option<Cost> {
    cost::inference(config, facts.config.image_size, facts.all(), BATCH)
}
