//! Is what was learned more than guessing the most frequent class?

use crate::analysis::comparison::SIGNIFICANT;
use crate::analysis::{Difference, Outcomes, difference, holm};
use crate::base::human::count;
use crate::render::data::{EvaluationResult, Report};
use crate::render::groups::Group;
use crate::render::verdict::Statement;
use crate::render::words::{self, Naming};

/// More names than this are not listed.
const NAMED: usize = 4;

/// The statement, and whether it makes all others pointless.
pub(super) struct Guessing {
    pub(super) statement: Option<Statement>,
    pub(super) is_alarming: bool,
}

/// Compares every result with guessing the most frequent class of its test set, image by image, for each seed.
pub(super) fn statement(report: &Report, groups: &[&Group<'_>]) -> Guessing {
    let learned: Vec<&Group<'_>> = groups.iter().filter(|group| !group.first().is_untrained).copied().collect();
    let subjects = if learned.is_empty() { groups } else { &learned };
    let compared: Vec<(&Group<'_>, Difference)> =
        subjects.iter().filter_map(|group| Some((*group, against_guessing(report, group)?))).collect();
    let adjusted = holm(&compared.iter().map(|(_, difference)| difference.p_value).collect::<Vec<_>>());
    let is_better = |(difference, p): (&Difference, f64)| p < SIGNIFICANT && difference.value > 0.0;
    let better = compared.iter().zip(&adjusted).map(|((_, difference), p)| is_better((difference, *p)));
    let better: Vec<bool> = better.collect();
    let no_better: Vec<&Group<'_>> =
        compared.iter().zip(&better).filter(|(_, better)| !**better).map(|((group, _), _)| *group).collect();
    let is_alarming = !compared.is_empty() && no_better.len() == compared.len();
    let guess = compared.first().and_then(|(group, _)| guess(report, group));
    Guessing { statement: guess.map(|guess| worded(&guess, &no_better, compared.len())), is_alarming }
}

/// The seed that is least above guessing: how much seeds differ says nothing of whether each has learned something.
fn against_guessing(report: &Report, group: &Group<'_>) -> Option<Difference> {
    let guessed = &report.test_sets.get(&group.first().test_set)?.guessed.0;
    let guesses = Outcomes::new(vec![(0, guessed.as_slice())])?;
    let of_seed = |result: &&EvaluationResult| {
        let outcomes = Outcomes::new(vec![(0, result.right.0.as_slice())])?;
        Some(difference(&outcomes, &guesses, true))
    };
    let seeds: Option<Vec<Difference>> = group.results.iter().map(of_seed).collect();
    seeds?.into_iter().reduce(|least, other| if other.value < least.value { other } else { least })
}

/// "Guessing the most frequent class (`healthy`) gets 90.0 % of the test images right"
fn guess(report: &Report, group: &Group<'_>) -> Option<String> {
    let set = report.test_sets.get(&group.first().test_set)?;
    let right = set.guessed.0.iter().filter(|&&right| right).count();
    let share = words::percent(right as f64 / set.guessed.0.len().max(1) as f64);
    let class = if group.is_balanced() { String::new() } else { format!(" (`{}`)", set.most_frequent) };
    Some(format!("Guessing the most frequent class{class} gets {share} of the test images right"))
}

fn worded(guess: &str, no_better: &[&Group<'_>], all: usize) -> Statement {
    let text = match no_better.len() {
        0 => format!("{guess}; every result of a trained network is better."),
        some if some == all => format!("{guess}, and no result here is better than that by more than chance."),
        some if some <= NAMED => {
            let naming = Naming::of(no_better).with_kind_and_depth();
            let names: Vec<String> = no_better.iter().map(|group| naming.name(group)).collect();
            format!("{guess}; these results are not better than that by more than chance: {}.", names.join("; "))
        }
        some => format!("{guess}; {} of {all} are not better than that by more than chance.", count(some, "result")),
    };
    Statement::new("Guessing", text)
}
