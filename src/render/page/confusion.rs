//! Confusion matrices and recall by class.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};
use crate::render::page::view::{FigureView, TableView};
use crate::render::{plots, table};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/confusion.html");

#[derive(Serialize)]
struct Confusion<'a> {
    figures: Vec<FigureView<'a>>,
    recalls: TableView<'a>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let figures = content.figures(plots::Section::Confusion);
    if figures.is_empty() {
        return Ok(Vec::new());
    }
    let recalls = table::recalls(&plots::confusion::shown(&content.groups)).into();
    Ok(vec![
        section("confusion", "Confusion matrices", TEMPLATE, Confusion { figures, recalls })?
            .folded_if(content.is_large_sweep()),
    ])
}
