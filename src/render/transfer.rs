//! The table "pretrained on, evaluated on" of a study with several data sets.

use crate::render::data::{EvaluationKind, EvaluationResult, Report};
use crate::render::groups::{self, Group};
use crate::render::table::{Column, Table};
use crate::render::words::{self, Naming};

/// Heading of the table.
pub(crate) const TITLE: &str = "Transfer between data sets";

const NOTE: &str = "Test accuracy with 95 % confidence interval. Columns are the data sets evaluated on, rows the pretraining \
     runs; the classifier is always trained on the labels of the data set evaluated on. The untrained encoder has its \
     initial weights; the majority class is always predicting the most frequent class of the test images.";

/// Returns one row per pretraining run and way of evaluation and one column per data set evaluated on; no rows if the
/// study has only one data set.
pub(crate) fn table(report: &Report) -> Table<'_> {
    let groups = groups::over_seeds(&report.results);
    let evaluated_on = distinct(report.results.iter().map(|result| result.dataset.as_str()));
    let pretrained_on = report.results.iter().filter(|result| !result.is_untrained);
    let pretrained_on = pretrained_on.filter_map(|result| result.pretrained_on.as_deref());
    if distinct(pretrained_on.chain(evaluated_on.iter().copied())).len() < 2 {
        return Table::default();
    }
    let has_variants = Naming::of(&groups.iter().collect::<Vec<_>>()).variant;
    let text = Column::text::<&str>;
    let mut columns = vec![text("Evaluation"), text("Features"), text("Labels"), text("Pretrained on"), text("Run")];
    columns.extend(has_variants.then(|| text("Variant")));
    columns.extend(evaluated_on.iter().map(|name| Column::number(words::dataset(name))));
    let rows = rows(&groups, &evaluated_on).into_iter().map(|row| row.cells(has_variants));
    let majority = majority_row(&groups, &evaluated_on, columns.len());
    Table { columns, rows: rows.chain([majority]).collect(), notes: vec![NOTE] }
}

/// The results of one pretraining run, evaluated in one way on each data set.
struct Row<'r, 'g> {
    first: &'g Group<'r>,
    on: Vec<Option<&'g Group<'r>>>,
}

/// Returns the rows in the order of evaluation, depth and fraction of the labels. Groups that differ in nothing but the
/// stage get a row each.
fn rows<'r, 'g>(groups: &'g [Group<'r>], evaluated_on: &[&str]) -> Vec<Row<'r, 'g>> {
    let mut rows: Vec<Row<'r, 'g>> = Vec::new();
    for group in groups {
        let Some(at) = evaluated_on.iter().position(|name| *name == group.first().dataset) else { continue };
        match rows.iter_mut().find(|row| row.on[at].is_none() && is_same_row(row.first, group)) {
            Some(row) => row.on[at] = Some(group),
            None => {
                let mut on = vec![None; evaluated_on.len()];
                on[at] = Some(group);
                rows.push(Row { first: group, on });
            }
        }
    }
    let order = |row: &Row<'_, '_>| {
        let result = row.first.first();
        (result.kind, result.depth, (1e6 * result.fraction) as u64, result.is_untrained)
    };
    rows.sort_by_key(order);
    rows
}

fn is_same_row(a: &Group<'_>, b: &Group<'_>) -> bool {
    let (x, y) = (a.first(), b.first());
    // The same number of labels per class is another fraction of another data set.
    let same_labels =
        x.labels_per_class == y.labels_per_class && (x.labels_per_class.is_some() || x.fraction == y.fraction);
    x.kind == y.kind && x.from == y.from && x.depth == y.depth && same_labels && a.variant == b.variant
}

impl Row<'_, '_> {
    fn cells(&self, has_variants: bool) -> Vec<String> {
        let result = self.first.first();
        let fine_tuned = result.kind == EvaluationKind::Supervised && result.from.is_some();
        let kind = if fine_tuned { "Fine-tuning" } else { words::kind(result.kind) };
        let mut cells = vec![
            kind.to_owned(),
            words::or_unknown(&result.depth_label),
            words::label_amount(result.fraction, result.labels_per_class),
            pretrained_on(result),
            words::or_unknown(result.from.as_deref().unwrap_or_default()),
        ];
        cells.extend(has_variants.then(|| words::or_unknown(&self.first.variant)));
        cells.extend(self.on.iter().map(|group| group.map_or_else(|| words::UNKNOWN.into(), accuracy)));
        cells
    }
}

fn pretrained_on(result: &EvaluationResult) -> String {
    match &result.pretrained_on {
        _ if result.is_untrained => "untrained encoder".into(),
        Some(name) => words::dataset(name).to_owned(),
        None => "from scratch".into(),
    }
}

/// "54.2 % (51.9 – 56.4 %)"
fn accuracy(group: &Group<'_>) -> String {
    if group.mean.is_finite() {
        format!("{} ({})", words::percent(group.mean), words::percent_range(group.interval))
    } else {
        words::UNKNOWN.into()
    }
}

fn majority_row(groups: &[Group<'_>], evaluated_on: &[&str], columns: usize) -> Vec<String> {
    let of = |name: &&str| {
        let of_set = groups.iter().find(|group| group.first().dataset == *name && group.mean.is_finite());
        words::percent(of_set.map_or(f64::NAN, Group::majority_rate))
    };
    let described = columns - evaluated_on.len() - 1;
    let unknown = std::iter::repeat_n(words::UNKNOWN.to_owned(), described);
    std::iter::once("Majority class".to_owned()).chain(unknown).chain(evaluated_on.iter().map(of)).collect()
}

/// Returns the distinct names in the order of their first occurrence.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut distinct: Vec<&str> = Vec::new();
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(from: &str, dataset: &str, accuracy: f64) -> EvaluationResult {
        EvaluationResult {
            stage: format!("linear_eval.{from}-on-{dataset}"),
            from: Some(from.into()),
            is_untrained: from == "untrained",
            pretrained_on: Some("a".into()),
            dataset: dataset.into(),
            depth: Some(0),
            fraction: 1.0,
            accuracy,
            interval: (accuracy - 0.1, accuracy + 0.1),
            confusion: vec![vec![3, 0], vec![1, 0]],
            ..EvaluationResult::default()
        }
    }

    #[test]
    fn pretraining_runs_are_rows_and_data_sets_are_columns() {
        let results = [("main", "a", 0.5), ("untrained", "a", 0.3), ("main", "", 0.6), ("untrained", "", 0.4)];
        let results = results.map(|(from, dataset, accuracy)| result(from, dataset, accuracy)).to_vec();
        let report = Report { results, ..Report::default() };
        let table = table(&report);
        assert_eq!(table.columns[5..].iter().map(|column| &*column.name).collect::<Vec<_>>(), ["a", "dataset"]);
        let rows: Vec<_> = table.rows.iter().map(|row| (row[3].as_str(), row[5].as_str(), row[6].as_str())).collect();
        assert_eq!(rows[0], ("a", "50.0 % (40.0 – 60.0 %)", "60.0 % (50.0 – 70.0 %)"));
        assert_eq!(rows[1], ("untrained encoder", "30.0 % (20.0 – 40.0 %)", "40.0 % (30.0 – 50.0 %)"));
        assert_eq!(rows[2], (words::UNKNOWN, "75.0 %", "75.0 %"));
    }

    #[test]
    fn a_study_with_one_data_set_has_no_table() {
        let report = Report { results: vec![result("main", "a", 0.5)], ..Report::default() };
        assert!(table(&report).rows.is_empty());
    }
}
