//! The accuracies as LaTeX tables, for papers. They need the package `booktabs`.

use crate::base::text::visible;
use crate::render::accuracy_tables;
use crate::render::data::Report;
use crate::render::table::Table;

/// Returns one `table` for each kind of evaluation.
pub(crate) fn tables(report: &Report) -> String {
    let tables = accuracy_tables::of(report).tables;
    let tables: Vec<String> = tables.iter().map(|each| table(&each.title, &each.table)).collect();
    format!("% \\usepackage{{booktabs}}\n\n{}", tables.join("\n"))
}

fn table(title: &str, table: &Table<'_>) -> String {
    let alignment: String = table.columns.iter().map(|column| if column.number { 'r' } else { 'l' }).collect();
    let head = line(table.columns.iter().map(|column| escaped(&column.name)));
    let rows: String = table.rows.iter().map(|row| line(row.iter().map(|cell| value(cell)))).collect();
    let notes: Vec<String> = table.notes.iter().map(|note| escaped(note)).collect();
    format!(
        "\\begin{{table}}\n\\centering\n\\caption{{{}. {}}}\n\\begin{{tabular}}{{{alignment}}}\n\\toprule\n{head}\\midrule\n\
         {rows}\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n",
        escaped(title),
        notes.join(" ")
    )
}

fn line(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join(" & ") + " \\\\\n"
}

/// Sets an interval in small type: `48.4\,\% {\scriptsize (46.2--50.5)}`.
fn value(cell: &str) -> String {
    match cell.split_once(" (") {
        Some((value, interval)) if interval.contains(" – ") => {
            format!("{} {{\\scriptsize ({}}}", escaped(value), escaped(interval))
        }
        _ => escaped(cell),
    }
}

/// Escapes the special characters of LaTeX and writes dashes and signs in ASCII.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in visible(&text.replace(" – ", "–").replace(" %", "\u{2009}%")).chars() {
        match c {
            '%' | '&' | '#' | '_' | '$' | '{' | '}' => escaped.extend(['\\', c]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' | '>' | '|' => escaped.extend(['$', c, '$']),
            '†' => escaped.push_str("\\textdagger{}"),
            '–' => escaped.push_str("--"),
            '−' => escaped.push_str("$-$"),
            '\u{2009}' => escaped.push_str("\\,"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::data::{EvaluationKind, EvaluationResult};

    #[test]
    fn a_table_has_intervals_and_hostile_names_stay_text() {
        let result = EvaluationResult {
            kind: EvaluationKind::Knn,
            from: Some("a_b & \\input{x}%".into()),
            depth: Some(0),
            depth_label: "h (64-d)".into(),
            fraction: 0.1,
            accuracy: 0.484,
            interval: (0.462, 0.505),
            ..EvaluationResult::default()
        };
        let text = tables(&Report { results: vec![result], ..Report::default() });
        let row =
            "a\\_b \\& \\textbackslash{}input\\{x\\}\\% & 10\\,\\% & 48.4\\,\\% {\\scriptsize (46.2--50.5)} \\\\\n";
        assert!(text.contains("\\begin{tabular}{lrr}") && text.contains(row), "{text}");
    }
}
