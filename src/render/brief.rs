//! What a report found, in brief: the verdict and the short tables, for a terminal or a program.

use crate::render::accuracy_tables::{self, AccuracyTables};
use crate::render::data::Report;
use crate::render::table::{self, Table};
use crate::render::{transfer, verdict};
use serde::Serialize;

/// The verdict and the short tables of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Brief {
    /// Topic and sentences, most important first.
    pub(crate) verdict: Vec<(String, String)>,
    pub(crate) tables: Vec<BriefTable>,
    /// Sentences below the tables, each once.
    pub(crate) notes: Vec<String>,
}

/// A table of text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct BriefTable {
    pub(crate) title: String,
    /// Name of each column, and whether it holds numbers.
    pub(crate) columns: Vec<(String, bool)>,
    /// Cells by row.
    pub(crate) rows: Vec<Vec<String>>,
    /// The same rows without confidence intervals; empty if there are none.
    #[serde(skip)]
    pub(crate) short_rows: Vec<Vec<String>>,
}

/// Returns the verdict and the short tables.
pub(crate) fn brief(report: &Report) -> Brief {
    let AccuracyTables { tables, omitted, shown } = accuracy_tables::of(report);
    let short = accuracy_tables::without_intervals(report).tables.into_iter().map(|short| short.table.rows);
    let mut brief = Brief {
        verdict: verdict::statements(report).into_iter().map(|each| (each.topic, each.text)).collect(),
        ..Brief::default()
    };
    for (each, short_rows) in tables.into_iter().zip(short) {
        brief.add(&each.title, each.table, short_rows);
    }
    if omitted > 0 {
        brief.notes.push(format!("Of the sweep, the variant that validation accuracy selects is shown: {shown}."));
    }
    brief.add(transfer::TITLE, transfer::table(report), Vec::new());
    for table in &report.tables {
        brief.add(&table.title, table.table(), Vec::new());
    }
    brief
}

impl Brief {
    fn add(&mut self, title: &str, table: Table<'_>, short_rows: Vec<Vec<String>>) {
        let Table { columns, rows, notes } = table;
        if rows.is_empty() {
            return;
        }
        let columns = columns.into_iter().map(|table::Column { name, number }| (name.into_owned(), number)).collect();
        self.tables.push(BriefTable { title: title.to_owned(), columns, rows, short_rows });
        for note in notes {
            if !self.notes.iter().any(|known| known == note) {
                self.notes.push(note.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::data::{EvaluationKind, EvaluationResult};

    #[test]
    fn tables_have_depths_as_columns_and_notes_appear_once() {
        let result = |kind, depth| EvaluationResult {
            kind,
            stage: "main".into(),
            from: Some("main".into()),
            depth: Some(depth),
            depth_label: format!("depth {depth} (8-d)"),
            fraction: 1.0,
            accuracy: 0.5,
            interval: (0.4, 0.6),
            ..EvaluationResult::default()
        };
        let kinds = [EvaluationKind::LinearEval, EvaluationKind::Knn];
        let results = kinds.into_iter().flat_map(|kind| [0, 1].map(|depth| result(kind, depth))).collect();
        let brief = brief(&Report { results, ..Report::default() });
        let titles: Vec<&str> = brief.tables.iter().map(|table| table.title.as_str()).collect();
        assert_eq!(titles, ["Linear evaluation", "kNN"]);
        let cell = "50.0 % (40.0 – 60.0)";
        assert_eq!(brief.tables[0].rows, [["main", "100 %", cell, cell]]);
        assert_eq!(brief.tables[0].short_rows, [["main", "100 %", "50.0 %", "50.0 %"]]);
        assert_eq!(brief.notes.iter().filter(|note| *note == accuracy_tables::NOTE).count(), 1);
        assert!(!brief.verdict.is_empty());
    }

    #[test]
    fn an_empty_report_has_a_verdict_and_no_tables() {
        let brief = brief(&Report::default());
        assert_eq!((brief.verdict.len(), brief.tables.len(), brief.notes.len()), (1, 0, 0));
    }
}
