//! Figures and tables for the templates, whose macros are in `assets/report/macros.html`.

use crate::render::plots::Figure;
use crate::render::table;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;
use std::borrow::Cow;

/// A figure. `image` is trusted markup and is not escaped.
#[derive(Serialize)]
pub(super) struct FigureView<'a> {
    name: &'a str,
    title: &'a str,
    caption: &'a str,
    image: String,
}

impl<'a> FigureView<'a> {
    pub(super) fn of(figure: &'a Figure) -> Self {
        let image = if figure.heavy {
            let data = BASE64_STANDARD.encode(&figure.png);
            format!("<img class=\"plot\" alt=\"\" src=\"data:image/png;base64,{data}\">")
        } else {
            figure.svg.clone()
        };
        Self { name: &figure.name, title: &figure.title, caption: &figure.caption, image }
    }
}

/// A table.
#[derive(Serialize)]
pub(super) struct TableView<'a> {
    /// Name and whether it holds numbers, by column.
    columns: Vec<(Cow<'a, str>, bool)>,
    pub(super) rows: Vec<Vec<String>>,
    notes: Vec<&'static str>,
}

impl<'a> From<table::Table<'a>> for TableView<'a> {
    fn from(table: table::Table<'a>) -> Self {
        let columns = table.columns.into_iter().map(|column| (column.name, column.number)).collect();
        Self { columns, rows: table.rows, notes: table.notes }
    }
}
