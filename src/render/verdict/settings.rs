//! The effect of each swept setting, and the value that validation accuracy selects.

use crate::analysis::comparison::SIGNIFICANT;
use crate::analysis::{Difference, Outcomes, holm, mean_difference};
use crate::render::comparisons::SEED;
use crate::render::data::{EvaluationKind, Report};
use crate::render::groups::{Group, group_by, mean};
use crate::render::verdict::Statement;
use crate::render::verdict::phrase::{capitalized, evaluation_name};
use crate::render::verdict::selection::best;
use crate::render::words;

/// Returns one statement for each swept setting except the seed; settings that are swept together count as one.
pub(super) fn statements(report: &Report, groups: &[&Group<'_>]) -> Vec<Statement> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in report.results.iter().flat_map(|result| &result.values) {
        if name != SEED && !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut settings: Vec<Setting<'_>> = Vec::new();
    for name in names {
        match settings.iter_mut().find(|setting| are_swept_together(groups, setting.names[0], name)) {
            Some(setting) => setting.names.push(name),
            None => settings.push(Setting { names: vec![name] }),
        }
    }
    settings.iter().filter_map(|setting| statement(setting, groups)).collect()
}

/// A swept setting, or several that are swept together.
struct Setting<'n> {
    names: Vec<&'n str>,
}

impl Setting<'_> {
    fn name(&self) -> String {
        self.names.join(" / ")
    }

    /// Returns its value for a group of results; `None` if the group does not depend on it.
    fn value(&self, group: &Group<'_>) -> Option<String> {
        let values: Option<Vec<&str>> = self.names.iter().map(|name| value(group, name)).collect();
        values.map(|values| values.join(" / "))
    }
}

/// Returns whether each value of one setting always occurs with the same value of the other.
fn are_swept_together(groups: &[&Group<'_>], a: &str, b: &str) -> bool {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for group in groups {
        match (value(group, a), value(group, b)) {
            (Some(x), Some(y)) if !pairs.contains(&(x, y)) => pairs.push((x, y)),
            (Some(_), Some(_)) | (None, None) => {}
            _ => return false,
        }
    }
    let is_unique =
        |(x, y): &(&str, &str)| pairs.iter().filter(|(other_x, other_y)| x == other_x || y == other_y).count() == 1;
    pairs.len() > 1 && pairs.iter().all(is_unique)
}

/// Results of one evaluation with one value of a setting, one group for each combination of the other settings.
struct SettingValue<'r, 'g> {
    value: String,
    groups: Vec<&'g Group<'r>>,
}

fn statement(setting: &Setting<'_>, groups: &[&Group<'_>]) -> Option<Statement> {
    let of_setting = reference_groups(setting, groups);
    let (name, values) = (setting.name(), by_value(setting, &of_setting));
    let example = of_setting.first()?;
    if values.len() < 2 {
        return None;
    }
    let (fraction, per_class) = (example.first().fraction, example.first().labels_per_class);
    let measured = format!("{} with {}", evaluation_name(example), words::of_the_labels(fraction, per_class));
    let Some(best) = select_value(&values) else {
        let text = format!(
            "There are no validation images to select a value of {}. Test accuracies: {}.",
            words::code(&name),
            accuracies_by_value(&values)
        );
        return Some(Statement::new(&name, text));
    };
    let others: Vec<(&SettingValue<'_, '_>, Difference)> = values
        .iter()
        .filter(|value| value.value != best.value)
        .filter_map(|value| Some((value, difference_from(value, best, setting)?)))
        .collect();
    let adjusted = holm(&others.iter().map(|(_, difference)| difference.p_value).collect::<Vec<_>>());
    let differences = others.iter().zip(&adjusted).map(|((value, difference), p)| {
        let (points, range) = (words::points(difference.value), words::points_range(difference.interval));
        format!("{points} points with {} (95 % CI {range}, {})", value.value, words::p_value(*p))
    });
    let differences = differences.collect::<Vec<_>>().join(", ");
    let text = format!(
        "Validation accuracy selects {name} {} from {} values; {measured} then reaches {} on the test images. Relative \
         to that: {differences}. {}",
        best.value,
        values.len(),
        words::percent(accuracy(best)),
        conclusion(&name, &others, &adjusted),
    );
    Some(Statement::new(&capitalized(&name), text))
}

