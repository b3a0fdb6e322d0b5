//! Accuracy by swept setting.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel, LineSeries, Look};
use crate::render::data::EvaluationKind;
use crate::render::draw::Axis;
use crate::render::groups::{Group, group_by};
use crate::render::plots::looks::looks;
use crate::render::plots::names::file_name;
use crate::render::plots::{
    Figure, MAX_BASELINES, MAX_SERIES, Section, baseline_line, interval_ends, intervals_caption, line_of_groups,
    majority_line, omitted_caption, singles_caption,
};
use crate::render::words::{self, Naming};

/// Maximum number of panels of a figure.
const MAX_PANELS: usize = 6;
/// Kinds of evaluation in the order of their figures.
const KINDS: [EvaluationKind; 3] = [EvaluationKind::LinearEval, EvaluationKind::Knn, EvaluationKind::Supervised];

/// Returns a figure for each kind of evaluation and each swept setting, those of the same kind together.
pub(crate) fn figures(groups: &[Group<'_>], majority: Option<f64>) -> Result<Vec<Figure>> {
    let settings = group_by(groups.iter().flat_map(|group| &group.first().values), |(setting, _)| setting.clone());
    let settings = settings.iter().filter(|(setting, _)| setting != "seed");
    let settings: Vec<(&String, Vec<String>)> = settings
        .map(|(setting, values)| (setting, group_by(values.iter(), |(_, value)| value.clone())))
        .filter(|(_, values)| values.len() > 1)
        .map(|(setting, values)| (setting, values.into_iter().map(|(value, _)| value).collect()))
        .collect();
    let mut figures = Vec::new();
    for kind in KINDS {
        for (setting, values) in &settings {
            figures.extend(figure(groups, majority, kind, (setting, values))?);
        }
    }
    Ok(figures)
}

/// What a line has in common in all panels: its depth and the other swept settings.
type LineKey = (Option<usize>, String);

/// The results of one evaluation that depend on a setting, by line.
struct Panel<'a, 'g> {
    lines: Vec<(LineKey, Vec<&'g Group<'a>>)>,
    baselines: Vec<&'g Group<'a>>,
}

impl<'a, 'g> Panel<'a, 'g> {
    fn new(members: &[&'g Group<'a>], groups: &'g [Group<'a>], setting: &str) -> Self {
        let key = |group: &&'g Group<'a>| (group.first().depth, others(group, setting));
        Self { lines: group_by(members.iter().copied(), key), baselines: baselines(groups, members[0], setting) }
    }

    fn first(&self) -> &'g Group<'a> {
        self.lines[0].1[0]
    }
}

