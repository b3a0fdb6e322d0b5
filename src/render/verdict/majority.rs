//! Comparison with the majority-class baseline, which always predicts the most frequent class.

use crate::analysis::comparison::SIGNIFICANT;
use crate::analysis::{Difference, Outcomes, difference, holm};
use crate::base::human::count;
use crate::render::data::{EvaluationResult, Report};
use crate::render::groups::Group;
use crate::render::verdict::Statement;
use crate::render::words::{self, Naming};

/// Maximum number of names listed.
const MAX_NAMES: usize = 4;

/// The statement on the majority-class baseline.
pub(super) struct MajorityBaseline {
    pub(super) statement: Option<Statement>,
    /// No result is significantly better, so this comes first.
    pub(super) is_alarming: bool,
}

/// Compares every result with the majority-class baseline of its test set, paired by image, for each seed.
pub(super) fn statement(report: &Report, groups: &[&Group<'_>]) -> MajorityBaseline {
    let learned: Vec<&Group<'_>> = groups.iter().filter(|group| !group.first().is_untrained).copied().collect();
    let evaluated = if learned.is_empty() { groups } else { &learned };
    let compared: Vec<(&Group<'_>, Difference)> =
        evaluated.iter().filter_map(|group| Some((*group, difference_from_baseline(report, group)?))).collect();
    let adjusted = holm(&compared.iter().map(|(_, difference)| difference.p_value).collect::<Vec<_>>());
    let is_better = |(difference, p): (&Difference, f64)| p < SIGNIFICANT && difference.value > 0.0;
    let better = compared.iter().zip(&adjusted).map(|((_, difference), p)| is_better((difference, *p)));
    let better: Vec<bool> = better.collect();
    let no_better: Vec<&Group<'_>> =
        compared.iter().zip(&better).filter(|(_, better)| !**better).map(|((group, _), _)| *group).collect();
    let is_alarming = !compared.is_empty() && no_better.len() == compared.len();
    let baseline = baseline_sentence(report, &compared);
    MajorityBaseline { statement: baseline.map(|baseline| worded(&baseline, &no_better, compared.len())), is_alarming }
}

/// Returns the smallest difference from the baseline over the seeds, since every single seed has to beat the baseline.
fn difference_from_baseline(report: &Report, group: &Group<'_>) -> Option<Difference> {
    let guessed = &report.test_sets.get(&group.first().test_set)?.guessed.0;
    let guesses = Outcomes::new(vec![(0, guessed.as_slice())])?;
    let of_seed = |result: &&EvaluationResult| {
        let outcomes = Outcomes::new(vec![(0, result.right.0.as_slice())])?;
        Some(difference(&outcomes, &guesses, true))
    };
    let seeds: Option<Vec<Difference>> = group.results.iter().map(of_seed).collect();
    seeds?.into_iter().reduce(|min, other| if other.value < min.value { other } else { min })
}

/// "The majority-class baseline (`healthy`) reaches 90.0 % on the test images"; with several data sets, of each.
fn baseline_sentence(report: &Report, compared: &[(&Group<'_>, Difference)]) -> Option<String> {
    let mut of_sets: Vec<&Group<'_>> = Vec::new();
    for (group, _) in compared {
        if !of_sets.iter().any(|other| other.first().dataset == group.first().dataset) {
            of_sets.push(group);
        }
    }
    let is_named = of_sets.len() > 1;
    let reached: Option<Vec<String>> = of_sets.into_iter().map(|group| reached(report, group, is_named)).collect();
    Some(reached?).filter(|reached| !reached.is_empty()).map(|reached| {
        let class = compared.first().filter(|_| !is_named).and_then(|(group, _)| most_frequent(report, group));
        format!("The majority-class baseline{} reaches {}", class.unwrap_or_default(), words::join_and(&reached))
    })
}

/// "90.0 % on the test images of `photos`"
fn reached(report: &Report, group: &Group<'_>, is_named: bool) -> Option<String> {
    let guessed = &report.test_sets.get(&group.first().test_set)?.guessed.0;
    let right = guessed.iter().filter(|&&right| right).count();
    let of_set =
        if is_named { format!(" of {}", words::code(words::dataset(&group.first().dataset))) } else { String::new() };
    Some(format!("{} on the test images{of_set}", words::percent(right as f64 / guessed.len().max(1) as f64)))
}

/// " (`healthy`)", unless all classes are equally frequent.
fn most_frequent(report: &Report, group: &Group<'_>) -> Option<String> {
    let set = report.test_sets.get(&group.first().test_set)?;
    (!group.is_balanced()).then(|| format!(" ({})", words::code(&set.most_frequent)))
}

fn worded(baseline: &str, no_better: &[&Group<'_>], all: usize) -> Statement {
    let text = match no_better.len() {
        0 => format!("{baseline}; every result of a trained network is significantly better."),
        some if some == all => format!("{baseline}, and no result is significantly better."),
        some if some <= MAX_NAMES => {
            let naming = Naming::of(no_better).with_kind_and_depth();
            let names: Vec<String> = no_better.iter().map(|group| naming.name(group)).collect();
            format!("{baseline}; these results are not significantly better: {}.", names.join("; "))
        }
        some => format!("{baseline}; {} of {all} are not significantly better.", count(some, "result")),
    };
    Statement::new("Majority-class baseline", text)
}
