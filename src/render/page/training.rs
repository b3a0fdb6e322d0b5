//! Training curves.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};
use crate::render::page::view::FigureView;
use crate::render::plots;
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/training.html");

#[derive(Serialize)]
struct Training<'a> {
    figures: Vec<FigureView<'a>>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let figures = content.figures(plots::Section::Training);
    if figures.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![section("training", "Training", TEMPLATE, Training { figures })?])
}
