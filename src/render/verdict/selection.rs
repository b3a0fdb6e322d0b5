//! Model selection by validation accuracy. The test images are never used for selection.

use crate::render::data::EvaluationKind;
use crate::render::groups::{self, Group, without_seed};

/// A selected result and the number of candidates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selection<'r, 'g> {
    pub(crate) group: &'g Group<'r>,
    pub(crate) among: usize,
}

/// Returns the group with the highest validation accuracy, the first one in a tie; `None` if there are several and one
/// has no validation accuracy.
pub(crate) fn select<'r, 'g>(groups: &[&'g Group<'r>]) -> Option<Selection<'r, 'g>> {
    if let [only] = groups {
        return Some(Selection { group: only, among: 1 });
    }
    let validated: Option<Vec<(f64, &'g Group<'r>)>> =
        groups.iter().map(|group| Some((group.validation()?, *group))).collect();
    Some(Selection { group: best(validated?)?, among: groups.len() })
}

/// Returns the item with the highest accuracy, the first one in a tie.
pub(crate) fn best<T>(validated: Vec<(f64, T)>) -> Option<T> {
    let higher = |best: (f64, T), other: (f64, T)| if other.0 > best.0 { other } else { best };
    validated.into_iter().reduce(higher).map(|(_, item)| item)
}

/// The pretraining run that the verdict reports on.
#[derive(Clone, Debug)]
pub(crate) struct SelectedRun<'r, 'g> {
    /// Its linear evaluations, or its kNN evaluations if there are no linear ones.
    pub(crate) evaluations: Vec<&'g Group<'r>>,
    /// Number of candidate runs.
    pub(crate) among: usize,
    /// The evaluation that the selection is based on.
    pub(crate) selected_by: &'g Group<'r>,
}

/// Why no run was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSelection {
    /// No features of a pretrained encoder were evaluated.
    NoEvaluations,
    /// There are this many runs and no validation images to select one.
    NoValidation(usize),
}

/// Selects a pretraining run, including its sweep settings, by the validation accuracy of its first evaluated depth
/// with the largest fraction of the labels.
pub(crate) fn selected_run<'r, 'g>(groups: &[&'g Group<'r>]) -> Result<SelectedRun<'r, 'g>, NoSelection> {
    let of_kind = |kind| {
        let wanted = |group: &&&Group<'_>| group.first().kind == kind && !group.first().is_untrained;
        groups.iter().filter(wanted).copied().collect::<Vec<&'g Group<'r>>>()
    };
    let linear = of_kind(EvaluationKind::LinearEval);
    let mut evaluations = if linear.is_empty() { of_kind(EvaluationKind::Knn) } else { linear };
    // Accuracies on different data sets cannot be compared: the first one of the file counts.
    if let Some(dataset) = evaluations.first().map(|group| group.first().dataset.clone()) {
        evaluations.retain(|group| group.first().dataset == dataset);
    }
    let candidates = candidates(&evaluations);
    if candidates.is_empty() {
        return Err(NoSelection::NoEvaluations);
    }
    let Selection { group, among } = select(&candidates).ok_or(NoSelection::NoValidation(candidates.len()))?;
    let evaluations = evaluations.into_iter().filter(|other| is_of_run(other, group)).collect();
    Ok(SelectedRun { evaluations, among, selected_by: group })
}

/// Returns the evaluation that selects a pretraining run; `None` if none is selected.
pub(crate) fn selected_group<'r, 'g>(groups: &'g [Group<'r>]) -> Option<&'g Group<'r>> {
    selected_run(&groups::measured(groups)).ok().map(|selected| selected.selected_by)
}

/// Returns whether a pretraining run, with any seed of its variant, is the one of a group.
pub(crate) fn selects(group: &Group<'_>, run: &str, variant: &str) -> bool {
    group.first().from.as_deref() == Some(run) && without_seed(variant) == group.variant
}

/// Returns, for each run, the evaluation of its first depth with the largest fraction of the labels.
fn candidates<'r, 'g>(evaluations: &[&'g Group<'r>]) -> Vec<&'g Group<'r>> {
    let mut candidates: Vec<&'g Group<'r>> = Vec::new();
    for group in evaluations {
        match candidates.iter_mut().find(|other| is_of_run(other, group)) {
            Some(known) if comes_before(group, known) => *known = group,
            Some(_) => {}
            None => candidates.push(group),
        }
    }
    candidates
}

fn comes_before(a: &Group<'_>, b: &Group<'_>) -> bool {
    let (a, b) = (a.first(), b.first());
    a.depth < b.depth || (a.depth == b.depth && a.fraction > b.fraction)
}

/// Returns whether two evaluations are of the same pretraining run with the same settings.
pub(crate) fn is_of_run(a: &Group<'_>, b: &Group<'_>) -> bool {
    a.first().from == b.first().from && a.variant == b.variant
}
