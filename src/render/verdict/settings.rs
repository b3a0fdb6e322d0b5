//! Does what the sweep varies matter, and which value does validation choose?

use crate::analysis::comparison::SIGNIFICANT;
use crate::analysis::{Difference, Outcomes, holm, mean_difference};
use crate::render::comparisons::SEED;
use crate::render::data::{EvaluationKind, Report};
use crate::render::groups::{Group, gathered, mean};
use crate::render::verdict::Statement;
use crate::render::verdict::choice::best;
use crate::render::verdict::phrase::{capitalized, what};
use crate::render::words;

/// One statement for each swept setting but the seed; settings that are swept together are one.
pub(super) fn statements(report: &Report, groups: &[&Group<'_>]) -> Vec<Statement> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in report.results.iter().flat_map(|result| &result.values) {
        if name != SEED && !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut settings: Vec<Setting<'_>> = Vec::new();
    for name in names {
        match settings.iter_mut().find(|setting| is_tied(groups, setting.names[0], name)) {
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

    /// Its value for a result, if it decides that.
    fn value(&self, group: &Group<'_>) -> Option<String> {
        let values: Option<Vec<&str>> = self.names.iter().map(|name| value(group, name)).collect();
        values.map(|values| values.join(" / "))
    }
}

/// Whether each value of one setting goes with one value of the other.
fn is_tied(groups: &[&Group<'_>], a: &str, b: &str) -> bool {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for group in groups {
        match (value(group, a), value(group, b)) {
            (Some(x), Some(y)) if !pairs.contains(&(x, y)) => pairs.push((x, y)),
            (Some(_), Some(_)) | (None, None) => {}
            _ => return false,
        }
    }
    let is_alone =
        |(x, y): &(&str, &str)| pairs.iter().filter(|(other_x, other_y)| x == other_x || y == other_y).count() == 1;
    pairs.len() > 1 && pairs.iter().all(is_alone)
}

/// Results of one evaluation under one value of a setting, one for each combination of the other settings.
struct Value<'r, 'g> {
    value: String,
    groups: Vec<&'g Group<'r>>,
}

fn statement(setting: &Setting<'_>, groups: &[&Group<'_>]) -> Option<Statement> {
    let of_setting = yardstick(setting, groups);
    let (name, values) = (setting.name(), by_value(setting, &of_setting));
    let example = of_setting.first()?;
    if values.len() < 2 {
        return None;
    }
    let measured = format!("{} with {} of the labels", what(example), words::share(example.first().fraction));
    let Some(best) = chosen(&values) else {
        let text = format!("There are no validation images to choose a value of `{name}` by; {}.", listed(&values));
        return Some(Statement::new(&name, text));
    };
    let others: Vec<(&Value<'_, '_>, Difference)> = values
        .iter()
        .filter(|value| value.value != best.value)
        .filter_map(|value| Some((value, against(value, best, setting)?)))
        .collect();
    let adjusted = holm(&others.iter().map(|(_, difference)| difference.p_value).collect::<Vec<_>>());
    let differences = others.iter().zip(&adjusted).map(|((value, difference), p)| {
        let (points, range) = (words::points(difference.value), words::points_range(difference.interval));
        format!("{} {points} points (95 %: {range}, {})", value.value, words::p_value(*p))
    });
    let differences = differences.collect::<Vec<_>>().join(", ");
    let text = format!(
        "Validation chooses {name} {} of {} values; {measured} reaches {} there. Relative to it on the test images: \
         {differences}. {}",
        best.value,
        values.len(),
        words::percent(accuracy(best)),
        conclusion(&name, &others, &adjusted),
    );
    Some(Statement::new(&capitalized(&name), text))
}

/// Whether the setting matters.
fn conclusion(name: &str, others: &[(&Value<'_, '_>, Difference)], adjusted: &[f64]) -> String {
    let settled = || others.iter().zip(adjusted).filter(|(_, p)| **p < SIGNIFICANT).map(|(other, _)| other);
    let corrected =
        if others.len() > 1 { format!(" (p corrected for {} comparisons)", others.len()) } else { String::new() };
    if settled().next().is_none() {
        return format!("No value of {name} differs from the chosen one by more than chance{corrected}.");
    }
    let values = |wanted: fn(f64) -> bool| {
        let found = settled().filter(|(_, difference)| wanted(difference.value));
        words::listed(&found.map(|(value, _)| value.value.clone()).collect::<Vec<_>>())
    };
    let (lower, higher) = (values(|value| value < 0.0), values(|value| value > 0.0));
    let parts = [(lower, "below"), (higher, "above")].into_iter().filter(|(values, _)| !values.is_empty());
    let parts: Vec<String> = parts.map(|(values, side)| format!("{values} {side} the chosen value")).collect();
    format!("So {name} matters: {}{corrected}.", parts.join(", "))
}

/// The results by which a setting is judged: of the kinds that it touches the first, with the most labels, of the
/// encoder's output where that was evaluated.
fn yardstick<'r, 'g>(setting: &Setting<'_>, groups: &[&'g Group<'r>]) -> Vec<&'g Group<'r>> {
    let touched = groups.iter().copied().filter(|group| setting.value(group).is_some() && !group.first().is_untrained);
    let touched: Vec<&'g Group<'r>> = touched.collect();
    let order = |group: &Group<'_>| {
        let result = group.first();
        let kind = match result.kind {
            EvaluationKind::LinearEval => 0,
            EvaluationKind::Knn => 1,
            EvaluationKind::Supervised => 2,
        };
        (kind, result.depth)
    };
    let Some(first) = touched.iter().min_by(|a, b| {
        let by_labels = b.first().fraction.total_cmp(&a.first().fraction);
        order(a).cmp(&order(b)).then(by_labels)
    }) else {
        return Vec::new();
    };
    let is_like = |group: &&&Group<'_>| {
        let (a, b) = (group.first(), first.first());
        a.kind == b.kind && a.stage == b.stage && a.from == b.from && a.depth == b.depth && a.fraction == b.fraction
    };
    touched.iter().filter(is_like).copied().collect()
}

