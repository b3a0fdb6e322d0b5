//! The numbers of the report as files: CSV, and LaTeX for papers.

use crate::base::Result;
use crate::render::csv_table::CsvTable;
use crate::render::data::Report;
use crate::render::groups;
use crate::render::stage_table::{self, StageTable};
use crate::render::words;
use crate::render::{comparison_table, dataset_tables, latex};

/// A file of the report: its name below `tables/` and its bytes.
pub(crate) type TableFile = (String, Vec<u8>);

/// Returns every table, including empty ones: each report has the same files, besides those of [`Report::tables`].
pub(crate) fn all(report: &Report) -> Result<Vec<TableFile>> {
    let always = fixed(report)?.into_iter().map(|(name, bytes)| Ok((name.to_owned(), bytes)));
    let latex = [Ok(("results.tex".to_owned(), latex::tables(report).into_bytes()))];
    let named = stage_table::names(&report.tables).into_iter().zip(&report.tables);
    always.chain(latex).chain(named.map(|(name, table)| Ok((format!("{name}.csv"), of_stage(table)?)))).collect()
}

fn fixed(report: &Report) -> Result<Vec<(&'static str, Vec<u8>)>> {
    Ok(vec![
        ("results.csv", results(report)?),
        ("summary.csv", summary(report)?),
        ("comparisons.csv", comparisons(report)?),
        ("curves.csv", curves(report)?),
        ("recalls.csv", recalls(report)?),
        ("confusion.csv", confusion(report)?),
        ("embeddings.csv", embeddings(report)?),
        ("health.csv", health(report)?),
        ("dataset.csv", dataset_tables::classes(report)?),
        ("duplicates.csv", dataset_tables::duplicates(report)?),
        ("skipped.csv", dataset_tables::files(report, |set| &set.skipped)?),
        ("damaged.csv", dataset_tables::files(report, |set| &set.damaged)?),
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
        "pretrained_on",
        "dataset",
        "depth",
        "depth_label",
        "fraction",
        "labels_per_class",
        "labeled",
        "variant",
        "seed",
        "correct",
        "total",
        "accuracy",
        "low",
        "high",
        "majority_rate",
        "balanced_accuracy",
        "macro_f1",
        "top5_accuracy",
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
            optional(result.pretrained_on.as_ref()),
            result.dataset.clone(),
            optional(result.depth),
            result.depth_label.clone(),
            result.fraction.to_string(),
            optional(result.labels_per_class),
            result.labeled.to_string(),
            result.variant.clone(),
            result.seed.to_string(),
            result.correct.to_string(),
            result.total.to_string(),
            finite_or_empty(result.accuracy),
            finite_or_empty(result.interval.0),
            finite_or_empty(result.interval.1),
            finite_or_empty(groups::majority_rate(result)),
            finite_or_empty(result.balanced_accuracy),
            finite_or_empty(result.macro_f1),
            optional(result.top5_accuracy),
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
        "pretrained_on",
        "dataset",
        "depth",
        "depth_label",
        "fraction",
        "labels_per_class",
        "labeled",
        "variant",
        "seeds",
        "accuracy",
        "low",
        "high",
        "majority_rate",
        "balanced_accuracy",
        "macro_f1",
        "top5_accuracy",
        "validation_accuracy",
    ])?;
    for group in groups::over_seeds(&report.results) {
        let result = group.first();
        table.add(&[
            words::kind(result.kind).into(),
            result.stage.clone(),
            optional(result.from.as_ref()),
            optional(result.pretrained_on.as_ref()),
            result.dataset.clone(),
            optional(result.depth),
            result.depth_label.clone(),
            result.fraction.to_string(),
            optional(result.labels_per_class),
            result.labeled.to_string(),
            group.variant.clone(),
            group.results.iter().filter(|result| !result.is_missing).count().to_string(),
            finite_or_empty(group.mean),
            finite_or_empty(group.interval.0),
            finite_or_empty(group.interval.1),
            finite_or_empty(group.majority_rate()),
            finite_or_empty(group.balanced_accuracy()),
            finite_or_empty(group.macro_f1()),
            optional(group.top5_accuracy()),
            optional(group.validation()),
        ])?;
    }
    table.bytes()
}

/// Returns the recall of each class, averaged over seeds.
fn recalls(report: &Report) -> Result<Vec<u8>> {
    let columns =
        ["stage", "depth", "fraction", "labels_per_class", "variant", "class", "images", "recall", "low", "high"];
    let mut table = CsvTable::new(&columns)?;
    for group in groups::over_seeds(&report.results) {
        for recall in group.recalls() {
            table.add(&[
                group.first().stage.clone(),
                optional(group.first().depth),
                group.first().fraction.to_string(),
                optional(group.first().labels_per_class),
                group.variant.clone(),
                recall.class.to_owned(),
                recall.images.to_string(),
                finite_or_empty(recall.recall),
                finite_or_empty(recall.interval.0),
                finite_or_empty(recall.interval.1),
            ])?;
        }
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
        "labels_per_class",
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
                optional(curve.labels_per_class),
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
    let mut table =
        CsvTable::new(&["stage", "depth", "fraction", "labels_per_class", "variant", "true", "predicted", "images"])?;
    for result in &report.results {
        let name = |class: usize| result.classes.get(class).cloned().unwrap_or_else(|| class.to_string());
        for (truth, row) in result.confusion.iter().enumerate() {
            for (predicted, count) in row.iter().enumerate() {
                table.add(&[
                    result.stage.clone(),
                    optional(result.depth),
                    result.fraction.to_string(),
                    optional(result.labels_per_class),
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
    let mut table = CsvTable::new(&["stage", "from", "depth", "method", "variant", "x", "y", "class", "image"])?;
    for panel in &report.embeddings {
        for (at, ((x, y), label)) in panel.points.iter().zip(&panel.labels).enumerate() {
            table.add(&[
                panel.stage.clone(),
                panel.from.clone(),
                panel.depth.to_string(),
                panel.method.clone(),
                panel.variant.clone(),
                x.to_string(),
                y.to_string(),
                panel.classes.get(*label).cloned().unwrap_or_else(|| label.to_string()),
                panel.images.get(at).cloned().unwrap_or_default(),
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