fn figure(
    groups: &[Group<'_>],
    majority: Option<f64>,
    kind: EvaluationKind,
    (setting, values): (&str, &[String]),
) -> Result<Option<Figure>> {
    let swept: Vec<&Group<'_>> =
        groups.iter().filter(|group| group.first().kind == kind && value(group, setting).is_some()).collect();
    let evaluations = group_by(swept.iter().copied(), |group| {
        let result = group.first();
        (result.stage.clone(), result.from.clone(), result.dataset.clone(), result.fraction.to_bits())
    });
    let mut panels: Vec<Panel<'_, '_>> =
        evaluations.iter().map(|(_, members)| Panel::new(members, groups, setting)).collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let all: usize = panels.iter().map(|panel| panel.lines.len()).sum();
    panels.truncate(MAX_PANELS);
    let keys: Vec<LineKey> = distinct(panels.iter().flat_map(|panel| panel.lines.iter().map(|(key, _)| key.clone())));
    let keys = &keys[..keys.len().min(MAX_SERIES)];
    panels.iter_mut().for_each(|panel| panel.lines.retain(|(key, _)| keys.contains(key)));
    panels.retain(|panel| !panel.lines.is_empty());
    let shown: Vec<&Group<'_>> =
        panels.iter().flat_map(|panel| &panel.lines).flat_map(|(_, members)| members.clone()).collect();
    let count = panels.iter().map(|panel| panel.lines.len()).sum();
    let chart = LineChart::grid(drawn(&panels, keys, majority, (setting, &Scale::of(values))));
    let without = panels.iter().any(|panel| !panel.baselines.is_empty());
    let without = if without { " Lines without markers do not depend on it." } else { "" };
    let caption =
        intervals_caption(&shown) + singles_caption(&shown) + without + &omitted_caption(count, all, "summary.csv");
    let name = words::kind(kind).to_lowercase();
    let title = format!("{} by {setting}: test accuracy", words::kind(kind));
    let file = file_name(&["sweep", setting, &name]);
    Figure::draw(Section::Sweep, &file, &title, caption, &chart).map(Some)
}

/// Returns the panels with the same lines in the same looks, and axes from the lowest to the highest of all.
fn drawn(
    panels: &[Panel<'_, '_>],
    keys: &[LineKey],
    majority: Option<f64>,
    (setting, scale): (&str, &Scale),
) -> Vec<LinePanel> {
    let example = |key: &LineKey| panels.iter().flat_map(|panel| &panel.lines).find(|(other, _)| other == key);
    let of_lines: Vec<&Group<'_>> = keys.iter().filter_map(|key| Some(example(key)?.1[0])).collect();
    let baselines: Vec<&Group<'_>> = panels.iter().flat_map(|panel| panel.baselines.iter().copied()).collect();
    let of_baselines = group_by(baselines.iter().copied(), baseline_key);
    let baseline_keys: Vec<_> = of_baselines.iter().map(|(key, _)| key).collect();
    let firsts: Vec<&Group<'_>> =
        of_lines.iter().copied().chain(of_baselines.iter().map(|(_, members)| members[0])).collect();
    let looks = looks(&firsts, false);
    let names = line_names(&of_lines, &of_baselines.iter().map(|(_, members)| members[0]).collect::<Vec<_>>(), keys);
    let headings = Naming::of(&panels.iter().map(Panel::first).collect::<Vec<_>>()).without_variant().without_depth();
    let x = scale.axis(setting);
    let position = |group: &Group<'_>| scale.position(value(group, setting).unwrap_or_default());
    let lines = |panel: &Panel<'_, '_>| -> Vec<LineSeries> {
        let line = |(key, members): &(LineKey, Vec<&Group<'_>>)| {
            let at = keys.iter().position(|other| other == key).unwrap_or_default();
            line_of_groups(names[at].clone(), looks[at], (at, keys.len()), members, position)
        };
        let baseline = |(at, group): (usize, &&Group<'_>)| {
            let of = baseline_keys.iter().position(|key| **key == baseline_key(group)).unwrap_or_default();
            let look: Look = looks[keys.len() + of];
            let name = names[keys.len() + of].clone();
            let line = baseline_line(&name, at, look, group.mean, [x.low, x.high]);
            // The accuracy is part of the name only if one panel has the legend to itself.
            if panels.len() > 1 { LineSeries { name, ..line } } else { line }
        };
        panel.lines.iter().map(line).chain(panel.baselines.iter().enumerate().map(baseline)).collect()
    };
    let lines: Vec<Vec<LineSeries>> = panels.iter().map(lines).collect();
    let ends = lines.iter().flat_map(|lines| interval_ends(lines));
    let means = baselines.iter().map(|group| group.mean);
    let y = Axis::percent("Test accuracy", ends.chain(means).chain(majority));
    let panel = |(panel, lines): (&Panel<'_, '_>, Vec<LineSeries>)| LinePanel {
        heading: if panels.len() > 1 { headings.name(panel.first()) } else { String::new() },
        x: x.clone(),
        y: y.clone(),
        lines,
        reference_lines: majority_line(majority),
    };
    panels.iter().zip(lines).map(panel).collect()
}

/// Returns the names of lines, empty for a single one, and of baselines.
fn line_names(lines: &[&Group<'_>], baselines: &[&Group<'_>], keys: &[LineKey]) -> Vec<String> {
    let naming = Naming::of(lines).without_fraction().without_variant();
    let line = |(group, key): (&&Group<'_>, &LineKey)| words::join_nonempty(&[&naming.differing(group), &key.1]);
    let of_baselines = Naming::of(baselines).without_fraction().without_variant().without_depth();
    let baseline = |group: &&Group<'_>| match group.first().is_untrained {
        true => words::join_nonempty(&[&of_baselines.differing(group), "untrained"]),
        false => of_baselines.name(group),
    };
    let mut names: Vec<String> = lines.iter().zip(keys).map(line).collect();
    if let ([name], false) = (names.as_mut_slice(), baselines.is_empty()) {
        *name = words::or_unknown(lines[0].first().from.as_deref().unwrap_or_default());
    }
    names.extend(baselines.iter().map(baseline));
    names
}

fn distinct(keys: impl Iterator<Item = LineKey>) -> Vec<LineKey> {
    group_by(keys, LineKey::clone).into_iter().map(|(key, _)| key).collect()
}

/// What is the same for a baseline in all panels.
fn baseline_key(group: &&Group<'_>) -> (EvaluationKind, String, Option<String>) {
    let result = group.first();
    (result.kind, result.stage.clone(), result.from.clone())
}

/// Returns the results that the setting does not change and that those of an evaluation are compared with, on the same
/// labels and test images: supervised training and the untrained encoder's h.
fn baselines<'a, 'g>(groups: &'g [Group<'a>], compared: &Group<'_>, setting: &str) -> Vec<&'g Group<'a>> {
    let compared = compared.first();
    let is_baseline = |group: &&Group<'_>| {
        let result = group.first();
        let is_untrained = result.is_untrained && result.kind == compared.kind && result.depth == Some(0);
        let is_alike = result.dataset == compared.dataset && result.fraction == compared.fraction;
        let is_scratch = result.kind == EvaluationKind::Supervised && result.from.is_none();
        is_alike && (is_scratch || is_untrained) && value(group, setting).is_none()
    };
    groups.iter().filter(is_baseline).filter(|group| group.mean.is_finite()).take(MAX_BASELINES).collect()
}

