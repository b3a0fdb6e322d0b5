//! The accuracies as short tables, one for each kind of evaluation: depths are columns, runs and labels are rows.

use crate::render::data::{EvaluationKind, EvaluationResult, Report};
use crate::render::groups::{self, Group, group_by};
use crate::render::table::{self, Column, Table};
use crate::render::verdict::selection::{is_of_run, selected_run};
use crate::render::words::{self, or_unknown};

pub(crate) const NOTE: &str = "Test accuracy with 95 % confidence interval in percent.";
const SELECTED: &str = "selected: the run with the highest validation accuracy; the test images select nothing.";
/// Maximum number of variants of a sweep that are shown beside each other; of more, only the selected one is.
const MAX_VARIANTS: usize = 3;

/// A table with a title.
#[derive(Clone, Debug)]
pub(crate) struct AccuracyTable {
    pub(crate) title: String,
    pub(crate) table: Table<'static>,
}

/// The short tables of a report.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccuracyTables {
    pub(crate) tables: Vec<AccuracyTable>,
    /// Number of variants that are left out.
    pub(crate) omitted: usize,
    /// The variant that is shown if some are left out.
    pub(crate) shown: String,
}

/// Returns the tables. Of a sweep with many variants, they have the one that validation accuracy selects, and what does
/// not depend on the sweep.
pub(crate) fn of(report: &Report) -> AccuracyTables {
    with_cells(report, words::accuracy)
}

/// Returns the tables without confidence intervals.
pub(crate) fn without_intervals(report: &Report) -> AccuracyTables {
    with_cells(report, words::accuracy_alone)
}

fn with_cells(report: &Report, accuracy: fn(&Group<'_>) -> String) -> AccuracyTables {
    let groups = groups::over_seeds(&report.results);
    let measured = groups::measured(&groups);
    let selected = selected_run(&measured).ok().filter(|selected| selected.among > 1);
    let selected = selected.map(|selected| selected.selected_by);
    let variants = group_by(groups.iter().filter(|group| !group.variant.is_empty()), |group| group.variant.clone());
    let shown = match selected {
        Some(selected) if variants.len() > MAX_VARIANTS => selected.variant.clone(),
        _ => String::new(),
    };
    let is_shown = |group: &&Group<'_>| shown.is_empty() || group.variant.is_empty() || group.variant == shown;
    let of_kind =
        group_by(groups.iter().filter(is_shown), |group| (Category::of(group.first()), group.first().dataset.clone()));
    let several_sets = group_by(&groups, |group| group.first().dataset.clone()).len() > 1;
    let table = |((category, dataset), members): ((Category, String), Vec<&Group<'_>>)| {
        let on = if several_sets { format!(" on {}", words::dataset(&dataset)) } else { String::new() };
        AccuracyTable {
            title: format!("{}{on}", category.title()),
            table: table(category, &members, selected, accuracy),
        }
    };
    let omitted = if shown.is_empty() { 0 } else { variants.len() - 1 };
    AccuracyTables { tables: of_kind.into_iter().map(table).collect(), omitted, shown }
}

/// A way of evaluation that has a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Category {
    Linear,
    Knn,
    FineTuned,
    Supervised,
}

impl Category {
    fn of(result: &EvaluationResult) -> Self {
        match result.kind {
            EvaluationKind::LinearEval => Self::Linear,
            EvaluationKind::Knn => Self::Knn,
            EvaluationKind::Supervised if result.from.is_some() => Self::FineTuned,
            EvaluationKind::Supervised => Self::Supervised,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Linear => "Linear evaluation",
            Self::Knn => "kNN",
            Self::FineTuned => "Fine-tuning",
            Self::Supervised => "Supervised training",
        }
    }

    /// Returns whether rows are named by their stage rather than by the pretraining run.
    fn is_by_stage(self) -> bool {
        matches!(self, Self::FineTuned | Self::Supervised)
    }
}

/// The results of one run with one amount of labels, by depth.
struct Row<'r, 'g> {
    first: &'g Group<'r>,
    by_depth: Vec<Option<&'g Group<'r>>>,
}

