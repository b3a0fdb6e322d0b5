//! The results as Markdown.

use crate::base::text::visible;
use crate::render::accuracy_tables::{self, AccuracyTables};
use crate::render::data::Report;
use crate::render::table::{self, Table};
use crate::render::{transfer, verdict};

/// Formats the verdict, the accuracies by depth, every result averaged over seeds, and the tables of stages as Markdown.
///
/// ```
/// let report = simclr::render::Report::default();
/// assert!(simclr::render::results_markdown(&report).ends_with("there are no results.\n"));
/// ```
pub fn results_markdown(report: &Report) -> String {
    let results = table::results(report);
    let AccuracyTables { tables, .. } = accuracy_tables::of(report);
    let statement = |topic: &str, text: &str| format!("**{}.** {}\n", escape(topic), escape_markup(text));
    let statements = verdict::statements(report);
    let mut parts: Vec<String> = statements.iter().map(|each| statement(&each.topic, &each.text)).collect();
    parts.extend(tables.iter().map(|each| format!("## {}\n\n{}", escape(&each.title), grid(&each.table))));
    if !results.rows.is_empty() {
        parts.push(format!("## Every evaluation\n\n{}", grid(&results)));
    }
    let transfer = transfer::table(report);
    if !transfer.rows.is_empty() {
        parts.push(format!("## {}\n\n{}", transfer::TITLE, grid(&transfer)));
    }
    for table in report.tables.iter().filter(|table| !table.rows.is_empty()) {
        let (title, explanation) = (escape(&table.title), escape_markup(&table.explanation));
        parts.push(format!("## {title}\n\n{explanation}\n\n{}", grid(&table.table())));
    }
    parts.join("\n")
}

/// Formats a table with its notes.
fn grid(table: &Table<'_>) -> String {
    let mut text = line(table.columns.iter().map(|column| &*column.name));
    text += &line(table.columns.iter().map(|column| if column.number { "---:" } else { "---" }));
    for row in &table.rows {
        text += &line(row.iter().map(String::as_str));
    }
    for note in &table.notes {
        text += &format!("\n{note}\n");
    }
    text
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.map(escape).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Escapes HTML in a sentence but leaves `p < .001` readable.
fn escape_markup(sentence: &str) -> String {
    let mut text = String::with_capacity(sentence.len());
    let shown = visible(sentence);
    let mut rest = shown.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '<' if rest.peek() != Some(&' ') => text.push_str("&lt;"),
            c => text.push(c),
        }
    }
    text
}

/// Escapes Markdown, line breaks and HTML in a cell.
fn escape(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len());
    for c in visible(cell).chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' => text.extend(['\\', c]),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::data::EvaluationResult;

    #[test]
    fn a_malicious_name_stays_in_its_cell() {
        let hostile = EvaluationResult { stage: "a|b\n<b>".into(), ..Default::default() };
        let text = results_markdown(&Report { results: vec![hostile], ..Report::default() });
        let rows = text.lines().filter(|line| line.starts_with('|'));
        let bars: Vec<usize> = rows.take(3).map(|line| line.replace("\\|", "").matches('|').count()).collect();
        assert!(bars.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        assert!(text.contains(r"a\|b\\n&lt;b&gt;"), "{text}");
    }
}
