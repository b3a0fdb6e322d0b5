//! Figures and tables for the templates, whose macros are in `assets/report/macros.html`.

use crate::render::plots::Figure;
use crate::render::table;
use serde::Serialize;
use std::borrow::Cow;

/// A figure. `image` and `data` are trusted markup and are not escaped.
#[derive(Serialize)]
pub(super) struct FigureView<'a> {
    name: &'a str,
    title: &'a str,
    caption: &'a str,
    /// The figure for wide and for narrow screens.
    image: &'a str,
    /// Its data as JSON, see [`chart_data`](crate::render::charts::chart_data); empty without.
    data: &'a str,
    /// Sheet of the thumbnails of its points, and the position on it of each point's image, -1 without one, as JSON.
    pub(super) points: Option<(usize, String)>,
}

impl<'a> FigureView<'a> {
    pub(super) fn of(figure: &'a Figure) -> Self {
        let data = figure.rendered.data.as_deref().unwrap_or_default();
        let image = &figure.rendered.inline;
        Self { name: &figure.name, title: &figure.title, caption: &figure.caption, image, data, points: None }
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
