//! The results of a run: verdict and short tables on a terminal, Markdown or JSON for everything else.

use super::args::ResultsFormat;
use super::fit::wrap_indented;
use super::output;
use super::table::{Cell, Column, fitted, natural_width};
use super::text::{Style, Text};
use crate::base::text::visible;
use crate::base::{Result, files};
use crate::pipeline;
use crate::render::brief::{Brief, BriefTable};
use serde_json::json;
use std::path::PathBuf;

/// Maximum number of columns of a line of sentences; longer ones are hard to read.
const MAX_TEXT_WIDTH: usize = 100;
const INDENT: usize = 2;

/// What a run has to show.
pub(super) enum RunResults {
    /// There is no report, for this reason.
    None(&'static str),
    /// A published report.
    Report {
        /// The published page.
        page: PathBuf,
        /// Directory of the report's files.
        artifact: PathBuf,
    },
}

/// Prints the results; by default as text on a terminal and as Markdown elsewhere.
pub(super) fn show(results: &RunResults, format: Option<ResultsFormat>) -> Result<()> {
    let default = if output::is_terminal() { ResultsFormat::Text } else { ResultsFormat::Markdown };
    match (results, format.unwrap_or(default)) {
        (RunResults::None(why), ResultsFormat::Json) => output::print_json(&json!({ "report": null, "why": why })),
        (RunResults::None(why), _) => output::print(format!("{why}\n")),
        (RunResults::Report { page, artifact }, format) => {
            let place = format!("report: {}\n", page.display());
            match format {
                ResultsFormat::Markdown => {
                    let table = files::read_text(&artifact.join(pipeline::RESULTS))?;
                    output::print(format!("{}\n\n{place}", table.trim_end()))
                }
                ResultsFormat::Text => {
                    let brief = pipeline::read_brief(artifact)?;
                    output::print(text(&brief, output::width()).with("\n").with(place))
                }
                ResultsFormat::Json => {
                    let brief = pipeline::read_brief(artifact)?;
                    output::print_json(&json!({ "report": page, "results": brief }))
                }
            }
        }
    }
}

/// Formats the verdict and the tables in lines of at most `width` columns.
fn text(brief: &Brief, width: usize) -> Text {
    let sentences = width.min(MAX_TEXT_WIDTH);
    let mut parts: Vec<Text> =
        vec![brief.verdict.iter().map(|(topic, text)| statement(topic, text, sentences)).collect()];
    parts.extend(brief.tables.iter().map(|table| titled_table(table, width)));
    let note = |note: &String| Text::styled(indented(note, sentences), Style::Dim).with("\n");
    parts.push(brief.notes.iter().map(note).collect());
    Text::from("\n").with(Text::join(parts, "\n"))
}

fn statement(topic: &str, text: &str, width: usize) -> Text {
    let topic = format!("{}.", visible(topic));
    let lines = wrap_indented(&format!("{topic} {}", visible(text)), width, INDENT);
    match lines.strip_prefix(&topic) {
        Some(rest) => Text::styled(topic, Style::Strong).with(format!("{rest}\n")),
        None => format!("{lines}\n").into(),
    }
}

fn indented(text: &str, width: usize) -> String {
    format!("{}{}", " ".repeat(INDENT), wrap_indented(&visible(text), width, INDENT))
}

fn titled_table(table: &BriefTable, width: usize) -> Text {
    let column = |number: &bool| if *number { Column::right().cut_middle(6) } else { Column::left().cut_middle(8) };
    let columns: Vec<Column> = table.columns.iter().map(|(_, number)| column(number)).collect();
    let short = if table.short_rows.is_empty() { &table.rows } else { &table.short_rows };
    let forms = [(1, &table.rows), (2, &table.rows), (2, short)].map(|(lines, rows)| cells(table, lines, rows));
    let [.., last] = &forms;
    let rows = forms.iter().find(|rows| natural_width(rows) <= width).unwrap_or(last);
    Text::styled(visible(&table.title), Style::Strong).with("\n").with(fitted(rows, &columns, width))
}

/// Returns the headings in one or two lines, then the rows. A heading is divided before its parenthesis.
fn cells(table: &BriefTable, lines: usize, rows: &[Vec<String>]) -> Vec<Vec<Cell>> {
    let names = || table.columns.iter().map(|(name, _)| name.as_str());
    let divided = |name: &str| {
        name.find(" (")
            .map_or((name.to_owned(), String::new()), |at| (name[..at].to_owned(), name[at + 1..].to_owned()))
    };
    let mut cells: Vec<Vec<Cell>> = match lines {
        2 if names().any(|name| name.contains(" (")) => vec![
            names().map(|name| Cell::heading(divided(name).0)).collect(),
            names().map(|name| Cell::heading(divided(name).1)).collect(),
        ],
        _ => vec![names().map(Cell::heading).collect()],
    };
    cells.extend(rows.iter().map(|row| row.iter().map(|cell| cell.as_str().into()).collect()));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    fn brief() -> Brief {
        let columns =
            [("Pretraining run", false), ("Labels", true), ("h (64-d)", true), ("projection layer 1 (64-d)", true)];
        let row = |cell: &str| vec!["main (selected)".to_owned(), "10 %".to_owned(), cell.to_owned(), cell.to_owned()];
        let table = BriefTable {
            title: "Linear evaluation".to_owned(),
            columns: columns.map(|(name, number)| (name.to_owned(), number)).to_vec(),
            rows: vec![row("54.2 % (51.9 – 56.4)")],
            short_rows: vec![row("54.2 %")],
        };
        let sentence = "With 10 % of the labels, linear evaluation reaches 54.2 % on h (64-d) of `main`.".repeat(3);
        Brief {
            verdict: vec![("Accuracy".to_owned(), sentence)],
            tables: vec![table],
            notes: vec!["Test accuracy with 95 % confidence interval in percent.".to_owned()],
        }
    }

    fn plain(width: usize) -> String {
        anstream::adapter::strip_str(&text(&brief(), width).to_string()).to_string()
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 20..140 {
            let text = plain(width);
            assert!(text.lines().all(|line| line.width() <= width), "{width}:\n{text}");
        }
    }

    #[test]
    fn intervals_are_left_out_where_they_do_not_fit() {
        let (wide, middle, narrow) = (plain(100), plain(70), plain(60));
        assert!(wide.contains("projection layer 1 (64-d)\n") && wide.contains("54.2 % (51.9 – 56.4)"), "{wide}");
        assert!(middle.contains("  projection layer 1\n") && middle.contains("54.2 % (51.9 – 56.4)"), "{middle}");
        assert!(narrow.contains("54.2 %") && !narrow.contains("51.9") && narrow.contains("(64-d)"), "{narrow}");
    }
}
