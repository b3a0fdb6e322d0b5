//! Representation diagnostics, with a diagnosis for each representation.

use crate::base::Result;
use crate::render::data::{HealthRow, SimilarityRow};
use crate::render::page::section::{Content, Section, section};
use crate::render::verdict::collapse;
use crate::render::{similarities, words};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/diagnostics.html");

#[derive(Serialize)]
struct Diagnostics {
    /// Whether a representation has collapsed, in a sentence.
    answer: String,
    rows: Vec<[String; 7]>,
    /// The rows of runs that a sweep with many runs does not select.
    others: Vec<[String; 7]>,
    is_folded: bool,
}

/// Maximum number of rows of which all are shown.
const MAX_ROWS: usize = 8;

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let health = &content.report.health;
    if health.is_empty() {
        return Ok(Vec::new());
    }
    let shown = similarities::shown(content.report, &content.groups);
    let is_shown = |row: &&HealthRow| {
        let is_selected = |other: &&SimilarityRow| {
            row.stage.strip_prefix("pretrain.") == Some(&other.run) && row.variant == other.variant
        };
        health.len() <= MAX_ROWS || row.is_untrained || shown.iter().any(is_selected)
    };
    let (rows, others): (Vec<&HealthRow>, Vec<&HealthRow>) = health.iter().partition(is_shown);
    let (rows, others) = (rows.into_iter().map(cells).collect(), others.into_iter().map(cells).collect());
    let answer = collapse::statement(content.report).map(|statement| statement.text).unwrap_or_default();
    let is_folded = content.is_large_sweep();
    let diagnostics = Diagnostics { answer, rows, others, is_folded };
    Ok(vec![section("health", "Representation diagnostics", TEMPLATE, diagnostics)?])
}

fn cells(row: &HealthRow) -> [String; 7] {
    let even = 1.0 / (row.width.max(1) as f64).sqrt();
    [
        words::join_nonempty(&[&row.stage, &row.variant]),
        row.depth_label.clone(),
        words::signed_decimals(row.alignment, 3),
        words::signed_decimals(row.uniformity, 3),
        format!("{} of {}", words::signed_decimals(row.spread, 3), words::signed_decimals(even, 3)),
        format!("{} of {}", words::signed_decimals(row.effective_rank, 1), row.width),
        collapse::diagnosis(row).to_owned(),
    ]
}
