//! Failed stages.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/failures.html");

#[derive(Serialize)]
struct Failures<'a> {
    failures: &'a [(String, String)],
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let failures = &content.report.failures;
    if failures.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![section("failures", "Failures", TEMPLATE, Failures { failures })?])
}
