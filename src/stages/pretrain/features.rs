//! `features`: the outputs of a frozen network for every image, at every depth.

use crate::analysis;
use crate::augment::Policy;
use crate::base::rng::{permutation, stream};
use crate::base::{Error, Result};
use crate::dataset::{Batch, ImageDataset, batches};
use crate::engine::{Context, Cost, Stage, StageHardware, StageSummary};
use crate::imaging::Fit;
use crate::model::{BatchStatistics, EncoderInput, Network};
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

/// Images per batch on the CPU if the batch size does not affect the features; part of the key all the same.
const BATCH: usize = 64;

/// Computes the features of a pretraining run.
pub(super) struct FeaturesStage {
    /// The network.
    pub(super) pretrained: Arc<Pretrained>,
    /// Name of the data set; empty for `[dataset]`.
    pub(super) dataset: String,
    /// Side of its images.
    pub(super) side: usize,
    /// How its images are fitted to a square.
    pub(super) fit: Fit,
    /// Batch-norm statistics.
    pub(super) statistics: FeatureStatistics,
    /// The pipeline's seed.
    pub(super) seed: u64,
    /// Device on which it runs.
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

    fn hardware(&self) -> StageHardware {
        device::hardware(self.device)
    }

    fn parameters(&self) -> Value {
        let (statistics, batch_size) = self.batches();
        let mut parameters = json!({ "statistics": statistics, "fit": self.fit, "batch_size": batch_size });
        // Only if it is not the default, so that older artifacts keep their keys.
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
        let (total, statistics) = (set.len(), batch_statistics(self.statistics));
        let batch_size = match self.statistics {
            FeatureStatistics::Running => network.inference_rows(),
            FeatureStatistics::Batch { images, .. } => images,
        };
        let mut by_depth: Vec<Vec<f32>> = network.widths().into_iter().map(|width| vec![0.0; total * width]).collect();
        let mut done = 0;
        for images in self.ordered(&set) {
            let batches = batches::plain_batches(set.clone(), images, policy.clone(), batch_size);
            let inputs = batches.map(|batch| {
                context.check_interrupted()?;
                let Batch { images, rows, indices, .. } = batch?;
                Ok(EncoderInput { images, rows, of: indices })
            });
            network.encode_each(inputs, statistics, |indices, encoded| {
                let outputs = with_projections(&network, encoded, indices.len(), statistics)?;
                by_depth.iter_mut().zip(outputs).for_each(|(all, new)| copy_rows(&indices, &new, all));
                done += indices.len();
                context.progress(done as u64, total as u64, "images");
                Ok(())
            })?;
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
    /// Returns `main` or `main on stl10`: the network, and the data set if it has a name.
    fn subject(&self) -> String {
        let name = &self.pretrained.name;
        if self.dataset.is_empty() { name.clone() } else { format!("{name} on {}", self.dataset) }
    }

    /// Returns the statistics as in the key, and the images per batch.
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

    /// Returns the images in the order of the batches; images of different lists are never in the same batch.
    fn ordered(&self, set: &ImageDataset) -> Vec<Vec<usize>> {
        if self.order() == BatchOrder::Dataset {
            return vec![(0..set.len()).collect()];
        }
        let shuffled = |test: bool| {
            let images: Vec<usize> = (0..set.len()).filter(|image| set.is_test(*image) == test).collect();
            let mut rng = stream(self.seed, "statistics", &[u64::from(test)]);
            permutation(images.len(), &mut rng).into_iter().map(|position| images[position]).collect()
        };
        vec![shuffled(false), shuffled(true)]
    }
}

/// Copies rows `[images, width]` to the rows of these images in `all`, `[total, width]`.
fn copy_rows(images: &[usize], rows: &[f32], all: &mut [f32]) {
    let width = rows.len() / images.len();
    for (image, row) in images.iter().zip(rows.chunks_exact(width)) {
        all[image * width..(image + 1) * width].copy_from_slice(row);
    }
}

/// Returns the outputs of a network for images at each depth: of the encoder, then of each layer of the projection
/// head.
///
/// # Errors
/// The network does not accept the images.
pub(crate) fn depths<D: Backend>(
    network: &Network<D>,
    images: &[f32],
    rows: usize,
    statistics: FeatureStatistics,
) -> Result<impl Iterator<Item = Vec<f32>> + use<D>> {
    let statistics = batch_statistics(statistics);
    with_projections(network, network.encode(images, rows, statistics)?, rows, statistics)
}

/// Returns features and the outputs of each layer of the projection head for them.
fn with_projections<D: Backend>(
    network: &Network<D>,
    encoded: Vec<f32>,
    rows: usize,
    statistics: BatchStatistics,
) -> Result<impl Iterator<Item = Vec<f32>> + use<D>> {
    let projected = network.project(&encoded, rows, statistics)?;
    Ok(std::iter::once(encoded).chain(projected))
}

fn batch_statistics(statistics: FeatureStatistics) -> BatchStatistics {
    match statistics {
        FeatureStatistics::Running => BatchStatistics::Running,
        FeatureStatistics::Batch { .. } => BatchStatistics::Batch,
    }
}

fn array_name(depth: usize) -> String {
    format!("depth{depth}")
}

/// Features of all images at one depth.
pub struct Features {
    /// Values per image.
    pub width: usize,
    /// `[images, width]`.
    pub values: Vec<f32>,
}

impl Features {
    /// Reads the features of one depth, of this many images.
    ///
    /// # Errors
    /// The artifact is damaged, lacks the depth, has another number of images, or contains a value that is not finite.
    pub fn read(directory: &Path, depth: usize, images: usize) -> Result<Self> {
        let path = directory.join(artifacts::FEATURES);
        let impossible = |what: String| artifacts::impossible(&path, &what);
        let array = artifacts::read_array(&path, &array_name(depth))?;
        let NamedTensor { shape, values, .. } =
            array.ok_or_else(|| impossible(format!("it has no features of depth {depth}")))?;
        let &[rows, width] = shape.as_slice() else {
            return Err(impossible(format!("the features of depth {depth} are not a matrix")));
        };
        if rows != images || width == 0 || values.len() != rows * width {
            return Err(impossible(format!(
                "the features of depth {depth} are {rows} x {width}, but there are {images} images"
            )));
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(impossible(format!("a feature of image {} is not finite", at / width))),
            None => Ok(Self { width, values }),
        }
    }

    /// Returns a view of some rows of this width.
    pub fn view<'a>(&self, rows: &'a [f32]) -> analysis::FeatureMatrix<'a> {
        view(rows, self.width)
    }

    /// Returns the rows of some images, `[images, width]`.
    pub fn rows(&self, images: &[usize]) -> Vec<f32> {
        let row = |image: &usize| &self.values[image * self.width..(image + 1) * self.width];
        images.iter().flat_map(row).copied().collect()
    }
}

/// Returns values `[rows, width]` as a matrix of features.
pub(crate) fn view(values: &[f32], width: usize) -> analysis::FeatureMatrix<'_> {
    analysis::FeatureMatrix::new(values.len() / width, width, values)
}

/// Returns the cost of a forward pass of all images; work in MACs.
pub(super) fn cost(config: &PretrainConfig, choice: DeviceChoice, facts: &DataFacts) -> Option<Cost> {
    let side = facts.config.image_size;
    cost::inference(config, side, facts.all(), device::inference_rows(choice, side))
}
