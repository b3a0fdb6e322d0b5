//! Choosing among results by their accuracy on the validation images. The test images choose nothing.

use crate::render::data::EvaluationKind;
use crate::render::groups::Group;

/// A result and how many it was chosen from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'r, 'g> {
    pub(crate) group: &'g Group<'r>,
    pub(crate) among: usize,
}

/// The group with the highest validation accuracy, the first of equal ones; none where there are several and one has no
/// validation accuracy, so that nothing can be chosen.
pub(crate) fn choose<'r, 'g>(groups: &[&'g Group<'r>]) -> Option<Choice<'r, 'g>> {
    if let [only] = groups {
        return Some(Choice { group: only, among: 1 });
    }
    let validated: Option<Vec<(f64, &'g Group<'r>)>> =
        groups.iter().map(|group| Some((group.validation()?, *group))).collect();
    Some(Choice { group: best(validated?)?, among: groups.len() })
}

/// What has the highest accuracy, the first of equal ones.
pub(crate) fn best<T>(validated: Vec<(f64, T)>) -> Option<T> {
    let higher = |best: (f64, T), other: (f64, T)| if other.0 > best.0 { other } else { best };
    validated.into_iter().reduce(higher).map(|(_, item)| item)
}

/// The pretraining run that the sentences are about.
#[derive(Clone, Debug)]
pub(crate) struct Subject<'r, 'g> {
    /// Its evaluations of one kind: linear ones where there are any, else by nearest neighbors.
    pub(crate) evaluations: Vec<&'g Group<'r>>,
    /// How many runs it was chosen from.
    pub(crate) among: usize,
    /// The evaluation by which it was chosen.
    pub(crate) yardstick: &'g Group<'r>,
}

/// Why there is no subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSubject {
    /// No features of a pretrained encoder were evaluated.
    Nothing,
    /// There are this many runs, and no validation images to choose one by.
    NoChoice(usize),
}

/// Chooses the pretraining run, with its settings in the sweep, by the validation accuracy of its first evaluated depth
/// with the most labels.
pub(crate) fn subject<'r, 'g>(groups: &[&'g Group<'r>]) -> Result<Subject<'r, 'g>, NoSubject> {
    let of_kind = |kind| {
        let wanted = |group: &&&Group<'_>| group.first().kind == kind && !group.first().is_untrained;
        groups.iter().filter(wanted).copied().collect::<Vec<&'g Group<'r>>>()
    };
    let linear = of_kind(EvaluationKind::LinearEval);
    let evaluations = if linear.is_empty() { of_kind(EvaluationKind::Knn) } else { linear };
    let yardsticks = yardsticks(&evaluations);
    if yardsticks.is_empty() {
        return Err(NoSubject::Nothing);
    }
    let Choice { group, among } = choose(&yardsticks).ok_or(NoSubject::NoChoice(yardsticks.len()))?;
    let evaluations = evaluations.into_iter().filter(|other| is_of_run(other, group)).collect();
    Ok(Subject { evaluations, among, yardstick: group })
}

/// For each run the evaluation of its first depth with the most labels.
fn yardsticks<'r, 'g>(evaluations: &[&'g Group<'r>]) -> Vec<&'g Group<'r>> {
    let mut yardsticks: Vec<&'g Group<'r>> = Vec::new();
    for group in evaluations {
        match yardsticks.iter_mut().find(|other| is_of_run(other, group)) {
            Some(known) if comes_before(group, known) => *known = group,
            Some(_) => {}
            None => yardsticks.push(group),
        }
    }
    yardsticks
}

fn comes_before(a: &Group<'_>, b: &Group<'_>) -> bool {
    let (a, b) = (a.first(), b.first());
    a.depth < b.depth || (a.depth == b.depth && a.fraction > b.fraction)
}

fn is_of_run(a: &Group<'_>, b: &Group<'_>) -> bool {
    a.first().from == b.first().from && a.variant == b.variant
}
