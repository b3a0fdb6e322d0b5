//! `simclr summary`: shows the networks of a pipeline.

use super::args::{Format, SummaryArguments};
use super::failure::{Failure, Finish};
use super::output;
use crate::base::{Error, Result, human};
use crate::config;
use crate::config::pipeline::{Pretrain, Supervised};
use crate::config::{Pipeline, Variant};
use crate::dataset;
use crate::model::EncoderConfig;
use crate::model::{self, ProjectionConfig, Summary};
use crate::nn::Precision;
use serde::Serialize;

/// A network and the stage that trains it.
#[derive(Serialize)]
struct Network {
    stage: String,
    summary: Summary,
    /// Views per training step.
    views: usize,
    /// Peak memory of training, bytes, not counting the program itself.
    training_bytes: u64,
    /// Peak learning rates, in the order of the sweep.
    learning_rates: Vec<f64>,
}

pub(super) fn run(arguments: &SummaryArguments) -> Result<Finish, Failure> {
    let loaded = config::load(&arguments.pipeline.file, &arguments.pipeline.set)?;
    let networks = networks(&loaded.study.variants, arguments.classes.map(usize::from))?;
    match arguments.format {
        Format::Text => show_text(&networks)?,
        Format::Json => output::print_json(&networks)?,
    }
    Ok(Finish::Done)
}

/// Returns the networks of all variants; a network that a sweep does not change appears once.
fn networks(variants: &[Variant], classes: Option<usize>) -> Result<Vec<Network>> {
    let mut seen: Vec<NetworkSpec> = Vec::new();
    let mut networks: Vec<Network> = Vec::new();
    let mut unknown = None;
    for Variant { pipeline, .. } in variants {
        for (spec, learning_rate) in specs(pipeline, classes, &mut unknown) {
            let index = match seen.iter().position(|other| *other == spec) {
                Some(index) => index,
                None => {
                    networks.push(spec.network()?);
                    seen.push(spec);
                    seen.len() - 1
                }
            };
            let rates = &mut networks[index].learning_rates;
            if !rates.contains(&learning_rate) {
                rates.push(learning_rate);
            }
        }
    }
    match unknown {
        Some(error) if networks.is_empty() => return Err(error),
        Some(error) => output::warn(format!("supervised networks are left out: {error}")),
        None => {}
    }
    Ok(networks)
}

/// The configuration of a network and its training.
#[derive(PartialEq)]
struct NetworkSpec {
    stage: String,
    encoder: EncoderConfig,
    /// The layers after the encoder.
    head: ProjectionConfig,
    /// Side of the square images, pixels.
    side: usize,
    precision: Precision,
    views: usize,
    /// Values that the optimizer keeps per parameter.
    state_vectors: usize,
}

impl NetworkSpec {
    fn of_pretrain(stage: &Pretrain, side: usize) -> Self {
        Self {
            stage: format!("pretrain.{}", stage.name),
            encoder: stage.encoder.clone(),
            precision: stage.precision,
            head: stage.projection.clone(),
            side,
            views: 2 * stage.batch_size,
            state_vectors: stage.optimizer.state_vectors(),
        }
    }

    fn of_supervised(stage: &Supervised, classes: usize, side: usize) -> Self {
        let layers: Vec<usize> = stage.hidden.iter().copied().chain([classes]).collect();
        Self {
            stage: format!("supervised.{}", stage.name),
            encoder: stage.encoder.clone(),
            precision: stage.precision,
            head: ProjectionConfig::from(&layers),
            side,
            views: stage.training.batch_size,
            state_vectors: stage.training.optimizer.state_vectors(),
        }
    }

    fn network(&self) -> Result<Network> {
        let summary = model::summarize(&self.encoder, &self.head, self.side);
        let summary = summary.map_err(|error| error.at(self.stage.clone()))?;
        let training_bytes = summary.training_bytes(self.views, self.state_vectors, self.precision);
        let (stage, views) = (self.stage.clone(), self.views);
        Ok(Network { stage, summary, views, training_bytes, learning_rates: Vec::new() })
    }
}

/// Returns the networks of one variant with their peak learning rates. Supervised networks need the number of classes:
/// if it cannot be determined, they are omitted and `unknown` is set to the reason.
fn specs(pipeline: &Pipeline, classes: Option<usize>, unknown: &mut Option<Error>) -> Vec<(NetworkSpec, f64)> {
    let side = pipeline.dataset.image_size;
    let pretrained = pipeline.pretrain.iter();
    let mut specs: Vec<(NetworkSpec, f64)> =
        pretrained.map(|stage| (NetworkSpec::of_pretrain(stage, side), stage.optimizer.learning_rate())).collect();
    if pipeline.supervised.is_empty() {
        return specs;
    }
    match classes.map_or_else(|| count_classes(pipeline), Ok) {
        Ok(classes) => specs.extend(pipeline.supervised.iter().map(|stage| {
            let rate = stage.training.optimizer.learning_rate();
            (NetworkSpec::of_supervised(stage, classes, side), rate)
        })),
        Err(error) => *unknown = Some(error),
    }
    specs
}

fn count_classes(pipeline: &Pipeline) -> Result<usize> {
    let names = dataset::class_names(&pipeline.dataset);
    names.map(|names| names.len()).map_err(|error| {
        Error::stage(error.what())
            .at(error.place().unwrap_or("data set").to_owned())
            .help("supervised networks have one output per class: without the data, pass their number with --classes")
    })
}

fn show_text(networks: &[Network]) -> Result<()> {
    let tables = networks.iter().map(|Network { stage, summary, views, training_bytes, learning_rates }| {
        let memory = human::bytes(*training_bytes);
        let rates: Vec<String> = learning_rates.iter().map(f64::to_string).collect();
        format!(
            "{stage}\n{}\ntraining memory {memory:>14}  with {views} views per step\nlearning rate   {:>14}  peak\n",
            summary.to_string().trim_end(),
            rates.join(", ")
        )
    });
    output::print(tables.collect::<Vec<_>>().join("\n"))
}
