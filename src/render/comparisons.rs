//! Which results of a study are compared with which, and the differences.
//!
//! What is compared is fixed by the pipeline, never by the accuracies on the test set: features of the encoder against
//! those of the same encoder untrained, against supervised training with the same labels, and against later layers.

use crate::analysis::{Difference, difference, holm};
use crate::render::data::EvaluationKind;
use crate::render::groups::Group;

/// What a comparison answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Is pretraining worth something over the same encoder untrained?
    Pretraining,
    /// Is a linear classifier on its features better than supervised training with the same labels?
    Supervised,
    /// Is supervised training better from pretrained weights than from scratch?
    FineTuning,
    /// Is a layer of the head better than the encoder's output?
    Depth,
}

impl Question {
    pub(crate) const ALL: [Self; 4] = [Self::Pretraining, Self::Supervised, Self::FineTuning, Self::Depth];

    /// A heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Pretraining => "Pretrained against untrained encoder",
            Self::Supervised => "Linear evaluation against supervised training",
            Self::FineTuning => "Fine-tuned against trained from scratch",
            Self::Depth => "Layers of the head against the encoder's output",
        }
    }
}

/// Two results side by side.
#[derive(Clone, Debug)]
pub(crate) struct Comparison<'r, 'g> {
    pub(crate) question: Question,
    pub(crate) first: &'g Group<'r>,
    /// What it is compared with.
    pub(crate) second: &'g Group<'r>,
    /// The first less the second.
    pub(crate) difference: Difference,
    /// The p-value corrected for the comparisons made together (Holm).
    pub(crate) adjusted: f64,
}

/// Compares pairs, correcting p-values for how many there are; pairs of which one has no result are left out.
pub(crate) fn compare<'r, 'g>(question: Question, pairs: Vec<Pair<'r, 'g>>) -> Vec<Comparison<'r, 'g>> {
    let compared = pairs.into_iter().filter_map(|(first, second)| Some((first, second, of_groups(first, second)?)));
    let compared: Vec<_> = compared.collect();
    let adjusted = holm(&compared.iter().map(|(_, _, difference)| difference.p_value).collect::<Vec<_>>());
    let comparison =
        |((first, second, difference), adjusted)| Comparison { question, first, second, difference, adjusted };
    compared.into_iter().zip(adjusted).map(comparison).collect()
}

/// Two groups, the second what the first is compared with.
pub(crate) type Pair<'r, 'g> = (&'g Group<'r>, &'g Group<'r>);

/// The difference of two groups; none where one has no result.
pub(crate) fn of_groups(first: &Group<'_>, second: &Group<'_>) -> Option<Difference> {
    let same_images = first.first().test_set == second.first().test_set;
    Some(difference(first.outcomes.as_ref()?, second.outcomes.as_ref()?, same_images))
}

/// The pairs that answer a question, in the order of the results.
pub(crate) fn pairs<'r, 'g>(question: Question, groups: &[&'g Group<'r>]) -> Vec<Pair<'r, 'g>> {
    let is_answered_by = |first: &Group<'_>, second: &Group<'_>| match question {
        Question::Pretraining => is_untrained_counterpart(first, second),
        Question::Supervised => is_baseline(first, second),
        Question::FineTuning => is_from_scratch(first, second),
        Question::Depth => is_encoder_output(first, second),
    };
    let is_first = |group: &Group<'_>| match question {
        Question::Pretraining | Question::Supervised => is_main(group, groups),
        Question::FineTuning => group.first().kind == EvaluationKind::Supervised,
        Question::Depth => !group.first().is_untrained,
    };
    let firsts = groups.iter().copied().filter(|group| is_first(group));
    let with_seconds = |first: &'g Group<'r>| {
        let seconds = groups.iter().copied().filter(move |second| is_answered_by(first, second));
        // One encoder is untrained in one way; baselines may be several.
        let most = if question == Question::Supervised { usize::MAX } else { 1 };
        seconds.take(most).map(move |second| (first, second)).collect::<Vec<_>>()
    };
    firsts.flat_map(with_seconds).collect()
}

/// Features of a pretrained encoder at the first depth that is evaluated.
fn is_main(group: &Group<'_>, groups: &[&Group<'_>]) -> bool {
    let result = group.first();
    let is_earlier = |other: &&Group<'_>| is_same_run(group, other) && other.first().depth < result.depth;
    result.depth.is_some() && !result.is_untrained && !groups.iter().any(is_earlier)
}

/// Evaluations of one section on features of the same pretraining run, with as many labels.
pub(crate) fn is_same_run(a: &Group<'_>, b: &Group<'_>) -> bool {
    let (x, y) = (a.first(), b.first());
    x.kind == y.kind && x.stage == y.stage && x.from == y.from && x.fraction == y.fraction && a.variant == b.variant
}

fn is_untrained_counterpart(first: &Group<'_>, second: &Group<'_>) -> bool {
    let (a, b) = (first.first(), second.first());
    b.is_untrained
        && a.kind == b.kind
        && a.depth == b.depth
        && a.fraction == b.fraction
        && a.encoder == b.encoder
        && agree(first, second)
}

fn is_baseline(first: &Group<'_>, second: &Group<'_>) -> bool {
    let (a, b) = (first.first(), second.first());
    let is_linear = a.kind == EvaluationKind::LinearEval;
    is_linear
        && b.kind == EvaluationKind::Supervised
        && b.from.is_none()
        && a.fraction == b.fraction
        && agree(first, second)
}

fn is_from_scratch(first: &Group<'_>, second: &Group<'_>) -> bool {
    let (a, b) = (first.first(), second.first());
    a.from.is_some()
        && b.kind == EvaluationKind::Supervised
        && b.from.is_none()
        && a.fraction == b.fraction
        && a.encoder == b.encoder
        && agree(first, second)
}

fn is_encoder_output(first: &Group<'_>, second: &Group<'_>) -> bool {
    is_same_run(first, second) && second.first().depth == Some(0) && first.first().depth > Some(0)
}

/// Whether two results have the same value of every swept setting that decides both; seeds may differ.
pub(crate) fn agree(a: &Group<'_>, b: &Group<'_>) -> bool {
    let other = |name: &str| b.first().values.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    a.first().values.iter().filter(|(name, _)| name != SEED).all(|(name, value)| other(name).is_none_or(|b| b == value))
}

/// The swept setting that results are averaged over.
pub(crate) const SEED: &str = "seed";
