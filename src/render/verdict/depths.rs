//! Which depth gives the best features: projection layers compared with the encoder output, for each fraction of the
//! labels.

use crate::render::comparisons::{Comparison, is_same_run};
use crate::render::groups::Group;
use crate::render::verdict::Statement;
use crate::render::verdict::phrase::{Finding, all_find, capitalized, depth_name, uncertainty, with_labels};
use crate::render::verdict::selection::{SelectedRun, select};
use crate::render::words;

/// Reports the difference of each projection layer from h, and the depth that validation accuracy selects.
pub(super) fn statement(selected: &SelectedRun<'_, '_>, comparisons: &[Comparison<'_, '_>]) -> Option<Statement> {
    if comparisons.is_empty() {
        return None;
    }
    let mut outputs: Vec<&Group<'_>> = Vec::new();
    for comparison in comparisons {
        if !outputs.iter().any(|output| is_same_run(output, comparison.second)) {
            outputs.push(comparison.second);
        }
    }
    outputs.sort_by(|a, b| a.first().fraction.total_cmp(&b.first().fraction));
    let sentences = outputs.iter().map(|output| {
        let of_run: Vec<_> = comparisons.iter().filter(|comparison| is_same_run(comparison.first, output)).collect();
        [differences(&of_run, &outputs), conclusion(&of_run), selected_depth(selected, output)].concat()
    });
    let corrected = match comparisons.len() {
        1 => String::new(),
        several => format!(" The p-values are Holm-adjusted for {several} comparisons."),
    };
    Some(Statement::new("Depth", sentences.collect::<Vec<_>>().join(" ") + &corrected))
}

/// "With 10 % of the labels, relative to h (46.9 %): projection layer 1 −2.8 points (95 % CI −4.5 to −1.1, p = .001)"
fn differences(comparisons: &[&Comparison<'_, '_>], outputs: &[&Group<'_>]) -> String {
    let Some(first) = comparisons.first() else { return String::new() };
    let labels = capitalized(&with_labels(first.second, outputs));
    let differences = comparisons.iter().map(|comparison| {
        let points = words::points(comparison.difference.value);
        format!("{} {points} points ({})", depth_name(comparison.first), uncertainty(comparison))
    });
    let (output, accuracy) = (depth_name(first.second), words::percent(first.second.mean));
    let differences = differences.collect::<Vec<_>>().join(", ");
    format!("{labels}, relative to {output} ({accuracy}): {differences};")
}

/// Summarizes which projection layers differ significantly from h.
fn conclusion(comparisons: &[&Comparison<'_, '_>]) -> String {
    let layers = |wanted: Finding| {
        let found = comparisons.iter().filter(|comparison| all_find(&[**comparison], wanted));
        words::join_and(&found.map(|comparison| depth_name(comparison.first)).collect::<Vec<_>>())
    };
    let (higher, lower) = (layers(Finding::Higher), layers(Finding::Lower));
    let output = comparisons.first().map(|first| depth_name(first.second)).unwrap_or_default();
    match (higher.is_empty(), lower.is_empty()) {
        _ if all_find(comparisons, Finding::Lower) => {
            format!(" {output} is significantly better than every evaluated projection layer.")
        }
        _ if all_find(comparisons, Finding::Higher) => {
            format!(" {output} is significantly worse than every evaluated projection layer.")
        }
        (true, true) => format!(" no projection layer differs significantly from {output}."),
        (true, false) => format!(" {output} is significantly better than {lower}; no other difference is significant."),
        (false, true) => format!(" {output} is significantly worse than {higher}; no other difference is significant."),
        (false, false) => format!(
            " {output} is significantly better than {lower} and worse than {higher}; no other difference is \
             significant."
        ),
    }
}

/// " Validation accuracy selects projection layer 1 from 4 depths (58.8 % on the test images)."
fn selected_depth(selected: &SelectedRun<'_, '_>, output: &Group<'_>) -> String {
    let depths: Vec<&Group<'_>> =
        selected.evaluations.iter().filter(|group| is_same_run(group, output)).copied().collect();
    match select(&depths) {
        Some(selection) if selection.among > 1 => format!(
            " Validation accuracy selects {} from {} depths ({} on the test images).",
            depth_name(selection.group),
            selection.among,
            words::percent(selection.group.mean)
        ),
        Some(_) => String::new(),
        None => " There are no validation images to select a depth.".to_owned(),
    }
}