/// States whether the setting has a significant effect.
fn conclusion(name: &str, others: &[(&SettingValue<'_, '_>, Difference)], adjusted: &[f64]) -> String {
    let significant = || others.iter().zip(adjusted).filter(|(_, p)| **p < SIGNIFICANT).map(|(other, _)| other);
    let corrected =
        if others.len() > 1 { format!(" (p Holm-adjusted for {} comparisons)", others.len()) } else { String::new() };
    if significant().next().is_none() {
        return format!("No value of {name} differs significantly from the selected one{corrected}.");
    }
    let values = |wanted: fn(f64) -> bool| {
        let found = significant().filter(|(_, difference)| wanted(difference.value));
        words::join_and(&found.map(|(value, _)| value.value.clone()).collect::<Vec<_>>())
    };
    let (lower, higher) = (values(|value| value < 0.0), values(|value| value > 0.0));
    let parts = [(lower, "lower"), (higher, "higher")].into_iter().filter(|(values, _)| !values.is_empty());
    let parts: Vec<String> = parts.map(|(values, side)| format!("{side} accuracy with {values}")).collect();
    format!("The effect of {name} is significant: {}{corrected}.", parts.join(", "))
}

/// Returns the results that a setting is judged by: the first kind of evaluation that depends on it, at the smallest
/// depth (h if it was evaluated), with the largest fraction of the labels.
fn reference_groups<'r, 'g>(setting: &Setting<'_>, groups: &[&'g Group<'r>]) -> Vec<&'g Group<'r>> {
    let dependent =
        groups.iter().copied().filter(|group| setting.value(group).is_some() && !group.first().is_untrained);
    let dependent: Vec<&'g Group<'r>> = dependent.collect();
    let order = |group: &Group<'_>| {
        let result = group.first();
        let kind = match result.kind {
            EvaluationKind::LinearEval => 0,
            EvaluationKind::Knn => 1,
            EvaluationKind::Supervised => 2,
        };
        (kind, result.depth)
    };
    let Some(first) = dependent.iter().min_by(|a, b| {
        let by_labels = b.first().fraction.total_cmp(&a.first().fraction);
        order(a).cmp(&order(b)).then(by_labels)
    }) else {
        return Vec::new();
    };
    let is_like = |group: &&&Group<'_>| {
        let (a, b) = (group.first(), first.first());
        (a.kind, &a.stage, &a.from, &a.dataset) == (b.kind, &b.stage, &b.from, &b.dataset)
            && (a.depth, a.fraction) == (b.depth, b.fraction)
    };
    dependent.iter().filter(is_like).copied().collect()
}

fn by_value<'r, 'g>(setting: &Setting<'_>, groups: &[&'g Group<'r>]) -> Vec<SettingValue<'r, 'g>> {
    let dependent = groups.iter().copied().filter_map(|group| Some((setting.value(group)?, group)));
    let of_value = |(value, members): (String, Vec<(String, &'g Group<'r>)>)| SettingValue {
        value,
        groups: members.into_iter().map(|(_, group)| group).collect(),
    };
    group_by(dependent, |(value, _)| value.clone()).into_iter().map(of_value).collect()
}

fn value<'r>(group: &Group<'r>, name: &str) -> Option<&'r str> {
    group.first().values.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// Returns the value with the highest mean validation accuracy, the first one in a tie; `None` if a value has none.
fn select_value<'v, 'r, 'g>(values: &'v [SettingValue<'r, 'g>]) -> Option<&'v SettingValue<'r, 'g>> {
    let validated: Option<Vec<(f64, &SettingValue<'r, 'g>)>> = values
        .iter()
        .map(|value| {
            let accuracies: Option<Vec<f64>> = value.groups.iter().map(|group| group.validation()).collect();
            Some((mean(&accuracies?), value))
        })
        .collect();
    best(validated?)
}

/// Returns the mean difference between two values over all combinations of other settings that both were run with.
fn difference_from(
    value: &SettingValue<'_, '_>,
    best: &SettingValue<'_, '_>,
    setting: &Setting<'_>,
) -> Option<Difference> {
    let pairs: Vec<(&Outcomes<'_>, &Outcomes<'_>)> = value
        .groups
        .iter()
        .filter_map(|group| {
            let partner = best.groups.iter().find(|other| differs_only_in(group, other, setting))?;
            let is_paired = group.first().test_set == partner.first().test_set;
            is_paired.then_some(())?;
            Some((group.outcomes.as_ref()?, partner.outcomes.as_ref()?))
        })
        .collect();
    mean_difference(&pairs)
}

/// Returns whether two results differ only in this setting and the seed.
fn differs_only_in(a: &Group<'_>, b: &Group<'_>, setting: &Setting<'_>) -> bool {
    let is_other = |name: &str| name != SEED && !setting.names.contains(&name);
    let others = |group: &Group<'_>| -> Vec<(String, String)> {
        group.first().values.iter().filter(|(name, _)| is_other(name)).cloned().collect()
    };
    others(a) == others(b)
}

fn accuracy(value: &SettingValue<'_, '_>) -> f64 {
    mean(&value.groups.iter().map(|group| group.mean).collect::<Vec<_>>())
}

/// "0.1: 41.3 %, 0.5: 40.2 %"
fn accuracies_by_value(values: &[SettingValue<'_, '_>]) -> String {
    values
        .iter()
        .map(|value| format!("{}: {}", value.value, words::percent(accuracy(value))))
        .collect::<Vec<_>>()
        .join(", ")
}