fn table(
    category: Category,
    members: &[&Group<'_>],
    selected: Option<&Group<'_>>,
    accuracy: fn(&Group<'_>) -> String,
) -> Table<'static> {
    let mut depths: Vec<Option<usize>> = members.iter().map(|group| group.first().depth).collect();
    depths.sort_unstable();
    depths.dedup();
    let rows = rows(category, members, &depths);
    let is_selected = |group: &Group<'_>| selected.is_some_and(|selected| is_of_run(selected, group));
    let is_ambiguous = !category.is_by_stage() && has_twins(&rows);
    let has_variant = rows.iter().any(|row| !row.first.variant.is_empty());
    let has_seeds = members.iter().any(|group| group.results.len() + group.missing > 1);
    let mut columns = vec![Column::text(if category.is_by_stage() { "Stage" } else { "Pretraining run" })];
    columns.extend(is_ambiguous.then(|| Column::text("Stage")));
    columns.extend(has_variant.then(|| Column::text("Variant")));
    columns.push(Column::number("Labels"));
    columns.extend(has_seeds.then(|| Column::number("Seeds")));
    columns.extend(depths.iter().map(|depth| Column::number(depth_heading(*depth, members))));
    let cells = |row: &Row<'_, '_>| {
        let result = row.first.first();
        let run = if category.is_by_stage() { result.stage.clone() } else { result.from.clone().unwrap_or_default() };
        let mark = if is_selected(row.first) && !category.is_by_stage() { " (selected)" } else { "" };
        let mut cells = vec![or_unknown(&run) + mark];
        cells.extend(is_ambiguous.then(|| result.stage.clone()));
        cells.extend(has_variant.then(|| or_unknown(&row.first.variant)));
        cells.push(words::label_amount(result.fraction, result.labels_per_class));
        cells.extend(has_seeds.then(|| row.first.seeds()));
        cells.extend(row.by_depth.iter().map(|group| group.map_or_else(|| words::UNKNOWN.into(), accuracy)));
        cells
    };
    let mut notes = vec![NOTE];
    notes.extend(rows.iter().any(|row| is_selected(row.first)).then_some(SELECTED).filter(|_| !category.is_by_stage()));
    notes.extend(table::caveats(members));
    Table { columns, rows: rows.iter().map(cells).collect(), notes }
}

/// Returns the rows in the order of the pipeline file. A stage of its own for each depth or fraction gives no row of its
/// own, unless it has a result for the same cell.
fn rows<'r, 'g>(category: Category, members: &[&'g Group<'r>], depths: &[Option<usize>]) -> Vec<Row<'r, 'g>> {
    let mut rows: Vec<Row<'r, 'g>> = Vec::new();
    for group in members {
        let Some(at) = depths.iter().position(|depth| *depth == group.first().depth) else { continue };
        let is_same = |row: &&mut Row<'r, 'g>| row.by_depth[at].is_none() && is_same_row(category, row.first, group);
        match rows.iter_mut().find(is_same) {
            Some(row) => row.by_depth[at] = Some(group),
            None => {
                let mut by_depth = vec![None; depths.len()];
                by_depth[at] = Some(*group);
                rows.push(Row { first: group, by_depth });
            }
        }
    }
    rows
}

fn is_same_row(category: Category, a: &Group<'_>, b: &Group<'_>) -> bool {
    let (x, y) = (a.first(), b.first());
    x.from == y.from
        && a.variant == b.variant
        && x.fraction == y.fraction
        && x.labels_per_class == y.labels_per_class
        && (x.stage == y.stage || !category.is_by_stage())
}

/// Returns whether two rows would have the same names without their stages.
fn has_twins(rows: &[Row<'_, '_>]) -> bool {
    let is_twin = |a: &Row<'_, '_>, b: &Row<'_, '_>| is_same_row(Category::Linear, a.first, b.first);
    rows.iter().enumerate().any(|(at, row)| rows[..at].iter().any(|other| is_twin(row, other)))
}

/// Returns "h (64-d)", or "h" if the widths of the runs differ.
fn depth_heading(depth: Option<usize>, members: &[&Group<'_>]) -> String {
    if depth.is_none() {
        return "Test accuracy".to_owned();
    }
    let labels = group_by(members.iter().filter(|group| group.first().depth == depth), |group| {
        group.first().depth_label.as_str()
    });
    match labels.as_slice() {
        [] => words::UNKNOWN.to_owned(),
        [(only, _)] => (*only).to_owned(),
        [(first, _), ..] => first.split(" (").next().unwrap_or(first).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(kind: EvaluationKind, from: Option<&str>, depth: Option<usize>, fraction: f64) -> EvaluationResult {
        EvaluationResult {
            kind,
            stage: format!("{kind:?}"),
            from: from.map(str::to_owned),
            depth,
            depth_label: depth.map_or_else(String::new, |depth| format!("depth {depth} (8-d)")),
            fraction,
            accuracy: 0.5,
            validation_accuracy: Some(0.5),
            interval: (0.4, 0.6),
            ..EvaluationResult::default()
        }
    }

    #[test]
    fn depths_are_columns_and_labels_are_rows() {
        let linear = |depth, fraction| result(EvaluationKind::LinearEval, Some("main"), Some(depth), fraction);
        let supervised = result(EvaluationKind::Supervised, None, None, 1.0);
        let results = vec![linear(0, 0.1), linear(0, 1.0), linear(2, 0.1), supervised];
        let tables = of(&Report { results, ..Report::default() }).tables;
        let names: Vec<&str> = tables[0].table.columns.iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["Pretraining run", "Labels", "depth 0 (8-d)", "depth 2 (8-d)"]);
        let cell = "50.0 % (40.0 – 60.0)";
        assert_eq!(tables[0].table.rows, [["main", "10 %", cell, cell], ["main", "100 %", cell, words::UNKNOWN]]);
        assert_eq!((tables[1].title.as_str(), tables[1].table.rows[0].len()), ("Supervised training", 3));
    }

    #[test]
    fn of_many_variants_the_selected_one_is_shown_with_what_the_sweep_does_not_touch() {
        let of_variant = |variant: usize| EvaluationResult {
            variant: format!("temperature {variant}"),
            validation_accuracy: Some(if variant == 2 { 0.9 } else { 0.1 }),
            ..result(EvaluationKind::LinearEval, Some("main"), Some(0), 1.0)
        };
        let untrained = EvaluationResult {
            is_untrained: true,
            ..result(EvaluationKind::LinearEval, Some("untrained"), Some(0), 1.0)
        };
        let results = (0..5).map(of_variant).chain([untrained]).collect();
        let found = of(&Report { results, ..Report::default() });
        assert_eq!((found.omitted, found.shown.as_str()), (4, "temperature 2"));
        let rows: Vec<&str> = found.tables[0].table.rows.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(rows, ["main (selected)", "untrained"]);
    }

    #[test]
    fn stages_are_named_where_two_have_the_same_cell() {
        let other = EvaluationResult { stage: "b".into(), ..result(EvaluationKind::Knn, Some("main"), Some(0), 1.0) };
        let results = vec![result(EvaluationKind::Knn, Some("main"), Some(0), 1.0), other];
        let tables = of(&Report { results, ..Report::default() }).tables;
        assert_eq!(tables[0].table.columns[1].name, "Stage");
        assert_eq!(tables[0].table.rows.len(), 2);
    }
}
