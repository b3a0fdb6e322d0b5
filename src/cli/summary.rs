//! `simclr summary`: the networks of a pipeline.

use super::args::{Format, SummaryArguments};
use super::failure::{Failure, Finish};
use super::output;
use crate::base::{Error, Result};
use crate::config;
use crate::config::{Pipeline, Variant};
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
    let networks = networks(&loaded.study.variants)?;
    match arguments.format {
        Format::Text => show_text(&networks)?,
        Format::Json => show_json(&networks)?,
    }
    Ok(Finish::Done)
}

/// The networks of all variants; those that a sweep does not change are there once.
fn networks(variants: &[Variant]) -> Result<Vec<Network>> {
    let mut seen = Vec::new();
    let mut networks = Vec::new();
    for variant in variants {
        for (stage, encoder, head, side) in parts(&variant.pipeline) {
            let part = (stage, encoder.clone(), head.to_vec(), side);
            if seen.contains(&part) {
                continue;
            }
            let summary = model::summarize(encoder, head, side).map_err(|error| error.at(part.0.clone()))?;
            networks.push(Network { stage: part.0.clone(), summary });
            seen.push(part);
        }
    }
    Ok(networks)
}

/// Stage, encoder, layers after it and side of the pictures. The layer with one output a class, whose size only the
/// data tell, is left out.
fn parts(pipeline: &Pipeline) -> impl Iterator<Item = (String, &EncoderConfig, &[usize], usize)> {
    let side = pipeline.dataset.image_size;
    let pretrain = pipeline.pretrain.iter().map(move |stage| {
        (format!("pretrain.{}", stage.name), &stage.encoder, stage.projection.layers.as_slice(), side)
    });
    let supervised = pipeline
        .supervised
        .iter()
        .map(move |stage| (format!("supervised.{}", stage.name), &stage.encoder, stage.hidden.as_slice(), side));
    pretrain.chain(supervised)
}

fn show_text(networks: &[Network]) -> Result<()> {
    let tables =
        networks.iter().map(|Network { stage, summary }| format!("{stage}\n{}\n", summary.to_string().trim_end()));
    output::print(&tables.collect::<Vec<_>>().join("\n"))
}

fn show_json(networks: &[Network]) -> Result<()> {
    let text = serde_json::to_string_pretty(networks);
    let text = text.map_err(|error| Error::bug(format!("the summary has no JSON form: {error}")))?;
    output::print(&format!("{text}\n"))
}
