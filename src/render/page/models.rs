//! The networks, layer by layer.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/models.html");

#[derive(Serialize)]
struct Models<'a> {
    models: &'a [(String, String)],
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let models = &content.report.models;
    if models.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![section("models", "Models", TEMPLATE, Models { models })?.folded_if(content.is_large_sweep())])
}
