//! Representation diagnostics, with a diagnosis for each representation.

use crate::base::Result;
use crate::render::data::HealthRow;
use crate::render::page::section::{Content, Section, section};
use crate::render::verdict::collapse;
use crate::render::words;
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/diagnostics.html");

#[derive(Serialize)]
struct Diagnostics {
    /// Whether a representation has collapsed, in a sentence.
    answer: String,
    rows: Vec<[String; 7]>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let rows: Vec<_> = content.report.health.iter().map(cells).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let answer = collapse::statement(content.report).map(|statement| statement.text).unwrap_or_default();
    Ok(vec![section("health", "Representation diagnostics", TEMPLATE, Diagnostics { answer, rows })?])
}

fn cells(row: &HealthRow) -> [String; 7] {
    let even = 1.0 / (row.width.max(1) as f64).sqrt();
    let named = [row.stage.as_str(), row.variant.as_str()].into_iter().filter(|part| !part.is_empty());
    [
        named.collect::<Vec<_>>().join(", "),
        row.depth_label.clone(),
        words::signed_decimals(row.alignment, 3),
        words::signed_decimals(row.uniformity, 3),
        format!("{} of {}", words::signed_decimals(row.spread, 3), words::signed_decimals(even, 3)),
        format!("{} of {}", words::signed_decimals(row.effective_rank, 1), row.width),
        collapse::diagnosis(row).to_owned(),
    ]
}
