//! Selection of the results to compare, and their differences.
//!
//! The pipeline alone determines the comparisons, never the test accuracies: features of the encoder are compared with
//! those of the same untrained encoder, with supervised training on the same labels, and with the projection layers.

use crate::analysis::{Difference, difference, holm};
use crate::render::data::EvaluationKind;
use crate::render::groups::Group;

/// The question that a comparison answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Is the pretrained encoder better than the same untrained encoder?
    Pretraining,
    /// Is a linear classifier on its features better than supervised training on the same labels?
    Supervised,
    /// Is fine-tuning pretrained weights better than training from scratch?
    FineTuning,
    /// Is a projection layer better than the encoder output?
    Depth,
}

impl Question {
    pub(crate) const ALL: [Self; 4] = [Self::Pretraining, Self::Supervised, Self::FineTuning, Self::Depth];

    /// Returns a heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Pretraining => "Pretrained vs. untrained encoder",
            Self::Supervised => "Linear evaluation vs. supervised training",
            Self::FineTuning => "Fine-tuned vs. trained from scratch",
            Self::Depth => "Projection layers vs. encoder output",
        }
    }
}

/// A comparison of two groups of results.
#[derive(Clone, Debug)]
pub(crate) struct Comparison<'r, 'g> {
    pub(crate) question: Question,
    pub(crate) first: &'g Group<'r>,
    /// The baseline.
    pub(crate) second: &'g Group<'r>,
    /// First minus second.
    pub(crate) difference: Difference,
    /// The p-value, Holm-adjusted over the comparisons made together.
    pub(crate) adjusted: f64,
}

/// Compares pairs and adjusts their p-values together (Holm); pairs without both results are skipped.
pub(crate) fn compare<'r, 'g>(question: Question, pairs: Vec<Pair<'r, 'g>>) -> Vec<Comparison<'r, 'g>> {
    let compared = pairs.into_iter().filter_map(|(first, second)| Some((first, second, of_groups(first, second)?)));
    let compared: Vec<_> = compared.collect();
    let adjusted = holm(&compared.iter().map(|(_, _, difference)| difference.p_value).collect::<Vec<_>>());
    let comparison =
        |((first, second, difference), adjusted)| Comparison { question, first, second, difference, adjusted };
    compared.into_iter().zip(adjusted).map(comparison).collect()
}

/// A group and the baseline that it is compared with.
pub(crate) type Pair<'r, 'g> = (&'g Group<'r>, &'g Group<'r>);

/// Returns the difference between two groups; `None` if one has no result.
pub(crate) fn of_groups(first: &Group<'_>, second: &Group<'_>) -> Option<Difference> {
    let same_images = first.first().test_set == second.first().test_set;
    Some(difference(first.outcomes.as_ref()?, second.outcomes.as_ref()?, same_images))
}

/// Returns the pairs that answer a question, in the order of the results.
pub(crate) fn pairs<'r, 'g>(question: Question, groups: &[&'g Group<'r>]) -> Vec<Pair<'r, 'g>> {
    let is_answered_by = |first: &Group<'_>, second: &Group<'_>| match question {
        Question::Pretraining => is_untrained_counterpart(first, second),
        Question::Supervised => is_baseline(first, second),
        Question::FineTuning => is_from_scratch(first, second),
        Question::Depth => is_encoder_output(first, second),
    };
    let is_first = |group: &Group<'_>| match question {
        Question::Pretraining | Question::Supervised => is_first_depth(group, groups),
        Question::FineTuning => group.first().kind == EvaluationKind::Supervised,
        Question::Depth => !group.first().is_untrained,
    };
    let firsts = groups.iter().copied().filter(|group| is_first(group));
    let with_seconds = |first: &'g Group<'r>| {
        let seconds = groups.iter().copied().filter(move |second| is_answered_by(first, second));
        // There can be several supervised baselines, but only one counterpart of each other kind.
        let max = if question == Question::Supervised { usize::MAX } else { 1 };
        seconds.take(max).map(move |second| (first, second)).collect::<Vec<_>>()
    };
    firsts.flat_map(with_seconds).collect()
}

/// Returns whether a group evaluates a pretrained encoder at the first evaluated depth.
fn is_first_depth(group: &Group<'_>, groups: &[&Group<'_>]) -> bool {
    let result = group.first();
    let is_earlier = |other: &&Group<'_>| is_same_run(group, other) && other.first().depth < result.depth;
    result.depth.is_some() && !result.is_untrained && !groups.iter().any(is_earlier)
}

/// Returns whether two groups belong to the same section, pretraining run and fraction of the labels.
pub(crate) fn is_same_run(a: &Group<'_>, b: &Group<'_>) -> bool {
    let (x, y) = (a.first(), b.first());
    x.kind == y.kind && x.stage == y.stage && x.from == y.from && x.fraction == y.fraction && a.variant == b.variant
}

fn is_untrained_counterpart(first: &Group<'_>, second: &Group<'_>) -> bool {
    let (a, b) = (first.first(), second.first());
    b.is_untrained
        && a.kind == b.kind
        && a.dataset == b.dataset
        && a.depth == b.depth
        && a.fraction == b.fraction
        && a.encoder == b.encoder
        && have_same_settings(first, second)
}

fn is_baseline(first: &Group<'_>, second: &Group<'_>) -> bool {
    let (a, b) = (first.first(), second.first());
    let is_linear = a.kind == EvaluationKind::LinearEval;
    is_linear
        && b.kind == EvaluationKind::Supervised
        && b.from.is_none()
        && a.dataset == b.dataset
        && a.fraction == b.fraction
        && have_same_settings(first, second)
}

fn is_from_scratch(first: &Group<'_>, second: &Group<'_>) -> bool {
    let (a, b) = (first.first(), second.first());
    a.from.is_some()
        && b.kind == EvaluationKind::Supervised
        && b.from.is_none()
        && a.dataset == b.dataset
        && a.fraction == b.fraction
        && a.encoder == b.encoder
        && have_same_settings(first, second)
}

fn is_encoder_output(first: &Group<'_>, second: &Group<'_>) -> bool {
    is_same_run(first, second) && second.first().depth == Some(0) && first.first().depth > Some(0)
}

/// Returns whether two groups have the same value of every swept setting that both depend on; seeds may differ.
pub(crate) fn have_same_settings(a: &Group<'_>, b: &Group<'_>) -> bool {
    let other = |name: &str| b.first().values.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    a.first().values.iter().filter(|(name, _)| name != SEED).all(|(name, value)| other(name).is_none_or(|b| b == value))
}

/// The swept setting that results are averaged over.
pub(crate) const SEED: &str = "seed";