fn value<'a>(group: &Group<'a>, setting: &str) -> Option<&'a str> {
    group.first().values.iter().find(|(name, _)| name == setting).map(|(_, value)| value.as_str())
}

/// Returns the other swept settings, which distinguish the series.
fn others(group: &Group<'_>, setting: &str) -> String {
    let other = group.first().values.iter().filter(|(name, _)| name != setting && name != "seed");
    other.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}

/// Positions of the values of a setting: numeric or categorical.
enum Scale {
    /// Numbers, and how the pipeline file writes them.
    Numbers(Vec<(f64, String)>),
    Names(Vec<String>),
}

impl Scale {
    fn of(values: &[String]) -> Self {
        let number = |value: &String| value.parse().ok().filter(|number: &f64| number.is_finite());
        let numbers: Option<Vec<(f64, String)>> =
            values.iter().map(|value| Some((number(value)?, value.clone()))).collect();
        numbers.map_or_else(|| Self::Names(values.to_vec()), Self::Numbers)
    }

    fn axis(&self, title: &str) -> Axis {
        match self {
            Self::Numbers(numbers) => Axis::at_values(title, numbers.clone()),
            Self::Names(names) => Axis::categories(title, names.clone()),
        }
    }

    fn position(&self, value: &str) -> f64 {
        match self {
            Self::Numbers(_) => value.parse().unwrap_or(f64::NAN),
            Self::Names(names) => names.iter().position(|name| name == value).map_or(f64::NAN, |at| at as f64),
        }
    }
}
