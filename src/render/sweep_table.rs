//! The accuracies of a sweep: swept values are rows, evaluations are columns.

use crate::render::comparisons::SEED;
use crate::render::data::Report;
use crate::render::groups::{self, Group, group_by};
use crate::render::verdict::selection::selected_group;
use crate::render::words::{self, Naming};
use serde::Serialize;

/// Number of shades of the heat of a cell.
const SHADES: usize = 7;
/// Difference between the highest and the lowest accuracy of a column from which its cells are shaded.
const MIN_SPREAD: f64 = 0.005;

/// The table of a sweep; empty without one.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SweepTable {
    /// Swept settings, without the seed.
    pub(crate) settings: Vec<String>,
    /// Headings of the evaluations with their labels, each with its number of columns.
    pub(crate) evaluations: Vec<(String, usize)>,
    /// Headings of the columns: the depths, or the kind of evaluation.
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<SweepRow>,
    /// The evaluation whose validation accuracy selects a row; empty if there are no validation images.
    pub(crate) selected_by: String,
}

/// The accuracies with one combination of values.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SweepRow {
    /// One value for each setting.
    pub(crate) values: Vec<String>,
    /// Whether validation accuracy selects it.
    pub(crate) is_selected: bool,
    pub(crate) cells: Vec<HeatCell>,
    /// Validation accuracy of the evaluation that selects.
    pub(crate) validation: String,
}

/// An accuracy and its shade.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HeatCell {
    pub(crate) text: String,
    /// 0 for the lowest accuracy of a column to 6 for the highest.
    pub(crate) shade: Option<usize>,
}

/// Returns the table, with the evaluations that depend on the sweep.
pub(crate) fn of(report: &Report) -> SweepTable {
    let groups = groups::over_seeds(&report.results);
    let swept: Vec<&Group<'_>> = groups.iter().filter(|group| !group.variant.is_empty()).collect();
    let settings = settings(&swept);
    let rows = group_by(swept.iter().copied(), |group| group.variant.clone());
    if settings.is_empty() || rows.len() < 2 {
        return SweepTable::default();
    }
    let mut columns: Vec<Vec<&Group<'_>>> =
        group_by(swept.iter().copied(), |group| evaluation(group)).into_iter().map(|(_, members)| members).collect();
    // The depths of an evaluation with the same labels are beside each other; a stable sort keeps the order otherwise.
    let order = group_by(columns.iter().map(|members| heading(members[0])), Clone::clone);
    columns.sort_by_key(|members| order.iter().position(|(name, _)| *name == heading(members[0])));
    let naming = Naming::of(&columns.iter().map(|members| members[0]).collect::<Vec<_>>()).without_variant();
    let of_evaluations = group_by(columns.iter(), |members| heading(members[0]));
    let selected = selected_group(&groups).filter(|group| !group.variant.is_empty() && group.validation().is_some());
    let shades: Vec<Range> = columns.iter().map(|members| Range::of(members)).collect();
    let row = |(variant, members): &(String, Vec<&Group<'_>>)| {
        let in_column = |(column, range): (&Vec<&Group<'_>>, &Range)| {
            cell(column.iter().find(|group| group.variant == *variant).copied(), *range)
        };
        let cells = columns.iter().zip(&shades).map(in_column).collect();
        let selecting = selected.and_then(|selected| {
            members.iter().find(|group| evaluation(group) == evaluation(selected)).and_then(|group| group.validation())
        });
        SweepRow {
            values: settings.iter().map(|name| value(members[0], name)).collect(),
            is_selected: selected.is_some_and(|selected| selected.variant == *variant),
            cells,
            validation: words::percent(selecting.unwrap_or(f64::NAN)),
        }
    };
    SweepTable {
        rows: rows.iter().map(row).collect(),
        evaluations: of_evaluations.into_iter().map(|(name, members)| (name, members.len())).collect(),
        columns: columns.iter().map(|members| depth_heading(members[0])).collect(),
        selected_by: selected.map(|group| naming.name(group)).unwrap_or_default(),
        settings,
    }
}

/// "Linear evaluation of main, 10 % of labels"
fn heading(group: &Group<'_>) -> String {
    let result = group.first();
    let of = result.from.as_deref().map(|from| format!(" of {from}")).unwrap_or_default();
    let on = if result.dataset.is_empty() { String::new() } else { format!(" on {}", result.dataset) };
    let labels = words::of_labels(result.fraction, result.labels_per_class);
    format!("{}{of}{on}, {labels}", words::kind(result.kind))
}

