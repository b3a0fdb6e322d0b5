//! Where features are best taken: the encoder's output against the layers of the head, at every fraction of the labels.

use crate::render::comparisons::{Comparison, is_same_run};
use crate::render::groups::Group;
use crate::render::verdict::Statement;
use crate::render::verdict::choice::{Subject, choose};
use crate::render::verdict::phrase::{Finding, all_find, capitalized, layer, uncertainty, with_labels};
use crate::render::words;

/// The layers of the head as differences to the encoder's output, and what validation would choose.
pub(super) fn statement(subject: &Subject<'_, '_>, comparisons: &[Comparison<'_, '_>]) -> Option<Statement> {
    if comparisons.is_empty() {
        return None;
    }
    let mut places: Vec<&Group<'_>> = Vec::new();
    for comparison in comparisons {
        if !places.iter().any(|place| is_same_run(place, comparison.second)) {
            places.push(comparison.second);
        }
    }
    places.sort_by(|a, b| a.first().fraction.total_cmp(&b.first().fraction));
    let sentences = places.iter().map(|place| {
        let of_place: Vec<_> = comparisons.iter().filter(|comparison| is_same_run(comparison.first, place)).collect();
        [differences(&of_place, &places), conclusion(&of_place), chosen(subject, place)].concat()
    });
    let corrected = match comparisons.len() {
        1 => String::new(),
        several => format!(" The p-values are corrected for {several} comparisons (Holm)."),
    };
    Some(Statement::new("Depth", sentences.collect::<Vec<_>>().join(" ") + &corrected))
}

/// "With 10 % of the labels, relative to h (46.9 %): projection layer 1 −2.8 points (95 %: −4.5 to −1.1, p = .001)"
fn differences(comparisons: &[&Comparison<'_, '_>], places: &[&Group<'_>]) -> String {
    let Some(first) = comparisons.first() else { return String::new() };
    let labels = capitalized(&with_labels(first.second, places));
    let differences = comparisons.iter().map(|comparison| {
        let points = words::points(comparison.difference.value);
        format!("{} {points} points ({})", layer(comparison.first), uncertainty(comparison))
    });
    let (output, accuracy) = (layer(first.second), words::percent(first.second.mean));
    let differences = differences.collect::<Vec<_>>().join(", ");
    format!("{labels}, relative to {output} ({accuracy}): {differences};")
}

/// What that comes to.
fn conclusion(comparisons: &[&Comparison<'_, '_>]) -> String {
    let settled = |wanted: Finding| {
        let found = comparisons.iter().filter(|comparison| all_find(&[**comparison], wanted));
        words::listed(&found.map(|comparison| layer(comparison.first)).collect::<Vec<_>>())
    };
    let (higher, lower) = (settled(Finding::Higher), settled(Finding::Lower));
    let output = comparisons.first().map(|first| layer(first.second)).unwrap_or_default();
    match (higher.is_empty(), lower.is_empty()) {
        _ if all_find(comparisons, Finding::Lower) => {
            format!(" {output} is above every layer of the head that was evaluated.")
        }
        _ if all_find(comparisons, Finding::Higher) => {
            format!(" {output} is below every layer of the head that was evaluated.")
        }
        (true, true) => " no layer differs from it by more than chance.".to_owned(),
        (true, false) => format!(" {output} is above {lower}, the rest may be chance."),
        (false, true) => format!(" {output} is below {higher}, the rest may be chance."),
        (false, false) => format!(" {output} is above {lower} and below {higher}, the rest may be chance."),
    }
}

/// " Validation chooses projection layer 1 of 4 depths (58.8 % on the test images)."
fn chosen(subject: &Subject<'_, '_>, place: &Group<'_>) -> String {
    let depths: Vec<&Group<'_>> =
        subject.evaluations.iter().filter(|group| is_same_run(group, place)).copied().collect();
    match choose(&depths) {
        Some(choice) if choice.among > 1 => format!(
            " Validation chooses {} of {} depths ({} on the test images).",
            layer(choice.group),
            choice.among,
            words::percent(choice.group.mean)
        ),
        Some(_) => String::new(),
        None => " There are no validation images to choose a depth by.".to_owned(),
    }
}
