//! The numbers of the report as CSV files.

use crate::base::rows::quoted;
use crate::base::{Error, Result};
use crate::dataset::ClassCount;
use crate::render::comparison_table;
use crate::render::data::Report;
use crate::render::groups;
use crate::render::stage_table::{self, StageTable};
use crate::render::words;
use csv::Writer;

/// A file of the report: its name below `tables/` and its bytes.
pub(crate) type CsvFile = (String, Vec<u8>);

/// Returns every table, including empty ones: each report has the same files, besides those of [`Report::tables`].
pub(crate) fn all(report: &Report) -> Result<Vec<CsvFile>> {
    let always = fixed(report)?.into_iter().map(|(name, bytes)| Ok((name.to_owned(), bytes)));
    let named = stage_table::names(&report.tables).into_iter().zip(&report.tables);
    always.chain(named.map(|(name, table)| Ok((format!("{name}.csv"), of_stage(table)?)))).collect()
}

fn fixed(report: &Report) -> Result<Vec<(&'static str, Vec<u8>)>> {
    Ok(vec![
        ("results.csv", results(report)?),
        ("summary.csv", summary(report)?),
        ("comparisons.csv", comparisons(report)?),
        ("curves.csv", curves(report)?),
        ("confusion.csv", confusion(report)?),
        ("embeddings.csv", embeddings(report)?),
        ("health.csv", health(report)?),
        ("dataset.csv", dataset(report)?),
        ("skipped.csv", files(&report.dataset.skipped)?),
        ("damaged.csv", files(&report.dataset.damaged)?),
        ("stages.csv", stages(report)?),
    ])
}

fn of_stage(table: &StageTable) -> Result<Vec<u8>> {
    let (head, rows) = table.csv();
    let mut table = CsvTable::new(&head)?;
    for row in &rows {
        table.add(row)?;
    }
    table.bytes()
}

fn results(report: &Report) -> Result<Vec<u8>> {
    let mut table = CsvTable::new(&[
        "kind",
        "stage",
        "from",
        "depth",
        "depth_label",
        "fraction",
        "labeled",
        "variant",
        "seed",
        "correct",
        "total",
        "accuracy",
        "low",
        "high",
        "selected_on_test",
        "validation_accuracy",
        "best_epoch",
        "epochs",
    ])?;
    for result in &report.results {
        table.add(&[
            words::kind(result.kind).into(),
            result.stage.clone(),
            optional(result.from.as_ref()),
            optional(result.depth),
            result.depth_label.clone(),
            result.fraction.to_string(),
            result.labeled.to_string(),
            result.variant.clone(),
            result.seed.to_string(),
            result.correct.to_string(),
            result.total.to_string(),
            finite_or_empty(result.accuracy),
            finite_or_empty(result.interval.0),
            finite_or_empty(result.interval.1),
            result.selected_on_test.to_string(),
            optional(result.validation_accuracy),
            optional(result.best_epoch),
            result.epochs.to_string(),
        ])?;
    }
    table.bytes()
}

fn summary(report: &Report) -> Result<Vec<u8>> {
    let mut table = CsvTable::new(&[
        "kind",
        "stage",
        "from",
        "depth",
        "depth_label",
        "fraction",
        "labeled",
        "variant",
        "seeds",
        "accuracy",
        "low",
        "high",
        "balanced_accuracy",
        "validation_accuracy",
    ])?;
    for group in groups::over_seeds(&report.results) {
        let result = group.first();
        table.add(&[
            words::kind(result.kind).into(),
            result.stage.clone(),
            optional(result.from.as_ref()),
            optional(result.depth),
            result.depth_label.clone(),
            result.fraction.to_string(),
            result.labeled.to_string(),
            group.variant.clone(),
            group.results.iter().filter(|result| !result.is_missing).count().to_string(),
            finite_or_empty(group.mean),
            finite_or_empty(group.interval.0),
            finite_or_empty(group.interval.1),
            finite_or_empty(group.balanced_accuracy()),
            optional(group.validation()),
        ])?;
    }
    table.bytes()
}

/// Returns every comparison of the study, with unadjusted p-values.
fn comparisons(report: &Report) -> Result<Vec<u8>> {
    let mut table = CsvTable::new(&comparison_table::COLUMNS)?;
    for row in comparison_table::all(report) {
        table.add(&row)?;
    }
    table.bytes()
}