fn depth_heading(group: &Group<'_>) -> String {
    let result = group.first();
    if result.depth_label.is_empty() { result.stage.clone() } else { result.depth_label.clone() }
}

/// Returns the names of the swept settings in the order of their first occurrence.
fn settings(swept: &[&Group<'_>]) -> Vec<String> {
    let names = swept.iter().flat_map(|group| &group.first().values).map(|(name, _)| name);
    group_by(names.filter(|name| *name != SEED), |name| (*name).clone()).into_iter().map(|(name, _)| name).collect()
}

fn value(group: &Group<'_>, setting: &str) -> String {
    let found = group.first().values.iter().find(|(name, _)| name == setting);
    found.map_or_else(|| words::UNKNOWN.to_owned(), |(_, value)| value.clone())
}

/// Returns a key that is equal for the same evaluation of different variants.
fn evaluation(group: &Group<'_>) -> (String, Option<String>, Option<usize>, u64, Option<usize>) {
    let result = group.first();
    (result.stage.clone(), result.from.clone(), result.depth, result.fraction.to_bits(), result.labels_per_class)
}

/// The lowest and the highest accuracy of a column.
#[derive(Clone, Copy)]
struct Range(f64, f64);

impl Range {
    fn of(members: &[&Group<'_>]) -> Self {
        let means = members.iter().map(|group| group.mean).filter(|mean| mean.is_finite());
        means.fold(Self(f64::INFINITY, f64::NEG_INFINITY), |range, mean| Self(range.0.min(mean), range.1.max(mean)))
    }

    fn shade(self, mean: f64) -> Option<usize> {
        let is_shaded = mean.is_finite() && self.1 - self.0 >= MIN_SPREAD;
        is_shaded.then(|| ((mean - self.0) / (self.1 - self.0) * (SHADES - 1) as f64).round() as usize)
    }
}

fn cell(group: Option<&Group<'_>>, range: Range) -> HeatCell {
    match group {
        Some(group) if group.first().is_missing => HeatCell { text: "missing".into(), shade: None },
        Some(group) => HeatCell { text: words::percent(group.mean), shade: range.shade(group.mean) },
        None => HeatCell { text: words::UNKNOWN.into(), shade: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::data::EvaluationResult;

    fn result(temperature: &str, seed: u64, depth: usize, accuracy: f64) -> EvaluationResult {
        EvaluationResult {
            from: Some("main".into()),
            depth: Some(depth),
            depth_label: format!("depth {depth}"),
            variant: format!("temperature {temperature}, seed {seed}"),
            values: vec![("temperature".into(), temperature.into()), (SEED.into(), seed.to_string())],
            accuracy,
            validation_accuracy: Some(1.0 - accuracy),
            interval: (0.0, 1.0),
            ..EvaluationResult::default()
        }
    }

    #[test]
    fn values_are_rows_evaluations_are_columns_and_validation_selects() {
        let mut results = vec![result("0.1", 1, 0, 0.5), result("0.1", 2, 0, 0.7), result("0.1", 1, 1, 0.2)];
        results.extend([result("0.5", 1, 0, 0.4), result("0.5", 2, 0, 0.4), result("0.5", 1, 1, 0.2)]);
        let table = of(&Report { results, ..Report::default() });
        assert_eq!(table.settings, ["temperature"]);
        assert_eq!(table.columns, ["depth 0", "depth 1"]);
        assert_eq!(table.evaluations, [("Linear evaluation of main, 0 % of labels".to_owned(), 2)]);
        let rows: Vec<_> = table.rows.iter().map(|row| (row.values[0].as_str(), row.is_selected)).collect();
        assert_eq!(rows, [("0.1", false), ("0.5", true)]);
        let cells: Vec<_> = table.rows[0].cells.iter().map(|cell| (cell.text.as_str(), cell.shade)).collect();
        assert_eq!(cells, [("60.0 %", Some(6)), ("20.0 %", None)]);
        assert_eq!(table.rows[1].cells[0].shade, Some(0));
        assert_eq!((table.selected_by.as_str(), table.rows[1].validation.as_str()), ("depth 0", "60.0 %"));
    }

    #[test]
    fn without_a_sweep_there_is_no_table() {
        assert!(of(&Report::default()).rows.is_empty());
    }
}
