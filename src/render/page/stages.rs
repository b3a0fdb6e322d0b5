//! The graph of stages.

use crate::base::Result;
use crate::render::data::StageRow;
use crate::render::graph;
use crate::render::page::section::{Content, Section, section};
use serde::Serialize;
use std::collections::BTreeMap;

const TEMPLATE: &str = include_str!("../../../assets/report/stages.html");

#[derive(Serialize)]
struct Stages {
    /// SVG; the published page has one with times.
    graph: String,
    /// Name, kind, inputs and the beginning of the key.
    stages: Vec<[String; 4]>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let stages: Vec<_> = content.report.stages.iter().map(cells).collect();
    if stages.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![
        section(
            "stages",
            "Stages",
            TEMPLATE,
            Stages { graph: graph::svg(&content.report.stages, &BTreeMap::new()), stages },
        )?
        .folded_if(content.is_large_sweep()),
    ])
}

fn cells(stage: &StageRow) -> [String; 4] {
    let key: String = stage.key.chars().take(12).collect();
    [stage.name.clone(), stage.kind.clone(), stage.inputs.join(", "), key]
}
