//! The key figures of a study: the selected run beside the untrained encoder, supervised training and the majority
//! class, by amount of labels.

use crate::render::data::EvaluationKind;
use crate::render::groups::{self, Group, group_by};
use crate::render::table::{Column, Table};
use crate::render::verdict::phrase::{capitalized, evaluation_name};
use crate::render::verdict::selection::selected_run;
use crate::render::words;

/// Amount of labels: a fraction of them, or a number per class.
type Amount = (u64, Option<usize>);

/// Returns the table; empty without a selected run.
pub(crate) fn table(groups: &[Group<'_>]) -> Table<'static> {
    let measured = groups::measured(groups);
    let Ok(selected) = selected_run(&measured) else { return Table::default() };
    let chosen = selected.selected_by;
    let of_depth = selected.evaluations.iter().copied().filter(|group| group.first().depth == chosen.first().depth);
    let amounts: Vec<(Amount, &Group<'_>)> =
        group_by(of_depth, |group| amount(group)).into_iter().map(|(amount, groups)| (amount, groups[0])).collect();
    let find = |is_meant: &dyn Fn(&Group<'_>) -> bool| -> Vec<Option<&Group<'_>>> {
        let of_amount = |(wanted, _): &(Amount, &Group<'_>)| {
            measured.iter().copied().find(|group| {
                amount(group) == *wanted && group.first().dataset == chosen.first().dataset && is_meant(group)
            })
        };
        amounts.iter().map(of_amount).collect()
    };
    let is_untrained = |group: &Group<'_>| {
        let (a, b) = (group.first(), chosen.first());
        a.is_untrained && a.kind == b.kind && a.depth == b.depth && a.encoder == b.encoder
    };
    let is_supervised = |group: &Group<'_>| group.first().kind == EvaluationKind::Supervised;
    let is_scratch = |group: &Group<'_>| is_supervised(group) && group.first().from.is_none();
    let is_tuned = |group: &Group<'_>| {
        is_supervised(group) && group.first().from == chosen.first().from && group.variant == chosen.variant
    };
    let name = evaluation_name(chosen);
    let rows = [
        (capitalized(&name), amounts.iter().map(|(_, group)| Some(*group)).collect()),
        ("The same of the untrained encoder".to_owned(), find(&is_untrained)),
        ("Fine-tuning".to_owned(), find(&is_tuned)),
        ("Supervised training".to_owned(), find(&is_scratch)),
    ];
    let rows = rows.into_iter().filter(|(_, groups)| groups.iter().any(Option::is_some));
    let cells = |(name, groups): (String, Vec<Option<&Group<'_>>>)| {
        let accuracy = |group: Option<&Group<'_>>| group.map_or_else(|| words::UNKNOWN.to_owned(), words::accuracy);
        std::iter::once(name).chain(groups.into_iter().map(accuracy)).collect()
    };
    let guess = amounts.iter().map(|(_, group)| words::percent(group.majority_rate()));
    let majority = std::iter::once("Majority class".to_owned()).chain(guess).collect();
    let heading = |(_, group): &(Amount, &Group<'_>)| {
        Column::number(words::of_labels(group.first().fraction, group.first().labels_per_class))
    };
    Table {
        columns: std::iter::once(Column::text("Evaluation")).chain(amounts.iter().map(heading)).collect(),
        rows: rows.map(cells).chain([majority]).collect(),
        notes: Vec::new(),
    }
}

fn amount(group: &Group<'_>) -> Amount {
    (group.first().fraction.to_bits(), group.first().labels_per_class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::data::EvaluationResult;
    use crate::render::groups;

    #[test]
    fn baselines_stand_beside_the_selected_run() {
        let of = |kind, from: Option<&str>, fraction, accuracy| EvaluationResult {
            kind,
            from: from.map(str::to_owned),
            is_untrained: from == Some("untrained"),
            depth: from.map(|_| 0),
            fraction,
            accuracy,
            interval: (accuracy - 0.1, accuracy + 0.1),
            confusion: vec![vec![3, 1], vec![1, 1]],
            ..EvaluationResult::default()
        };
        let linear = EvaluationKind::LinearEval;
        let results = [
            of(linear, Some("main"), 0.1, 0.5),
            of(linear, Some("main"), 1.0, 0.8),
            of(linear, Some("untrained"), 0.1, 0.2),
            of(EvaluationKind::Supervised, None, 1.0, 0.9),
        ];
        let groups = groups::over_seeds(&results);
        let table = table(&groups);
        let rows: Vec<Vec<&str>> = table.rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
        assert_eq!(rows[0][1..], ["50.0 % (40.0 – 60.0)", "80.0 % (70.0 – 90.0)"]);
        assert_eq!(rows[1][1..], ["20.0 % (10.0 – 30.0)", words::UNKNOWN]);
        assert_eq!(rows[2], ["Supervised training", words::UNKNOWN, "90.0 % (80.0 – 100.0)"]);
        assert_eq!(rows[3], ["Majority class", "66.7 %", "66.7 %"]);
    }
}
