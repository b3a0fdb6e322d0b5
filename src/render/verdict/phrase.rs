//! Wording of comparisons.

use crate::analysis::Pairing;
use crate::analysis::comparison::SIGNIFICANT;
use crate::render::comparisons::Comparison;
use crate::render::groups::Group;
use crate::render::words;

/// The outcome of a comparison at the significance level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Higher,
    Lower,
    NotSignificant,
}

pub(super) fn finding(comparison: &Comparison<'_, '_>) -> Finding {
    let is_significant = comparison.adjusted < SIGNIFICANT;
    match comparison.difference.value {
        value if is_significant && value > 0.0 => Finding::Higher,
        value if is_significant && value < 0.0 => Finding::Lower,
        _ => Finding::NotSignificant,
    }
}

/// Returns whether there are comparisons and all of them have the wanted finding.
pub(super) fn all_find(comparisons: &[&Comparison<'_, '_>], wanted: Finding) -> bool {
    !comparisons.is_empty() && comparisons.iter().all(|comparison| finding(comparison) == wanted)
}

/// "+24.6 points with 10 % of the labels (41.3 % vs. 16.7 %; 95 % CI +21.5 to +27.7, p < .001)"
pub(super) fn with_fraction(comparison: &Comparison<'_, '_>, among: &[&Comparison<'_, '_>]) -> String {
    let firsts: Vec<&Group<'_>> = among.iter().map(|comparison| comparison.first).collect();
    format!("{} {} ({})", points(comparison), with_labels(comparison.first, &firsts), details(comparison))
}

/// "with 10 % of the labels", and "in `linear_eval.a`" where another section uses the same fraction.
pub(super) fn with_labels(group: &Group<'_>, among: &[&Group<'_>]) -> String {
    let is_alike = |other: &&&Group<'_>| {
        let (a, b) = (group.first(), other.first());
        a.depth == b.depth && a.fraction == b.fraction && a.stage != b.stage
    };
    let section = match among.iter().find(is_alike) {
        Some(_) => format!(" in {}", words::code(&group.first().stage)),
        None => String::new(),
    };
    let first = group.first();
    format!("with {}{section}", words::of_the_labels(first.fraction, first.labels_per_class))
}

/// "+24.6 points"
fn points(comparison: &Comparison<'_, '_>) -> String {
    format!("{} points", words::points(comparison.difference.value))
}

/// "41.3 % vs. 16.7 %; 95 % CI +21.5 to +27.7, p < .001"
fn details(comparison: &Comparison<'_, '_>) -> String {
    let accuracies = [comparison.first, comparison.second].map(|group| words::percent(group.mean));
    format!("{} vs. {}; {}", accuracies[0], accuracies[1], uncertainty(comparison))
}

/// "95 % CI +21.5 to +27.7, p < .001", with the adjusted p-value.
pub(super) fn uncertainty(comparison: &Comparison<'_, '_>) -> String {
    let unpaired = match comparison.difference.pairing {
        Pairing::Unpaired => ", unpaired: different test images",
        Pairing::Images | Pairing::ImagesAndSeeds => "",
    };
    let range = words::points_range(comparison.difference.interval);
    format!("95 % CI {range}, {}{unpaired}", words::p_value(comparison.adjusted))
}

/// Names the kind of an evaluation within a sentence.
pub(super) fn kind(group: &Group<'_>) -> &'static str {
    match group.first().kind {
        crate::render::data::EvaluationKind::LinearEval => "linear evaluation",
        crate::render::data::EvaluationKind::Knn => "kNN classification",
        crate::render::data::EvaluationKind::Supervised => "supervised training",
    }
}

/// "linear evaluation of h", "supervised training"
pub(crate) fn evaluation_name(group: &Group<'_>) -> String {
    match group.first().depth {
        Some(_) => format!("{} of {}", kind(group), depth_name(group)),
        None => kind(group).to_owned(),
    }
}

/// "h", "projection layer 2"
pub(super) fn depth_name(group: &Group<'_>) -> String {
    let label = &group.first().depth_label;
    label.split(" (").next().unwrap_or(label).to_owned()
}

/// Capitalizes the first letter.
pub(crate) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
