//! Views a second of whole training steps at two sizes, for a comparison with other programs on the same machine.

use super::numbers;
use crate::base::{Error, Result};
use crate::dataset::Batch;
use crate::loss::{NtXentConfig, Similarity, nt_xent};
use crate::model::config::{ResnetConfig, Stem};
use crate::model::{EncoderConfig, Network};
use crate::nn::Precision;
use crate::optim::config::{ConstantConfig, SgdConfig};
use crate::optim::{Decayed, OptimizerConfig, RateScale, ScheduleConfig};
use crate::train::{Compute, TrainConfig, Trainer, Uploaded};
use serde::Serialize;
use std::time::{Duration, Instant};

const HEAD: [usize; 2] = [512, 128];
const LOSS: NtXentConfig = NtXentConfig { temperature: 0.1, similarity: Similarity::Cosine };
/// Steps before the clock starts: buffers are allocated, algorithms are chosen.
const WARM_UP: usize = 3;
/// At most so many steps are timed, and none is begun after this time.
const STEPS: usize = 30;
const LONGEST: Duration = Duration::from_secs(10);

/// How fast a setting trains.
#[derive(Clone, Debug, Serialize)]
pub struct Timing {
    /// Encoder and size of the images.
    pub setting: &'static str,
    /// Precision.
    pub precision: Precision,
    /// Views of a batch.
    pub views: usize,
    /// Views a second, from a batch in main memory to moved parameters: the median of the steps.
    pub views_per_second: f64,
    /// Memory of the device that is taken, bytes, where that is known.
    pub memory: Option<u64>,
}

struct Setting {
    name: &'static str,
    encoder: EncoderConfig,
    side: usize,
    views: usize,
}

fn settings() -> [Setting; 2] {
    let cifar = ResnetConfig { stem: Stem::Cifar, ..ResnetConfig::default() };
    let imagenet = ResnetConfig::default();
    [
        Setting {
            name: "ResNet-18, CIFAR stem, 32 px",
            encoder: EncoderConfig::Resnet18(cifar),
            side: 32,
            views: 1024,
        },
        Setting { name: "ResNet-50, 224 px", encoder: EncoderConfig::Resnet50(imagenet), side: 224, views: 256 },
    ]
}

/// Times steps of both settings in one precision, with their own batches or ones of `views` views; `memory` tells what
/// is taken.
///
/// # Errors
/// The device failed, for want of memory perhaps.
pub fn time<D: Compute>(
    device: &D,
    precision: Precision,
    views: Option<usize>,
    memory: &dyn Fn() -> Option<u64>,
) -> Result<Vec<Timing>> {
    settings()
        .into_iter()
        .map(|setting| {
            let views = views.unwrap_or(setting.views);
            let (seconds, taken) = median_step(device, &setting, precision, views, memory)?;
            let views_per_second = views as f64 / seconds;
            Ok(Timing { setting: setting.name, precision, views, views_per_second, memory: taken })
        })
        .collect()
}

fn median_step<D: Compute>(
    device: &D,
    setting: &Setting,
    precision: Precision,
    views: usize,
    memory: &dyn Fn() -> Option<u64>,
) -> Result<(f64, Option<u64>)> {
    let sgd = SgdConfig {
        learning_rate: 0.01,
        momentum: 0.9,
        nesterov: false,
        weight_decay: 1e-4,
        decay: Decayed::default(),
        scale: RateScale::default(),
    };
    let optimizer = OptimizerConfig::Sgd(sgd);
    let schedule = ScheduleConfig::Constant(ConstantConfig { warmup_epochs: 0.0 });
    let recipe =
        TrainConfig { optimizer: &optimizer, schedule: &schedule, gradient_clip: None, epochs: 1, steps_per_epoch: 1 };
    let network = Network::new(&setting.encoder, &HEAD, setting.side, 1, device)?.in_precision(precision);
    let mut trainer = Trainer::new(network, &recipe);
    let batch = batch(setting.side, views);
    let mut ahead = Some(Uploaded::new(batch.clone(), trainer.network())?);
    let mut step = || {
        let (now, next) = (ahead.take().ok_or_else(|| Error::bug("no batch"))?, batch.clone());
        let start = Instant::now();
        let loss = |z, _: &[usize]| nt_xent(z, &LOSS).map(|output| (output.loss, output.accuracy));
        // As in a training, the next batch crosses during the step.
        let (_, uploaded) = trainer.step_with(now, loss, |network| Uploaded::new(next, network))?;
        ahead = Some(uploaded);
        Ok(start.elapsed().as_secs_f64())
    };
    (0..WARM_UP).try_for_each(|_| step().map(drop))?;
    let (start, mut seconds) = (Instant::now(), Vec::new());
    while seconds.len() < STEPS && (seconds.is_empty() || start.elapsed() < LONGEST) {
        seconds.push(step()?);
    }
    seconds.sort_unstable_by(f64::total_cmp);
    Ok((seconds[seconds.len() / 2], memory()))
}

fn batch(side: usize, rows: usize) -> Batch {
    let images = numbers("images", rows * side * side * 3);
    let indices: Vec<usize> = (0..rows / 2).chain(0..rows / 2).collect();
    Batch { images, rows, labels: vec![0; rows], indices, epoch: 0 }
}
