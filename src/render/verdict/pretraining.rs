//! The effect of pretraining.

use crate::base::human::count;
use crate::render::comparisons::Comparison;
use crate::render::groups::{Group, group_by};
use crate::render::verdict::Statement;
use crate::render::verdict::phrase::{
    Finding, all_find, capitalized, evaluation_name, finding, with_fraction, with_labels,
};
use crate::render::verdict::selection::{SelectedRun, select};
use crate::render::words;

const PRETRAINING: &str = "Pretraining";

/// Reports the test accuracy of the selected run for each fraction of the labels, and how the run was selected.
pub(super) fn reached(selected: &SelectedRun<'_, '_>) -> Statement {
    let main = selected.selected_by;
    let of_depth = selected.evaluations.iter().filter(|group| group.first().depth == main.first().depth);
    let reached = of_depth.map(|group| {
        let labels = with_labels(group, &selected.evaluations);
        format!("{} {labels} ({} images)", accuracy(group), group.first().labeled)
    });
    let from = main.first().from.clone().unwrap_or_default();
    let of = if selected.among > 1 { selected_from(selected) } else { format!(" from {}", words::code(&from)) };
    let reached = words::join_and(&reached.collect::<Vec<_>>());
    Statement::new(
        "Result",
        format!("{}{of} reaches a test accuracy of {reached}.", capitalized(&evaluation_name(main))),
    )
}

/// " from `main` with temperature 0.1, selected from 4 runs by validation accuracy,"
fn selected_from(selected: &SelectedRun<'_, '_>) -> String {
    let main = selected.selected_by;
    let from = main.first().from.clone().unwrap_or_default();
    let variant = if main.variant.is_empty() { String::new() } else { format!(" with {}", main.variant) };
    format!(" from {}{variant}, selected from {} runs by validation accuracy,", words::code(&from), selected.among)
}

/// "41.3 % (95 % CI 38.3 – 44.4 %)"
fn accuracy(group: &Group<'_>) -> String {
    format!("{} (95 % CI {})", words::percent(group.mean), words::percent_range(group.interval))
}

/// Compares the pretrained with the same untrained encoder.
pub(super) fn against_untrained(comparisons: &[Comparison<'_, '_>]) -> Statement {
    let all: Vec<&Comparison<'_, '_>> = comparisons.iter().collect();
    if all.is_empty() {
        let missing = "The effect of pretraining is unknown because the same untrained encoder was not evaluated: add \
                       a pretraining run with `epochs = 0` and evaluate it in the same way.";
        return Statement::new(PRETRAINING, missing);
    }
    let effects = effects(&all);
    let text = if all_find(&all, Finding::Higher) {
        format!("Compared with the same untrained encoder, pretraining gains {effects}.")
    } else if all_find(&all, Finding::NotSignificant) {
        format!("The pretrained encoder does not differ significantly from the same untrained encoder: {effects}.")
    } else if all_find(&all, Finding::Lower) {
        format!("The pretrained encoder is significantly worse than the same untrained encoder: {effects}.")
    } else {
        format!("Compared with the same untrained encoder, the accuracy of the pretrained encoder is {}.", worded(&all))
    };
    Statement::new(PRETRAINING, text)
}

/// Compares with each supervised baseline trained on the same labels.
pub(super) fn against_supervised(comparisons: &[Comparison<'_, '_>]) -> Vec<Statement> {
    group_by(comparisons, |comparison| comparison.second.first().stage.as_str())
        .into_iter()
        .map(|(stage, of_stage)| {
            let linear = evaluation_name(of_stage[0].first);
            let text = format!(
                "Compared with supervised training on the same labels ({}), the accuracy of {linear} is {}.",
                words::code(stage),
                worded(&of_stage)
            );
            Statement::new("Supervised training", text)
        })
        .collect()
}

/// Compares fine-tuned networks with the same networks trained from scratch.
pub(super) fn fine_tuned(comparisons: &[Comparison<'_, '_>]) -> Option<Statement> {
    let all: Vec<&Comparison<'_, '_>> = comparisons.iter().collect();
    let from = all.first()?.first.first().from.clone().unwrap_or_default();
    let from = words::code(&from);
    let start = format!("Compared with the same network trained from scratch, the accuracy of fine-tuning {from} is");
    let effects = worded(&all);
    Some(Statement::new("Fine-tuning", format!("{start} {effects}.")))
}

/// Reports the selected supervised result when no features were evaluated.
pub(super) fn without_features(groups: &[&Group<'_>]) -> Option<Statement> {
    let selection = select(groups)?;
    let group = selection.group;
    let of = if selection.among > 1 {
        format!(", selected from {} results by validation accuracy,", selection.among)
    } else {
        String::new()
    };
    let labels = words::of_the_labels(group.first().fraction, group.first().labels_per_class);
    let name = words::code(&group.first().stage);
    let (what, accuracy) = (capitalized(&evaluation_name(group)), accuracy(group));
    let text = format!("{what} ({name}){of} reaches a test accuracy of {accuracy} with {labels}.");
    Some(Statement::new("Result", text))
}

/// "+24.6 points with 10 % of the labels (...) and +23.8 points with 100 % of the labels (...)"
fn effects(comparisons: &[&Comparison<'_, '_>]) -> String {
    words::join_and(&comparisons.iter().map(|comparison| with_fraction(comparison, comparisons)).collect::<Vec<_>>())
}

/// The effects, each with its direction or as not significant.
fn worded(comparisons: &[&Comparison<'_, '_>]) -> String {
    words::join_and(&comparisons.iter().map(|comparison| higher_or_lower(comparison, comparisons)).collect::<Vec<_>>())
}

/// "higher by 5.0 points with ...", "lower by 13.0 points with ...", "not significantly different on ...".
fn higher_or_lower(comparison: &Comparison<'_, '_>, among: &[&Comparison<'_, '_>]) -> String {
    let text = with_fraction(comparison, among);
    match finding(comparison) {
        Finding::Higher => format!("higher by {}", text.trim_start_matches('+')),
        Finding::Lower => format!("lower by {}", text.trim_start_matches('\u{2212}')),
        Finding::NotSignificant => format!("not significantly different on {}: {text}", test_images(comparison)),
    }
}

fn test_images(comparison: &Comparison<'_, '_>) -> String {
    let difference = &comparison.difference;
    let seeds = if difference.seeds > 1 { format!(" and {}", count(difference.seeds, "seed")) } else { String::new() };
    count(difference.images, "test image") + &seeds
}
