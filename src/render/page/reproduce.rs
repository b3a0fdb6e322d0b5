//! How to reproduce the results.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};

const TEMPLATE: &str = include_str!("../../../assets/report/reproduce.html");

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let reproduce = &content.report.reproduce;
    let is_empty = reproduce.command.is_empty() && reproduce.resolved_toml.is_empty() && reproduce.versions.is_empty();
    if is_empty {
        return Ok(Vec::new());
    }
    Ok(vec![section("reproduce", "Reproduce these results", TEMPLATE, reproduce)?])
}
