//! The similarities that the page shows: of the run that validation accuracy selects.

use crate::render::data::{Report, SimilarityRow};
use crate::render::groups::Group;
use crate::render::verdict::selection::{selected_group, selects};

/// Returns the similarities of the selected run, or of the first trained run if none is selected: of the encoder output
/// and of the last projection layer, with the first seed.
pub(crate) fn shown<'r>(report: &'r Report, groups: &[Group<'_>]) -> Vec<&'r SimilarityRow> {
    let rows = &report.similarities;
    let selected = selected_group(groups);
    let is_selected = |row: &&SimilarityRow| match selected {
        Some(group) => selects(group, &row.run, &row.variant),
        None => !row.is_untrained,
    };
    let Some(first) = rows.iter().find(is_selected).or_else(|| rows.iter().find(|row| !row.is_untrained)) else {
        return Vec::new();
    };
    ends(rows, |row| row.run == first.run && row.variant == first.variant)
}

/// Returns the similarities of the untrained encoder of the same data set, for comparison; empty without one.
pub(crate) fn untrained<'r>(report: &'r Report, shown: &[&SimilarityRow]) -> Vec<&'r SimilarityRow> {
    let rows = &report.similarities;
    let is_counterpart =
        |row: &&SimilarityRow| row.is_untrained && shown.iter().any(|other| other.dataset == row.dataset);
    match rows.iter().find(is_counterpart) {
        Some(first) => ends(rows, |row| row.run == first.run && row.variant == first.variant),
        None => Vec::new(),
    }
}

/// Returns the first and the last of some rows.
fn ends(rows: &[SimilarityRow], is_meant: impl Fn(&SimilarityRow) -> bool) -> Vec<&SimilarityRow> {
    let all: Vec<&SimilarityRow> = rows.iter().filter(|row| is_meant(row)).collect();
    match all.as_slice() {
        [first, .., last] => vec![*first, *last],
        few => few.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoder_output_and_the_last_layer_of_a_trained_run_are_shown() {
        let row = |run: &str, depth: &str| SimilarityRow {
            run: run.into(),
            is_untrained: run == "untrained",
            depth_label: depth.into(),
            ..SimilarityRow::default()
        };
        let similarities = vec![row("untrained", "h"), row("main", "h"), row("main", "1"), row("main", "2")];
        let report = Report { similarities, ..Report::default() };
        let shown = shown(&report, &[]);
        assert_eq!(
            shown.iter().map(|row| (&*row.run, &*row.depth_label)).collect::<Vec<_>>(),
            [("main", "h"), ("main", "2")]
        );
        assert_eq!(untrained(&report, &shown).len(), 1);
    }
}
