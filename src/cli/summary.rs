//! `simclr summary`: the networks of a pipeline.

use super::args::{Format, SummaryArguments};
use super::failure::{Failure, Finish};
use super::output;
use crate::base::{Error, Result};
use crate::config;
use crate::config::{Pipeline, Variant};
use crate::dataset;
use crate::model::EncoderConfig;
use crate::model::{self, Summary};
use serde::Serialize;

/// One network, under the name of the stage that trains it.
#[derive(Serialize)]
struct Network {
    stage: String,
    summary: Summary,
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
            let (stage, encoder, head, side) = &part;
            let summary = model::summarize(encoder, head, *side).map_err(|error| error.at(stage.clone()))?;
            networks.push(Network { stage: stage.clone(), summary });
            seen.push(part);
        }
    }
    Ok(networks)
}

/// Stage, encoder, layers after it and side of the pictures.
type Part = (String, EncoderConfig, Vec<usize>, usize);

fn parts(pipeline: &Pipeline, classes: Option<usize>) -> Result<Vec<Part>> {
    let side = pipeline.dataset.image_size;
    let mut parts: Vec<Part> = pipeline
        .pretrain
        .iter()
        .map(|stage| (format!("pretrain.{}", stage.name), stage.encoder.clone(), stage.projection.layers.clone(), side))
        .collect();
    if !pipeline.supervised.is_empty() {
        let classes = classes.map_or_else(|| count_classes(pipeline), Ok)?;
        parts.extend(pipeline.supervised.iter().map(|stage| {
            let head = stage.hidden.iter().copied().chain([classes]).collect();
            (format!("supervised.{}", stage.name), stage.encoder.clone(), head, side)
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
    let tables =
        networks.iter().map(|Network { stage, summary }| format!("{stage}\n{}\n", summary.to_string().trim_end()));
    output::print(&tables.collect::<Vec<_>>().join("\n"))
}
