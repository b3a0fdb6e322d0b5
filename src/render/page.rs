//! The page: a report as one self-contained HTML file.

use crate::base::Result;
use crate::base::text::visible;
use crate::dataset::ClassCount;
use crate::render::data::{HealthRow, Report, Reproduce, StageRow};
use crate::render::draw::canvas;
use crate::render::plots::{Figure, Section};
use crate::render::stage_table::{self, StageTable};
use crate::render::verdict::{Statement, collapse};
use crate::render::{comparison_table, html, table, verdict, words};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;

const TEMPLATE: &str = include_str!("../../assets/report.html");
const STYLE: &str = include_str!("../../assets/report.css");
/// Maximum number of skipped or damaged files listed on the page; the CSV has all.
const MAX_FILES: usize = 50;

/// A figure for the template. `image` is trusted markup and is not escaped.
#[derive(Serialize)]
struct FigureView<'a> {
    name: &'a str,
    title: &'a str,
    caption: &'a str,
    image: String,
}

/// A table for the template.
#[derive(Serialize)]
struct TableView<'a> {
    columns: Vec<(&'a str, bool)>,
    rows: Vec<Vec<String>>,
    notes: Vec<&'static str>,
}

/// A table of a stage kind for the template.
#[derive(Serialize)]
struct StageTableView<'a> {
    /// Name of its place on the page and of its CSV file.
    name: String,
    title: &'a str,
    explanation: &'a str,
    grid: TableView<'a>,
}

/// The variables of the template.
#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    study: &'a str,
    style: &'static str,
    fonts: String,
    shapes: &'static str,
    verdict: Vec<Statement>,
    comparisons: TableView<'a>,
    description: &'a [(String, String)],
    settings: &'a [String],
    variants: Vec<&'a str>,
    results: TableView<'a>,
    tables: Vec<StageTableView<'a>>,
    result_figures: Vec<FigureView<'a>>,
    training_figures: Vec<FigureView<'a>>,
    confusion_figures: Vec<FigureView<'a>>,
    embedding_figures: Vec<FigureView<'a>>,
    health: Vec<[String; 7]>,
    pairs: Vec<(&'a str, String)>,
    source: &'a str,
    image_size: usize,
    classes: Vec<ClassCount>,
    skipped: &'a [(String, String)],
    skipped_count: usize,
    damaged: &'a [(String, String)],
    damaged_count: usize,
    models: &'a [(String, String)],
    stages: Vec<[String; 4]>,
    reproduce: &'a Reproduce,
    failures: &'a [(String, String)],
}

/// Renders the page as HTML.
pub(crate) fn html(report: &Report, figures: &[Figure]) -> Result<String> {
    html::fill("report.html", TEMPLATE, page(report, figures))
}

fn page<'a>(report: &'a Report, figures: &'a [Figure]) -> Page<'a> {
    let section = |section| figures.iter().filter(|figure| figure.section == section).map(view).collect();
    let (skipped, damaged) = (&report.dataset.skipped, &report.dataset.damaged);
    Page {
        title: [&report.title, &report.study]
            .into_iter()
            .find(|name| !name.is_empty())
            .map_or("Report", String::as_str),
        study: if report.title.is_empty() { "" } else { &report.study },
        style: STYLE,
        fonts: canvas::font_faces(),
        shapes: canvas::SHAPES,
        verdict: verdict::statements(report).into_iter().map(with_markup).collect(),
        comparisons: table_view(comparison_table::shown(report)),
        description: &report.description,
        settings: &report.settings,
        variants: variants(report),
        results: table_view(table::results(report)),
        tables: stage_tables(&report.tables),
        result_figures: section(Section::Results),
        training_figures: section(Section::Training),
        confusion_figures: section(Section::Confusion),
        embedding_figures: section(Section::Embedding),
        health: report.health.iter().map(health).collect(),
        pairs: report.pairs.iter().map(|pair| (pair.policy.as_str(), BASE64_STANDARD.encode(&pair.png))).collect(),
        source: &report.dataset.source,
        image_size: report.dataset.image_size,
        classes: classes(report),
        skipped: &skipped[..skipped.len().min(MAX_FILES)],
        skipped_count: skipped.len(),
        damaged: &damaged[..damaged.len().min(MAX_FILES)],
        damaged_count: damaged.len(),
        models: &report.models,
        stages: report.stages.iter().map(stage).collect(),
        reproduce: &report.reproduce,
        failures: &report.failures,
    }
}

fn view(figure: &Figure) -> FigureView<'_> {
    let image = if figure.heavy {
        let data = BASE64_STANDARD.encode(&figure.png);
        format!("<img class=\"plot\" alt=\"\" src=\"data:image/png;base64,{data}\">")
    } else {
        figure.svg.clone()
    };
    FigureView { name: &figure.name, title: &figure.title, caption: &figure.caption, image }
}

fn table_view(table: table::Table<'_>) -> TableView<'_> {
    let columns = table.columns.iter().map(|column| (column.name, column.number)).collect();
    TableView { columns, rows: table.rows, notes: table.notes }
}

fn stage_tables(tables: &[StageTable]) -> Vec<StageTableView<'_>> {
    let named = stage_table::names(tables).into_iter().zip(tables);
    named
        .filter(|(_, table)| !table.rows.is_empty())
        .map(|(name, table)| StageTableView {
            name,
            title: &table.title,
            explanation: &table.explanation,
            grid: table_view(table.table()),
        })
        .collect()
}

/// Converts a statement to HTML: text in backticks becomes code, and a no-break space keeps a number and `%` together.
fn with_markup(statement: Statement) -> Statement {
    let text = visible(&statement.text);
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
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

/// Returns the number of images of each class, and the totals.
fn classes(report: &Report) -> Vec<ClassCount> {
    let mut rows = report.dataset.classes.clone();
    if rows.len() > 1 {
        let sum = |count: fn(&ClassCount) -> usize| report.dataset.classes.iter().map(count).sum();
        rows.push(ClassCount {
            name: "all".into(),
            train: sum(|class| class.train),
            validation: sum(|class| class.validation),
            test: sum(|class| class.test),
        });
    }
    rows
}

fn health(row: &HealthRow) -> [String; 7] {
    let even = 1.0 / (row.width.max(1) as f64).sqrt();
    [
        [row.stage.as_str(), row.variant.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", "),
        row.depth_label.clone(),
        words::number(row.alignment),
        words::number(row.uniformity),
        format!("{} of {}", words::number(row.spread), words::number(even)),
        format!("{} of {}", words::number(row.effective_rank), row.width),
        collapse::diagnosis(row).to_owned(),
    ]
}

fn stage(stage: &StageRow) -> [String; 4] {
    let key: String = stage.key.chars().take(12).collect();
    [stage.name.clone(), stage.kind.clone(), stage.inputs.join(", "), key]
}

/// Returns the distinct variants of the sweep.
fn variants(report: &Report) -> Vec<&str> {
    let of_curves = report.curves.iter().map(|curve| curve.variant.as_str());
    let mut variants: Vec<&str> = Vec::new();
    for variant in report.results.iter().map(|result| result.variant.as_str()).chain(of_curves) {
        if !variant.is_empty() && !variants.contains(&variant) {
            variants.push(variant);
        }
    }
    variants
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
