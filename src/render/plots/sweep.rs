//! Accuracy by swept setting.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel, LineSeries};
use crate::render::data::EvaluationKind;
use crate::render::draw::Axis;
use crate::render::groups::{Group, group_by};
use crate::render::plots::{
    Figure, MAX_SERIES, Section, interval_ends, intervals_caption, join_nonempty, line_of_groups, omitted_caption,
    singles_caption,
};
use crate::render::words::{self, Naming};

pub(crate) fn figures(groups: &[Group<'_>]) -> Result<Vec<Figure>> {
    let settings = group_by(groups.iter().flat_map(|group| &group.first().values), |(setting, _)| setting.clone());
    let mut figures = Vec::new();
    for (at, (setting, values)) in settings.iter().filter(|(setting, _)| setting != "seed").enumerate() {
        let distinct = group_by(values.iter(), |(_, value)| value.clone());
        if distinct.len() > 1 {
            let values: Vec<String> = distinct.into_iter().map(|(value, _)| value).collect();
            figures.push(figure(groups, at, setting, &values)?);
        }
    }
    Ok(figures)
}

fn figure(groups: &[Group<'_>], at: usize, setting: &str, values: &[String]) -> Result<Figure> {
    let swept = groups.iter().filter(|group| value(group, setting).is_some());
    let mut series = group_by(swept, |group| {
        let result = group.first();
        (result.kind, result.stage.clone(), result.depth, result.fraction.to_bits(), others(group, setting))
    });
    let all = series.len();
    // If there are too many series, linear evaluation of h comes first.
    series.sort_by_key(|(key, _)| (key.0 != EvaluationKind::LinearEval || key.2 != Some(0)) && all > MAX_SERIES);
    series.truncate(MAX_SERIES);
    let scale = Scale::of(values);
    let naming = Naming::of(&series.iter().map(|(_, members)| members[0]).collect::<Vec<_>>()).without_variant();
    let count = series.len();
    let lines: Vec<LineSeries> = series
        .iter()
        .enumerate()
        .map(|(at, (key, members))| {
            let name = if count > 1 { join_nonempty(&[&naming.differing(members[0]), &key.4]) } else { String::new() };
            line_of_groups(name, (at, count), members, |group| {
                scale.position(value(group, setting).unwrap_or_default())
            })
        })
        .collect();
    let shown: Vec<&Group<'_>> = series.iter().flat_map(|(_, members)| members.clone()).collect();
    let y = Axis::percent("Test accuracy", interval_ends(&lines));
    let x = scale.axis(setting);
    let chart = LineChart::single(LinePanel { heading: String::new(), x, y, lines, reference_lines: Vec::new() });
    let caption = intervals_caption(&shown) + singles_caption(&shown) + &omitted_caption(count, all, "summary.csv");
    let name = format!("sweep-{}", at + 1);
    Figure::draw(Section::Sweep, &name, &format!("Test accuracy by {setting}"), caption, &chart)
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
    Numbers(Vec<f64>),
    Names(Vec<String>),
}

impl Scale {
    fn of(values: &[String]) -> Self {
        let numbers: Option<Vec<f64>> =
            values.iter().map(|value| value.parse().ok().filter(|n: &f64| n.is_finite())).collect();
        numbers.map_or_else(|| Self::Names(values.to_vec()), Self::Numbers)
    }

    fn axis(&self, title: &str) -> Axis {
        match self {
            Self::Numbers(numbers) => Axis::at_values(title, numbers.clone(), words::number),
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
