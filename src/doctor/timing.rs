//! Speed of whole training steps at two sizes, in views/s, for comparison with other programs on the same machine.

use super::numbers;
use crate::base::{Error, Result};
use crate::dataset::Batch;
use crate::loss::{ContrastiveLoss, NtXentConfig, Similarity};
use crate::model::{EncoderConfig, Network};
use crate::model::{ResnetConfig, Stem};
use crate::nn::Precision;
use crate::optim::schedule::ConstantConfig;
use crate::optim::{DecayedParameters, OptimizerConfig, RateScale, ScheduleConfig, SgdConfig};
use crate::train::{Compute, TrainConfig, TrainState, UploadedBatch};
use serde::Serialize;
use std::time::{Duration, Instant};

const HEAD: [usize; 2] = [512, 128];
const LOSS: NtXentConfig = NtXentConfig { temperature: 0.1, similarity: Similarity::Cosine };
/// Length of a benchmark.
const BENCHMARK: Length = Length { warm_up: 3, max_steps: 30, max_time: Duration::from_secs(10) };
/// Length of an estimate.
const ESTIMATE: Length = Length { warm_up: 1, max_steps: 10, max_time: Duration::from_millis(1500) };
/// Views per step of a first estimate: a slow device takes about as long per view with large batches.
const FEW_VIEWS: usize = 16;
/// Below this duration of a step, in seconds, overheads count, and full batches are measured.
const FAST_STEP: f64 = 0.05;

/// How long to measure.
#[derive(Clone, Copy)]
struct Length {
    /// Untimed steps, in which buffers are allocated and algorithms are chosen.
    warm_up: usize,
    /// Maximum number of timed steps.
    max_steps: usize,
    /// No timed step starts after this time.
    max_time: Duration,
}

/// The training speed of a workload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Timing {
    /// Encoder and image size.
    pub setting: &'static str,
    /// Precision.
    pub precision: Precision,
    /// Views per batch.
    pub views: usize,
    /// Median throughput in views/s, from a batch in main memory to updated parameters.
    pub views_per_second: f64,
    /// Device memory in use, bytes, if known.
    pub memory: Option<u64>,
}

/// A network and a batch size to time.
struct Workload {
    encoder: EncoderConfig,
    side: usize,
    views: usize,
}

fn workloads() -> [(&'static str, Workload); 2] {
    let cifar = ResnetConfig { stem: Stem::Cifar, ..ResnetConfig::default() };
    let imagenet = ResnetConfig::default();
    [
        ("ResNet-18, CIFAR stem, 32 px", Workload { encoder: EncoderConfig::Resnet18(cifar), side: 32, views: 1024 }),
        ("ResNet-50, 224 px", Workload { encoder: EncoderConfig::Resnet50(imagenet), side: 224, views: 256 }),
    ]
}

/// Times training steps of every workload in one precision, with batches of `views` views or the workload's default.
/// `memory` returns the device memory in use.
///
/// # Errors
/// The device failed, for example because it ran out of memory.
pub(crate) fn time<D: Compute>(
    device: &D,
    precision: Precision,
    views: Option<usize>,
    memory: &dyn Fn() -> Option<u64>,
) -> Result<Vec<Timing>> {
    workloads()
        .into_iter()
        .map(|(setting, workload)| {
            let views = views.unwrap_or(workload.views);
            let workload = Workload { views, ..workload };
            let (seconds, memory) = median_step(device, &workload, precision, BENCHMARK, memory)?;
            let views_per_second = views as f64 / seconds;
            Ok(Timing { setting, precision, views, views_per_second, memory })
        })
        .collect()
}

/// Returns about how many views per second training runs of this encoder process, measured for a few seconds at most:
/// in batches of `views` views, or of fewer where that makes no difference.
///
/// # Errors
/// The device failed, for example because it ran out of memory, or the images are too small for the encoder.
pub(crate) fn estimate<D: Compute>(device: &D, encoder: &EncoderConfig, side: usize, views: usize) -> Result<f64> {
    let step = |views| {
        let workload = Workload { encoder: encoder.clone(), side, views };
        median_step(device, &workload, Precision::F32, ESTIMATE, &|| None).map(|(seconds, _)| seconds)
    };
    let few = views.min(FEW_VIEWS);
    let seconds = step(few)?;
    if seconds > FAST_STEP || few == views {
        return Ok(few as f64 / seconds);
    }
    Ok(views as f64 / step(views)?)
}

/// Returns the median time of a training step in seconds, and the memory in use at the end.
fn median_step<D: Compute>(
    device: &D,
    workload: &Workload,
    precision: Precision,
    length: Length,
    memory: &dyn Fn() -> Option<u64>,
) -> Result<(f64, Option<u64>)> {
    let sgd = SgdConfig {
        learning_rate: 0.01,
        momentum: 0.9,
        nesterov: false,
        weight_decay: 1e-4,
        decay: DecayedParameters::default(),
        scale: RateScale::default(),
    };
    let optimizer = OptimizerConfig::Sgd(sgd);
    let schedule = ScheduleConfig::Constant(ConstantConfig::default());
    let config =
        TrainConfig { optimizer: &optimizer, schedule: &schedule, gradient_clip: None, epochs: 1, steps_per_epoch: 1 };
    let network = Network::new(&workload.encoder, &HEAD, workload.side, 1, device)?.in_precision(precision);
    let mut run = TrainState::new(network, &config);
    let batch = batch(workload.side, workload.views);
    let mut ahead = Some(UploadedBatch::new(batch.clone(), run.network())?);
    let mut step = || {
        let (now, next) = (ahead.take().ok_or_else(|| Error::bug("no batch"))?, batch.clone());
        let start = Instant::now();
        let loss = |z, _: &[usize]| LOSS.evaluate(z).map(|output| (output.loss, output.accuracy));
        // As in a training run, the next batch is uploaded during the step.
        let (_, uploaded) = run.step_with(now, loss, |network| UploadedBatch::new(next, network))?;
        ahead = Some(uploaded);
        Ok(start.elapsed().as_secs_f64())
    };
    (0..length.warm_up).try_for_each(|_| step().map(drop))?;
    let (start, mut seconds) = (Instant::now(), Vec::new());
    while seconds.len() < length.max_steps && (seconds.is_empty() || start.elapsed() < length.max_time) {
        seconds.push(step()?);
    }
    seconds.sort_unstable_by(f64::total_cmp);
    Ok((seconds[seconds.len() / 2], memory()))
}

fn batch(side: usize, rows: usize) -> Batch {
    let images = numbers("images", rows * side * side * 3);
    let indices: Vec<usize> = (0..rows / 2).chain(0..rows / 2).collect();
    Batch { images, rows, labels: vec![0; rows], indices, epoch: 0, images_of_batch: rows }
}
