//! Two-dimensional embeddings of the features.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};
use crate::render::page::view::FigureView;
use crate::render::plots;
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/embeddings.html");

#[derive(Serialize)]
struct Embeddings<'a> {
    figures: Vec<FigureView<'a>>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let mut figures = content.figures(plots::Section::Embedding);
    for (figure, panels) in
        figures.iter_mut().zip(plots::embedding::charts(&content.report.embeddings, &content.groups))
    {
        let found = content.sprites.positions(&panels[0].dataset, &panels[0].images);
        figure.points = found.and_then(|(sheet, positions)| Some((sheet, serde_json::to_string(&positions).ok()?)));
    }
    if figures.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![section("embeddings", "Embeddings", TEMPLATE, Embeddings { figures })?.folded_if(content.is_large_sweep())])
}
