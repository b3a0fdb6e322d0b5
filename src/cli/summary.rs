//! `simclr summary`: shows the networks of a pipeline.

use super::args::{Format, SummaryArguments};
use super::failure::{Failure, Finish};
use super::output;
use crate::base::{Error, Result, human};
use crate::dataset::{self, DatasetConfig};
use crate::model::EncoderConfig;
use crate::model::{self, ProjectionConfig, Summary};
use crate::nn::Precision;
use crate::pipeline;
use crate::stages::pretrain::PretrainConfig;
use crate::stages::supervised::SupervisedConfig;
use crate::stages::{Dataset, Pretrain, Supervised};
use crate::study::{Pipeline, Variant};
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
    let loaded = pipeline::load(&arguments.pipeline.file, &arguments.pipeline.set)?;
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
        for (spec, learning_rate) in specs(pipeline, classes, &mut unknown)? {
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
    fn of_pretrain(name: &str, stage: &PretrainConfig, side: usize) -> Self {
        Self {
            stage: format!("pretrain.{name}"),
            encoder: stage.encoder.clone(),
            precision: stage.precision,
            head: stage.projection.clone(),
            side,
            views: 2 * stage.batch_size,
            state_vectors: stage.optimizer.state_vectors(),
        }
    }

    fn of_supervised(name: &str, stage: &SupervisedConfig, classes: usize, side: usize) -> Self {
        Self {
            stage: format!("supervised.{name}"),
            encoder: stage.encoder.clone(),
            precision: stage.precision,
            head: ProjectionConfig::from(&stage.head(classes)),
            side,
            views: stage.batch_size,
            state_vectors: stage.optimizer.state_vectors(),
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
fn specs(pipeline: &Pipeline, classes: Option<usize>, unknown: &mut Option<Error>) -> Result<Vec<(NetworkSpec, f64)>> {
    let mut specs = Vec::new();
    for (name, stage) in pipeline.all::<Pretrain>() {
        let side = dataset_of(stage.dataset(pipeline)?, pipeline)?.image_size;
        specs.push((NetworkSpec::of_pretrain(name, stage, side), stage.scaled_optimizer().learning_rate()));
    }
    for (name, stage) in pipeline.all::<Supervised>() {
        let dataset = dataset_of(stage.dataset(pipeline)?, pipeline)?;
        match classes.map_or_else(|| count_classes(dataset), Ok) {
            Ok(classes) => {
                let rate = stage.training().optimizer.learning_rate();
                specs.push((NetworkSpec::of_supervised(name, stage, classes, dataset.image_size), rate));
            }
            Err(error) => *unknown = Some(error),
        }
    }
    Ok(specs)
}

fn dataset_of<'a>(name: &str, pipeline: &'a Pipeline) -> Result<&'a DatasetConfig> {
    let dataset = pipeline.all::<Dataset>().find(|(other, _)| *other == name);
    dataset.map(|(_, config)| config).ok_or_else(|| Error::bug(format!("no data set '{name}' in a checked file")))
}

fn count_classes(dataset: &DatasetConfig) -> Result<usize> {
    let names = dataset::class_names(dataset);
    names.map(|names| names.len()).map_err(|error| {
        Error::stage(error.what())
            .at(error.place().unwrap_or("data set").to_owned())
            .help("supervised networks have one output per class: without the data, pass their number with --classes")
    })
}

/// Formats a learning rate with at most six significant digits: `0.075`, `0.166667`, `2.5e-5`.
fn rate(rate: f64) -> String {
    let digits = format!("{rate:.5e}").parse::<f64>().unwrap_or(rate);
    if (1e-4..1e6).contains(&digits) || digits == 0.0 { digits.to_string() } else { format!("{digits:e}") }
}

fn show_text(networks: &[Network]) -> Result<()> {
    let tables = networks.iter().map(|Network { stage, summary, views, training_bytes, learning_rates }| {
        let memory = human::bytes(*training_bytes);
        let rates: Vec<String> = learning_rates.iter().copied().map(rate).collect();
        format!(
            "{stage}\n{}\ntraining memory {memory:>14}  with {views} views per step\nlearning rate   {:>14}  peak\n",
            summary.to_string().trim_end(),
            rates.join(", ")
        )
    });
    output::print(tables.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_no_needless_digits() {
        assert_eq!([0.075, 1.0 / 6.0, 2.5e-5, 0.3].map(rate), ["0.075", "0.166667", "2.5e-5", "0.3"]);
    }
}