fn by_value<'r, 'g>(setting: &Setting<'_>, groups: &[&'g Group<'r>]) -> Vec<Value<'r, 'g>> {
    let decided = groups.iter().copied().filter_map(|group| Some((setting.value(group)?, group)));
    let of_value = |(value, members): (String, Vec<(String, &'g Group<'r>)>)| Value {
        value,
        groups: members.into_iter().map(|(_, group)| group).collect(),
    };
    gathered(decided, |(value, _)| value.clone()).into_iter().map(of_value).collect()
}

fn value<'r>(group: &Group<'r>, name: &str) -> Option<&'r str> {
    group.first().values.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// The value with the highest mean validation accuracy, the first of equal ones; none where one has none.
fn chosen<'v, 'r, 'g>(values: &'v [Value<'r, 'g>]) -> Option<&'v Value<'r, 'g>> {
    let validated: Option<Vec<(f64, &Value<'r, 'g>)>> = values
        .iter()
        .map(|value| {
            let accuracies: Option<Vec<f64>> = value.groups.iter().map(|group| group.validation()).collect();
            Some((mean(&accuracies?), value))
        })
        .collect();
    best(validated?)
}

/// The mean difference of two values over all other settings that both were run with.
fn against(value: &Value<'_, '_>, best: &Value<'_, '_>, setting: &Setting<'_>) -> Option<Difference> {
    let pairs: Vec<(&Outcomes<'_>, &Outcomes<'_>)> = value
        .groups
        .iter()
        .filter_map(|group| {
            let partner = best.groups.iter().find(|other| is_same_but(group, other, setting))?;
            let is_paired = group.first().test_set == partner.first().test_set;
            is_paired.then_some(())?;
            Some((group.outcomes.as_ref()?, partner.outcomes.as_ref()?))
        })
        .collect();
    mean_difference(&pairs)
}

/// Whether two results differ in this setting and the seed alone.
fn is_same_but(a: &Group<'_>, b: &Group<'_>, setting: &Setting<'_>) -> bool {
    let is_other = |name: &str| name != SEED && !setting.names.contains(&name);
    let others = |group: &Group<'_>| -> Vec<(String, String)> {
        group.first().values.iter().filter(|(name, _)| is_other(name)).cloned().collect()
    };
    others(a) == others(b)
}

fn accuracy(value: &Value<'_, '_>) -> f64 {
    mean(&value.groups.iter().map(|group| group.mean).collect::<Vec<_>>())
}

/// "0.1: 41.3 %, 0.5: 40.2 %"
fn listed(values: &[Value<'_, '_>]) -> String {
    values
        .iter()
        .map(|value| format!("{}: {}", value.value, words::percent(accuracy(value))))
        .collect::<Vec<_>>()
        .join(", ")
}
