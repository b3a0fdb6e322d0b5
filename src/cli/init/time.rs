//! How long a run takes on this machine, by a short calibration.

use crate::base::{Error, Result};
use crate::dataset::survey::Survey;
use crate::doctor;
use crate::engine::StageId;
use crate::model::{EncoderConfig, summarize};
use crate::pipeline::{Assembly, LoadedStudy};
use crate::stages::shared::device::{self, Work};
use crate::stages::{Dataset, Pretrain};
use crate::study::DeviceChoice;
use crate::train::Compute;

/// Kinds of stages whose work is given in MACs of the encoder.
const NETWORKS: [&str; 3] = ["pretrain", "features", "supervised"];
/// Work of a training step relative to a forward pass: the backward pass takes twice as much.
const STEP_PER_FORWARD: f64 = 3.0;
/// Seconds in a minute and in an hour.
const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;

/// Returns a line about how long a run takes.
///
/// # Errors
/// The device failed.
pub(super) fn of(loaded: &LoadedStudy, assembly: &Assembly, survey: &Survey) -> Result<String> {
    let missing = || Error::bug("a written file without data set and pretraining");
    let pipeline = &loaded.study.variants.first().ok_or_else(missing)?.pipeline;
    let (_, dataset) = pipeline.all::<Dataset>().next().ok_or_else(missing)?;
    let (_, pretrain) = pipeline.all::<Pretrain>().next().ok_or_else(missing)?;
    let calibration =
        Calibration { encoder: &pretrain.encoder, side: dataset.image_size, views: 2 * pretrain.batch_size };
    let views_per_second = device::run(DeviceChoice::Auto, calibration)?;
    let macs = summarize(&pretrain.encoder, &pretrain.projection, dataset.image_size)?.multiply_adds;
    let macs_per_second = STEP_PER_FORWARD * macs as f64 * views_per_second;
    let graph = &assembly.graph;
    let work = |kinds: &[&str]| -> f64 {
        let of_kinds = graph.iter().filter(|id: &StageId| kinds.contains(&graph.kind(*id)));
        of_kinds.filter_map(|id| graph.cost(id)).map(|cost| cost.work).sum()
    };
    let decoding = survey.images() as f64 * survey.seconds_per_image;
    let (pretraining, all) = (work(&["pretrain"]) / macs_per_second, work(&NETWORKS) / macs_per_second + decoding);
    let device = device::name(DeviceChoice::Auto);
    let epoch = pretraining / pretrain.epochs.max(1) as f64;
    let (run, epoch) = (about(all), about(epoch));
    Ok(format!("a run takes {run} on this machine ({device}); an epoch of pretraining, {epoch}\n"))
}

/// Training steps of an encoder.
struct Calibration<'a> {
    encoder: &'a EncoderConfig,
    side: usize,
    views: usize,
}

impl Work for Calibration<'_> {
    type Output = f64;

    fn on<D: Compute>(self, device: &D) -> Result<f64> {
        doctor::estimate(device, self.encoder, self.side, self.views)
    }
}

/// Formats a duration in seconds with its first one or two digits: `about 20 s`, `about 2.5 h`.
fn about(seconds: f64) -> String {
    match seconds {
        ..10.0 => "a few seconds".to_owned(),
        ..MINUTE => format!("about {:.0} s", (seconds / 10.0).round() * 10.0),
        ..=5400.0 => format!("about {:.0} min", seconds / MINUTE),
        ..36_000.0 => format!("about {:.1} h", seconds / HOUR),
        _ => format!("about {:.0} h", seconds / HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_an_estimate_is() {
        let texts = [3.0, 14.0, 59.0, 61.0, 4000.0, 9000.0, 100_000.0].map(about);
        let about = ["10 s", "60 s", "1 min", "67 min", "2.5 h", "28 h"].map(|time| format!("about {time}"));
        assert_eq!(texts[0], "a few seconds");
        assert_eq!(texts[1..], about);
    }
}
