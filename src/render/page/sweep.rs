//! What a sweep varied, and how the results depend on it.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};
use crate::render::page::view::FigureView;
use crate::render::plots;
use crate::render::sweep_table::{self, SweepTable};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/sweep.html");

#[derive(Serialize)]
struct Sweep<'a> {
    settings: &'a [String],
    table: SweepTable,
    figures: Vec<FigureView<'a>>,
    /// Number of figures that are not folded: those of the first kind of evaluation.
    shown: usize,
    variants: Vec<&'a str>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let (settings, variants) = (&content.report.settings, variants(content));
    if settings.is_empty() && variants.is_empty() {
        return Ok(Vec::new());
    }
    let (table, figures) = (sweep_table::of(content.report), content.figures(plots::Section::Sweep));
    let shown = settings.iter().filter(|setting| *setting != "seed").count().max(1);
    Ok(vec![section("varied", "Sweep", TEMPLATE, Sweep { settings, table, figures, shown, variants })?])
}

/// Returns the distinct variants of the sweep.
fn variants<'a>(content: &Content<'a>) -> Vec<&'a str> {
    let report = content.report;
    let of_curves = report.curves.iter().map(|curve| curve.variant.as_str());
    let mut variants: Vec<&str> = Vec::new();
    for variant in report.results.iter().map(|result| result.variant.as_str()).chain(of_curves) {
        if !variant.is_empty() && !variants.contains(&variant) {
            variants.push(variant);
        }
    }
    variants
}
