//! Test accuracy of every evaluation.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};
use crate::render::page::view::{FigureView, TableView};
use crate::render::{plots, table};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/results.html");

#[derive(Serialize)]
struct Results<'a> {
    results: TableView<'a>,
    figures: Vec<FigureView<'a>>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let results: TableView<'_> = table::results(content.report).into();
    if results.rows.is_empty() {
        return Ok(Vec::new());
    }
    let results = Results { results, figures: content.figures(plots::Section::Results) };
    Ok(vec![section("results", "Results", TEMPLATE, results)?])
}
