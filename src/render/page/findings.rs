//! What was found: the verdict, and the differences that it rests on.

use crate::base::Result;
use crate::render::page::section::{Content, Section, section};
use crate::render::page::view::TableView;
use crate::render::verdict::{self, Statement};
use crate::render::{comparison_table, html, key_figures};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../../assets/report/findings.html");

#[derive(Serialize)]
struct Findings<'a> {
    verdict: Vec<Statement>,
    figures: TableView<'a>,
    comparisons: TableView<'a>,
    description: &'a [(String, String)],
    has_results: bool,
}

pub(super) fn sections(content: &Content<'_>) -> Result<Vec<Section>> {
    let findings = Findings {
        verdict: verdict::statements(content.report).into_iter().map(with_markup).collect(),
        figures: key_figures::table(&content.groups).into(),
        comparisons: comparison_table::shown(content.report).into(),
        description: &content.report.description,
        has_results: !content.groups.is_empty(),
    };
    Ok(vec![section("verdict", "Verdict", TEMPLATE, findings)?])
}

/// Converts a statement to HTML: text in backticks becomes code, and a no-break space keeps a number and `%` together.
fn with_markup(statement: Statement) -> Statement {
    let text = html::escaped(&statement.text);
    let parts: Vec<&str> = text.split('`').collect();
    let closed = parts.len() - 1 + parts.len() % 2;
    let part = |(at, part): (usize, &&str)| match at {
        at if at % 2 == 1 && at < closed => format!("<code>{part}</code>"),
        at if at % 2 == 1 => format!("`{part}"),
        _ => (*part).to_owned(),
    };
    let text: String = parts.iter().enumerate().map(part).collect();
    Statement { text: text.replace(" %", "\u{a0}%"), ..statement }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_become_code_and_markup_is_escaped() {
        let of = |text: &str| with_markup(Statement { topic: String::new(), text: text.to_owned() }).text;
        assert_eq!(of("`a` and `<b>` 1 %"), "<code>a</code> and <code>&lt;b&gt;</code> 1\u{a0}%");
        assert_eq!(of("one ` is left"), "one ` is left");
        assert_eq!(of("`a` and ` more"), "<code>a</code> and ` more");
        assert_eq!(of("plain"), "plain");
    }
}