fn curves(report: &Report) -> Result<Vec<u8>> {
    let mut table = CsvTable::new(&[
        "stage",
        "variant",
        "from",
        "depth",
        "fraction",
        "epoch",
        "loss",
        "accuracy",
        "learning_rate",
        "selection_loss",
        "selection_accuracy",
        "chance_loss",
    ])?;
    for curve in &report.curves {
        for row in &curve.rows {
            table.add(&[
                curve.stage.clone(),
                curve.variant.clone(),
                optional(curve.from.as_ref()),
                optional(curve.depth),
                optional(curve.fraction),
                row.epoch.to_string(),
                row.loss.to_string(),
                row.accuracy.to_string(),
                row.learning_rate.to_string(),
                optional(row.selection_loss),
                optional(row.selection_accuracy),
                optional(curve.chance),
            ])?;
        }
    }
    table.bytes()
}

fn confusion(report: &Report) -> Result<Vec<u8>> {
    let mut table = CsvTable::new(&["stage", "depth", "fraction", "variant", "true", "predicted", "images"])?;
    for result in &report.results {
        let name = |class: usize| result.classes.get(class).cloned().unwrap_or_else(|| class.to_string());
        for (truth, row) in result.confusion.iter().enumerate() {
            for (predicted, count) in row.iter().enumerate() {
                table.add(&[
                    result.stage.clone(),
                    optional(result.depth),
                    result.fraction.to_string(),
                    result.variant.clone(),
                    name(truth),
                    name(predicted),
                    count.to_string(),
                ])?;
            }
        }
    }
    table.bytes()
}

fn embeddings(report: &Report) -> Result<Vec<u8>> {
    let mut table = CsvTable::new(&["stage", "from", "depth", "method", "variant", "x", "y", "class"])?;
    for panel in &report.embeddings {
        for ((x, y), label) in panel.points.iter().zip(&panel.labels) {
            table.add(&[
                panel.stage.clone(),
                panel.from.clone(),
                panel.depth.to_string(),
                panel.method.clone(),
                panel.variant.clone(),
                x.to_string(),
                y.to_string(),
                panel.classes.get(*label).cloned().unwrap_or_else(|| label.to_string()),
            ])?;
        }
    }
    table.bytes()
}

fn health(report: &Report) -> Result<Vec<u8>> {
    let columns = ["stage", "variant", "depth_label", "alignment", "uniformity", "spread", "effective_rank", "width"];
    let mut table = CsvTable::new(&columns)?;
    for row in &report.health {
        table.add(&[
            row.stage.clone(),
            row.variant.clone(),
            row.depth_label.clone(),
            row.alignment.to_string(),
            row.uniformity.to_string(),
            row.spread.to_string(),
            row.effective_rank.to_string(),
            row.width.to_string(),
        ])?;
    }
    table.bytes()
}

fn dataset(report: &Report) -> Result<Vec<u8>> {
    let mut table = CsvTable::new(&["class", "train", "validation", "test"])?;
    for ClassCount { name, train, validation, test } in &report.dataset.classes {
        table.add(&[name.clone(), train.to_string(), validation.to_string(), test.to_string()])?;
    }
    table.bytes()
}

fn files(files: &[(String, String)]) -> Result<Vec<u8>> {
    let mut table = CsvTable::new(&["file", "reason"])?;
    for (file, reason) in files {
        table.add(&[file.clone(), reason.clone()])?;
    }
    table.bytes()
}

fn stages(report: &Report) -> Result<Vec<u8>> {
    let mut table = CsvTable::new(&["stage", "kind", "key", "inputs"])?;
    for stage in &report.stages {
        let inputs = stage.inputs.join(" ");
        table.add(&[stage.name.clone(), stage.kind.clone(), stage.key.clone(), inputs])?;
    }
    table.bytes()
}

/// Formats a finite number; empty otherwise.
fn finite_or_empty(value: f64) -> String {
    optional(value.is_finite().then_some(value))
}

fn optional(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A CSV table in memory.
struct CsvTable(Writer<Vec<u8>>);

impl CsvTable {
    fn new(columns: &[impl AsRef<[u8]>]) -> Result<Self> {
        let mut table = Self(Writer::from_writer(Vec::new()));
        table.0.write_record(columns).map_err(bug)?;
        Ok(table)
    }

    fn add(&mut self, cells: &[String]) -> Result<()> {
        self.0.write_record(cells.iter().map(|cell| quoted(cell).into_owned())).map_err(bug)
    }

    fn bytes(self) -> Result<Vec<u8>> {
        self.0.into_inner().map_err(bug)
    }
}

fn bug(error: impl std::fmt::Display) -> Error {
    Error::bug(format!("cannot write a table of the report: {error}"))
}
