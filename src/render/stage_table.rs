//! Tables that stage kinds give to the report: any kind can show its results without a plot or a section of its own.

use crate::render::table::{Column, Table};
use crate::render::words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A table of results with a title. It is shown on the page, in Markdown and as a CSV file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StageTable {
    /// Heading; tables with the same heading are one table.
    pub title: String,
    /// One sentence on what the table shows.
    pub explanation: String,
    /// Columns. Those without a single value are not shown.
    pub columns: Vec<StageColumn>,
    /// Cells by row, one per column.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a [`StageTable`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageColumn {
    /// Heading.
    pub name: String,
    /// How its values are shown. Text is aligned left, numbers are aligned right.
    pub format: CellFormat,
}

impl StageColumn {
    /// Creates a column.
    pub fn new(name: &str, format: CellFormat) -> Self {
        Self { name: name.to_owned(), format }
    }
}

/// How the values of a column are shown. CSV files hold the numbers themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellFormat {
    /// As text.
    Text,
    /// As a whole number: `1200`.
    Count,
    /// As a percentage of 1 with one decimal: `52.8 %`.
    Percent,
    /// With so many decimals: `0.528`.
    Decimals(usize),
}

/// A value of a [`StageTable`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Cell {
    /// No value, for example because the stage failed.
    Missing,
    /// A number; one that is not finite is shown as missing.
    Number(f64),
    /// Text.
    Text(String),
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<usize> for Cell {
    fn from(value: usize) -> Self {
        Self::Number(value as f64)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl Cell {
    fn is_missing(&self) -> bool {
        self.csv().is_empty()
    }

    fn shown(&self, format: CellFormat) -> String {
        match self {
            Self::Number(value) if value.is_finite() => shown(*value, format),
            Self::Text(text) if !text.is_empty() => text.clone(),
            _ => words::UNKNOWN.into(),
        }
    }

    /// Formats the exact value; empty if it is missing.
    fn csv(&self) -> String {
        match self {
            Self::Number(value) if value.is_finite() => value.to_string(),
            Self::Text(text) => text.clone(),
            _ => String::new(),
        }
    }
}

/// Maximum number of decimals: an f64 has no more.
const MAX_DECIMALS: usize = 17;

fn shown(value: f64, format: CellFormat) -> String {
    match format {
        CellFormat::Text => words::number(value),
        CellFormat::Count => decimal(value, 0),
        CellFormat::Percent => words::percent(value),
        CellFormat::Decimals(decimals) => decimal(value, decimals.min(MAX_DECIMALS)),
    }
}

/// Formats with a fixed number of decimals and without a negative zero.
fn decimal(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(size) if size.chars().all(|c| matches!(c, '0' | '.')) => size.to_owned(),
        _ => text,
    }
}

impl StageTable {
    /// Returns the table as text, without its empty columns.
    pub(crate) fn table(&self) -> Table<'_> {
        let columns = || self.columns.iter().enumerate().filter(|(at, _)| self.has_values(*at));
        let cell = |row: &[Cell], (at, column): (usize, &StageColumn)| {
            row.get(at).unwrap_or(&Cell::Missing).shown(column.format)
        };
        let head = columns()
            .map(|(_, column)| Column { name: column.name.as_str().into(), number: column.format != CellFormat::Text });
        let rows = self.rows.iter().map(|row| columns().map(|column| cell(row, column)).collect());
        Table { columns: head.collect(), rows: rows.collect(), notes: Vec::new() }
    }

    fn has_values(&self, at: usize) -> bool {
        self.rows.iter().any(|row| row.get(at).is_some_and(|cell| !cell.is_missing()))
    }

    /// Returns the heading of the CSV file and its rows, with every column.
    pub(crate) fn csv(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let row = |row: &Vec<Cell>| {
            let cell = |at| row.get(at).unwrap_or(&Cell::Missing).csv();
            (0..self.columns.len()).map(cell).collect()
        };
        (self.columns.iter().map(|column| slug(&column.name, '_')).collect(), self.rows.iter().map(row).collect())
    }
}

/// Returns a distinct name for each table, for its CSV file and its place on the page: `stage-clustering`.
pub(crate) fn names(tables: &[StageTable]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (number, table) in (1..).zip(tables) {
        let name = format!("stage-{}", slug(&table.title, '-'));
        let is_taken = names.contains(&name) || name.ends_with('-');
        names.push(if is_taken { format!("{}-{number}", name.trim_end_matches('-')) } else { name });
    }
    names
}

/// Returns the ASCII letters and digits of a text in lower case, with a separator for everything between them.
pub(crate) fn slug(text: &str, separator: char) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join(&separator.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(title: &str) -> StageTable {
        StageTable {
            title: title.into(),
            columns: vec![
                StageColumn::new("Stage", CellFormat::Text),
                StageColumn::new("Variant", CellFormat::Text),
                StageColumn::new("Images (test)", CellFormat::Count),
                StageColumn::new("Purity", CellFormat::Percent),
                StageColumn::new("ARI", CellFormat::Decimals(3)),
            ],
            rows: vec![
                vec!["a".into(), "".into(), 1200.into(), 0.5284.into(), (-0.0001).into()],
                vec!["b".into(), Cell::Missing, Cell::Missing, f64::NAN.into()],
            ],
            ..StageTable::default()
        }
    }

    #[test]
    fn cells_have_the_format_of_their_column_and_empty_columns_are_left_out() {
        let stage_table = table("Clustering");
        let table = stage_table.table();
        let columns: Vec<_> = table.columns.iter().map(|column| (&*column.name, column.number)).collect();
        assert_eq!(columns, [("Stage", false), ("Images (test)", true), ("Purity", true), ("ARI", true)]);
        assert_eq!(table.rows, [["a", "1200", "52.8 %", "0.000"], ["b", "–", "–", "–"]]);
    }

    #[test]
    fn csv_has_every_column_and_the_exact_numbers() {
        let (head, rows) = table("Clustering").csv();
        assert_eq!(head, ["stage", "variant", "images_test", "purity", "ari"]);
        assert_eq!(rows, [["a", "", "1200", "0.5284", "-0.0001"], ["b", "", "", "", ""]]);
    }

    #[test]
    fn names_are_distinct_and_of_letters() {
        let tables = ["Clustering", "../Clustering!", "", "2 x"].map(table);
        assert_eq!(names(&tables), ["stage-clustering", "stage-clustering-2", "stage-3", "stage-2-x"]);
    }

    #[test]
    fn a_table_round_trips_through_json() {
        let mut table = table("Clustering");
        table.rows[1][3] = Cell::Missing;
        assert_eq!(serde_json::from_str::<StageTable>(&serde_json::to_string(&table).unwrap()).unwrap(), table);
    }
}
