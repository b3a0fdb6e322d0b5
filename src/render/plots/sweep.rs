//! Accuracy by swept setting.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel};
use crate::render::data::EvaluationKind;
use crate::render::draw::Axis;
use crate::render::groups::{Group, group_by};
use crate::render::plots::looks::looks;
use crate::render::plots::names::file_name;
use crate::render::plots::{
    Figure, MAX_BASELINES, MAX_SERIES, Names, Section, interval_ends, intervals_caption, lines_of_series,
    majority_line, omitted_caption, singles_caption,
};
use crate::render::words::{self, Naming};

pub(crate) fn figures(groups: &[Group<'_>], majority: Option<f64>) -> Result<Vec<Figure>> {
    let settings = group_by(groups.iter().flat_map(|group| &group.first().values), |(setting, _)| setting.clone());
    let mut figures = Vec::new();
    for (setting, values) in settings.iter().filter(|(setting, _)| setting != "seed") {
        let distinct = group_by(values.iter(), |(_, value)| value.clone());
        if distinct.len() > 1 {
            let values: Vec<String> = distinct.into_iter().map(|(value, _)| value).collect();
            figures.push(figure(groups, majority, setting, &values)?);
        }
    }
    Ok(figures)
}

fn figure(groups: &[Group<'_>], majority: Option<f64>, setting: &str, values: &[String]) -> Result<Figure> {
    let swept = groups.iter().filter(|group| value(group, setting).is_some());
    let mut series = group_by(swept, |group| {
        let result = group.first();
        (result.kind, result.stage.clone(), result.depth, result.fraction.to_bits(), others(group, setting))
    });
    let mut baselines = baselines(groups, setting);
    let all = series.len() + baselines.len();
    // If there are too many series, linear evaluation of h comes first.
    series.sort_by_key(|(key, _)| (key.0 != EvaluationKind::LinearEval || key.2 != Some(0)) && all > MAX_SERIES);
    series.truncate(MAX_SERIES);
    baselines.truncate(MAX_BASELINES);
    let (scale, count) = (Scale::of(values), series.len());
    let firsts: Vec<&Group<'_>> =
        series.iter().map(|(_, members)| members[0]).chain(baselines.iter().copied()).collect();
    let naming = Naming::of(&firsts).without_variant();
    let others = |at: usize| series.get(at).map_or(String::new(), |(key, _)| key.4.clone());
    let name = |(at, group): (usize, &&Group<'_>)| words::join_nonempty(&[&naming.differing(group), &others(at)]);
    let names = Names::of(firsts.iter().enumerate().map(name).collect());
    let name = |at: usize| if firsts.len() > 1 { names.each[at].clone() } else { String::new() };
    let looks = looks(&firsts, false);
    let x = scale.axis(setting);
    let position = |group: &Group<'_>| scale.position(value(group, setting).unwrap_or_default());
    let members: Vec<&[&Group<'_>]> = series.iter().map(|(_, members)| members.as_slice()).collect();
    let lines = lines_of_series(&members, &baselines, (&name, &looks), [x.low, x.high], position);
    let shown: Vec<&Group<'_>> = series.iter().flat_map(|(_, members)| members.clone()).collect();
    let means = baselines.iter().map(|group| group.mean);
    let y = Axis::percent("Test accuracy", interval_ends(&lines).into_iter().chain(means).chain(majority));
    let chart =
        LineChart::single(LinePanel { heading: String::new(), x, y, lines, reference_lines: majority_line(majority) });
    let without = if baselines.is_empty() { "" } else { " Lines without markers do not depend on it." };
    let caption = intervals_caption(&shown)
        + singles_caption(&shown)
        + without
        + &names.caption()
        + &omitted_caption(count + baselines.len(), all, "summary.csv");
    let title = format!("Test accuracy by {setting}");
    Figure::draw(Section::Sweep, &file_name(&["sweep", setting]), &title, caption, &chart)
}

/// Returns the results that the setting does not change and that the others are compared with: supervised training and
/// the untrained encoder's h.
fn baselines<'a, 'b>(groups: &'b [Group<'a>], setting: &str) -> Vec<&'b Group<'a>> {
    let is_baseline = |group: &&Group<'_>| {
        let result = group.first();
        let is_untrained = result.is_untrained && result.depth.is_none_or(|depth| depth == 0);
        (result.kind == EvaluationKind::Supervised || is_untrained) && value(group, setting).is_none()
    };
    groups.iter().filter(is_baseline).filter(|group| group.mean.is_finite()).collect()
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
