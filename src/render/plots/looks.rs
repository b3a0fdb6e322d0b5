//! What series look like: the color says what was measured, and marker, dash pattern and tint tell apart the rest.

use crate::render::charts::Look;
use crate::render::data::EvaluationResult;
use crate::render::draw::{Dash, Family, Ink, Marker};
use crate::render::groups::Group;

/// Tints of a color.
const TINTS: usize = 3;
/// Steps of the colors of pretraining runs.
const RUN_STEPS: usize = 5;

/// Returns a look for each group, all different as far as shapes go around. The depth is the marker, unless the
/// horizontal axis shows it; the pretraining run is the dash pattern, dotted if the encoder is untrained.
pub(super) fn looks(groups: &[&Group<'_>], is_depth_shown: bool) -> Vec<Look> {
    let mut runs: Vec<Option<&str>> = Vec::new();
    let of_run = |result: &&EvaluationResult| !result.is_untrained && result.from.is_some();
    for result in groups.iter().map(|group| group.first()).filter(of_run) {
        if !runs.contains(&result.from.as_deref()) {
            runs.push(result.from.as_deref());
        }
    }
    let mut looks: Vec<Look> = Vec::new();
    for result in groups.iter().map(|group| group.first()) {
        let run = runs.iter().position(|run| *run == result.from.as_deref()).unwrap_or(0);
        let dash =
            if result.is_untrained { Dash::Dotted } else { [Dash::Solid, Dash::Dashed, Dash::Alternating][run % 3] };
        let depth = if is_depth_shown { 0 } else { result.depth.unwrap_or(0) };
        let wanted = candidates(result, depth, dash).find(|look| !looks.iter().any(|other| other.is_like(*look)));
        looks.push(wanted.unwrap_or(Look { dash, ..Look::new(Ink::Of(Family::of(result), 0)) }));
    }
    looks
}

/// Returns looks of a result, the best first.
fn candidates(result: &EvaluationResult, depth: usize, dash: Dash) -> impl Iterator<Item = Look> {
    let family = Family::of(result);
    let tinted = move |marker: usize| {
        (0..TINTS).map(move |tint| Look {
            ink: Ink::Of(family, depth + tint),
            dash,
            marker: Marker::nth(depth + marker),
        })
    };
    (0..Marker::COUNT).flat_map(tinted)
}

/// Returns the look of pretraining run `at` of `of`, in the order of the sweep.
pub(super) fn run_look(at: usize, of: usize) -> Look {
    let step = if of < 2 { 1 } else { at * (RUN_STEPS - 1) / (of - 1) };
    let dash = if of > RUN_STEPS { Dash::nth(at % 2) } else { Dash::Solid };
    Look { dash, marker: Marker::nth(at), ..Look::new(Ink::Run(step)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::data::EvaluationKind;
    use crate::render::groups;

    #[test]
    fn equal_kinds_have_equal_colors_and_all_looks_differ() {
        let of = |kind, from: Option<&str>, depth, fraction| EvaluationResult {
            kind,
            from: from.map(str::to_owned),
            depth,
            fraction,
            is_untrained: from == Some("untrained"),
            ..EvaluationResult::default()
        };
        let linear = EvaluationKind::LinearEval;
        let mut results =
            vec![of(EvaluationKind::Supervised, None, None, 1.0), of(EvaluationKind::Knn, Some("a"), Some(0), 1.0)];
        for from in ["a", "b", "untrained"] {
            for depth in 0..3 {
                results.extend([0.1, 1.0].map(|fraction| of(linear, Some(from), Some(depth), fraction)));
            }
        }
        let groups = groups::over_seeds(&results);
        let groups: Vec<&Group<'_>> = groups.iter().collect();
        let looks = looks(&groups, false);
        for (at, (look, group)) in looks.iter().zip(&groups).enumerate() {
            assert!(!looks[..at].iter().any(|other| other.is_like(*look)), "{look:?} twice");
            assert!(matches!(look.ink, Ink::Of(family, _) if family == Family::of(group.first())));
            assert_eq!(look.dash == Dash::Dotted, group.first().is_untrained);
            let depth = group.first().depth.unwrap_or(0);
            assert_eq!(look.marker, Marker::nth(depth), "the marker is not that of the depth");
        }
    }

    #[test]
    fn runs_of_a_sweep_have_looks_of_their_own() {
        for of in 1..=8 {
            let looks: Vec<Look> = (0..of).map(|at| run_look(at, of)).collect();
            assert!(
                (0..of).all(|at| !looks[..at]
                    .iter()
                    .any(|other| (other.ink, other.dash) == (looks[at].ink, looks[at].dash))),
                "{of}: {looks:?}"
            );
        }
    }
}
