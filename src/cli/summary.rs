//! `simclr summary`: the networks of a pipeline.

use super::args::{Format, SummaryArguments};
use super::failure::{Failure, Finish};
use super::output;
use crate::base::{Error, Result, human};
use crate::config;
use crate::config::{Pipeline, Variant};
use crate::dataset;
use crate::model::EncoderConfig;
use crate::model::{self, Summary};
use crate::nn::Precision;
use serde::Serialize;

/// One network, under the name of the stage that trains it.
#[derive(Serialize)]
struct Network {
    stage: String,
    summary: Summary,
    /// Views in a step of its training.
    views: usize,
    /// Memory of its training at the peak, without that of the program.
    training_bytes: u64,
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

/// The networks of all variants; those that a sweep does not change are there once.
fn networks(variants: &[Variant], classes: Option<usize>) -> Result<Vec<Network>> {
    let mut seen = Vec::new();
    let mut networks = Vec::new();
    for variant in variants {
        for part in parts(&variant.pipeline, classes)? {
            if seen.contains(&part) {
                continue;
            }
            let Part { stage, encoder, head, side, precision, views, state_vectors } = &part;
            let summary = model::summarize(encoder, head, *side).map_err(|error| error.at(stage.clone()))?;
            let training_bytes = summary.training_bytes(*views, *state_vectors, *precision);
            networks.push(Network { stage: stage.clone(), summary, views: *views, training_bytes });
            seen.push(part);
        }
    }
    Ok(networks)
}

/// What a network is made and trained with.
#[derive(PartialEq)]
struct Part {
    stage: String,
    encoder: EncoderConfig,
    /// Outputs of the layers after the encoder.
    head: Vec<usize>,
    /// Side of the pictures.
    side: usize,
    precision: Precision,
    views: usize,
    /// Numbers that the optimiser keeps for each parameter.
    state_vectors: usize,
}

fn parts(pipeline: &Pipeline, classes: Option<usize>) -> Result<Vec<Part>> {
    let side = pipeline.dataset.image_size;
    let mut parts: Vec<Part> = pipeline
        .pretrain
        .iter()
        .map(|stage| Part {
            stage: format!("pretrain.{}", stage.name),
            encoder: stage.encoder.clone(),
            precision: stage.precision,
            head: stage.projection.layers.clone(),
            side,
            views: 2 * stage.batch_size,
            state_vectors: stage.optimizer.state_vectors(),
        })
        .collect();
    if !pipeline.supervised.is_empty() {
        let classes = classes.map_or_else(|| count_classes(pipeline), Ok)?;
        parts.extend(pipeline.supervised.iter().map(|stage| Part {
            stage: format!("supervised.{}", stage.name),
            encoder: stage.encoder.clone(),
            precision: stage.precision,
            head: stage.hidden.iter().copied().chain([classes]).collect(),
            side,
            views: stage.training.batch_size,
            state_vectors: stage.training.optimizer.state_vectors(),
        }));
    }
    Ok(parts)
}

fn count_classes(pipeline: &Pipeline) -> Result<usize> {
    let names = dataset::class_names(&pipeline.dataset);
    names.map(|names| names.len()).map_err(|error| {
        Error::stage(error.what()).at(error.place().unwrap_or("data set").to_owned()).help(
            "supervised networks have an output for each class: name their number with --classes where the data are not there",
        )
    })
}

fn show_text(networks: &[Network]) -> Result<()> {
    let tables = networks.iter().map(|Network { stage, summary, views, training_bytes }| {
        let memory = human::bytes(*training_bytes);
        format!(
            "{stage}\n{}\ntraining memory {memory:>14}  with {views} views a step\n",
            summary.to_string().trim_end()
        )
    });
    output::print(&tables.collect::<Vec<_>>().join("\n"))
}
