//! Test accuracy of every evaluation.

use crate::base::Result;
use crate::render::accuracy_tables::{self, AccuracyTables};
use crate::render::page::section::{Content, Section, section};
use crate::render::page::view::{FigureView, TableView};
use crate::render::{plots, table};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/results.html");

#[derive(Serialize)]
struct Results<'a> {
    tables: Vec<(String, TableView<'static>)>,
    /// Number of variants of the sweep that the tables leave out, and the one that they show.
    omitted: usize,
    shown: String,
    /// Notes on the tables, each once.
    notes: Vec<&'static str>,
    all: TableView<'static>,
    figures: Vec<FigureView<'a>>,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let all: TableView<'_> = table::results(content.report).into();
    if all.rows.is_empty() {
        return Ok(Vec::new());
    }
    let AccuracyTables { tables, omitted, shown } = accuracy_tables::of(content.report);
    let mut notes: Vec<&'static str> = Vec::new();
    for note in tables.iter().flat_map(|each| &each.table.notes) {
        if !notes.contains(note) {
            notes.push(note);
        }
    }
    let tables = tables.into_iter().map(|each| (each.title, each.table.into())).collect();
    let results = Results { tables, omitted, shown, notes, all, figures: content.figures(plots::Section::Results) };
    Ok(vec![section("results", "Results", TEMPLATE, results)?])
}
