//! What pretraining is worth.

use crate::base::human::count;
use crate::render::comparisons::Comparison;
use crate::render::groups::{Group, gathered};
use crate::render::verdict::Statement;
use crate::render::verdict::choice::{Subject, choose};
use crate::render::verdict::phrase::{Finding, all_find, capitalized, finding, what, with_fraction, with_labels};
use crate::render::words;

const PRETRAINING: &str = "Pretraining";

/// What the subject reaches, by fraction of the labels, and how it was chosen.
pub(super) fn reached(subject: &Subject<'_, '_>) -> Statement {
    let main = subject.yardstick;
    let of_depth = subject.evaluations.iter().filter(|group| group.first().depth == main.first().depth);
    let reached = of_depth.map(|group| {
        let labels = with_labels(group, &subject.evaluations);
        format!("{} {labels} ({} images)", accuracy(group), group.first().labeled)
    });
    let from = main.first().from.clone().unwrap_or_default();
    let of = if subject.among > 1 { chosen(subject) } else { format!(" from `{from}`") };
    let reached = words::listed(&reached.collect::<Vec<_>>());
    Statement::new("Result", format!("{}{of} reaches {reached}.", capitalized(&what(main))))
}

/// " from `main` with temperature 0.1, chosen by validation from 4,"
fn chosen(subject: &Subject<'_, '_>) -> String {
    let main = subject.yardstick;
    let from = main.first().from.clone().unwrap_or_default();
    let variant = if main.variant.is_empty() { String::new() } else { format!(" with {}", main.variant) };
    format!(" from `{from}`{variant}, which validation chooses of {} runs,", subject.among)
}

/// "41.3 % (95 %: 38.3 – 44.4 %)"
fn accuracy(group: &Group<'_>) -> String {
    format!("{} (95 %: {})", words::percent(group.mean), words::percent_range(group.interval))
}

/// Against the same encoder untrained.
pub(super) fn against_untrained(comparisons: &[Comparison<'_, '_>]) -> Statement {
    let all: Vec<&Comparison<'_, '_>> = comparisons.iter().collect();
    if all.is_empty() {
        let missing = "Nothing says what pretraining is worth, since the same encoder untrained was not evaluated: add a \
                       pretraining run with `epochs = 0` and evaluate it alike.";
        return Statement::new(PRETRAINING, missing);
    }
    let effects = effects(&all);
    let text = if all_find(&all, Finding::Higher) {
        format!("Over the same encoder untrained, pretraining is worth {effects}.")
    } else if all_find(&all, Finding::Unsettled) {
        format!("Pretraining is not shown to be worth anything over the same encoder untrained: {effects}.")
    } else if all_find(&all, Finding::Lower) {
        format!("Pretraining makes the encoder worse than it is untrained: {effects}.")
    } else {
        format!("Compared with the same encoder untrained, the pretrained one is {}.", marked(&all))
    };
    Statement::new(PRETRAINING, text)
}

/// Against supervised training with the same labels, for each such network.
pub(super) fn against_supervised(comparisons: &[Comparison<'_, '_>]) -> Vec<Statement> {
    gathered(comparisons, |comparison| comparison.second.first().stage.as_str())
        .into_iter()
        .map(|(stage, of_stage)| {
            let linear = what(of_stage[0].first);
            let text = format!(
                "Against supervised training with the same labels (`{stage}`), {linear} is {}.",
                marked(&of_stage)
            );
            Statement::new("Supervised training", text)
        })
        .collect()
}

/// Against the same network from scratch.
pub(super) fn fine_tuned(comparisons: &[Comparison<'_, '_>]) -> Option<Statement> {
    let all: Vec<&Comparison<'_, '_>> = comparisons.iter().collect();
    let from = all.first()?.first.first().from.clone().unwrap_or_default();
    let start = format!("Supervised training that starts from `{from}` is, against the same from scratch,");
    let effects = marked(&all);
    Some(Statement::new("Fine-tuning", format!("{start} {effects}.")))
}

/// What there is where no features were evaluated.
pub(super) fn without_features(groups: &[&Group<'_>]) -> Option<Statement> {
    let choice = choose(groups)?;
    let group = choice.group;
    let of = if choice.among > 1 {
        format!(", which validation chooses of {} results,", choice.among)
    } else {
        String::new()
    };
    let share = words::share(group.first().fraction);
    let name = format!("`{}`", group.first().stage);
    let text =
        format!("{} ({name}){of} reaches {} with {share} of the labels.", capitalized(&what(group)), accuracy(group));
    Some(Statement::new("Result", text))
}

/// "+24.6 points with 10 % of the labels (...) and +23.8 points with 100 % of the labels (...)"
fn effects(comparisons: &[&Comparison<'_, '_>]) -> String {
    words::listed(&comparisons.iter().map(|comparison| with_fraction(comparison, comparisons)).collect::<Vec<_>>())
}

/// The same, each said to be a difference or not.
fn marked(comparisons: &[&Comparison<'_, '_>]) -> String {
    words::listed(&comparisons.iter().map(|comparison| higher_or_lower(comparison, comparisons)).collect::<Vec<_>>())
}

/// "higher by 5.0 points with ...", "lower by 13.0 points with ...", "not distinguishable with ...".
fn higher_or_lower(comparison: &Comparison<'_, '_>, among: &[&Comparison<'_, '_>]) -> String {
    let text = with_fraction(comparison, among);
    match finding(comparison) {
        Finding::Higher => format!("higher by {}", text.trim_start_matches('+')),
        Finding::Lower => format!("lower by {}", text.trim_start_matches('\u{2212}')),
        Finding::Unsettled => format!("not distinguishable on {}: {text}", test_images(comparison)),
    }
}

fn test_images(comparison: &Comparison<'_, '_>) -> String {
    let difference = &comparison.difference;
    let seeds = if difference.seeds > 1 { format!(" and {}", count(difference.seeds, "seed")) } else { String::new() };
    count(difference.images, "test image") + &seeds
}
