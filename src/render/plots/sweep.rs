//! Accuracy against a setting that the sweep varies.

use crate::base::Result;
use crate::render::charts::{Line, LineChart, Panel};
use crate::render::data::EvaluationKind;
use crate::render::draw::Axis;
use crate::render::groups::{Group, gathered};
use crate::render::plots::{
    Figure, SERIES_AT_MOST, Section, intervals_caption, joined, left_out_caption, line_of_groups, reach,
    singles_caption,
};
use crate::render::words::{self, Naming};

pub(crate) fn figures(groups: &[Group<'_>]) -> Result<Vec<Figure>> {
    let settings = gathered(groups.iter().flat_map(|group| &group.first().values), |(setting, _)| setting.clone());
    let mut figures = Vec::new();
    for (at, (setting, values)) in settings.iter().filter(|(setting, _)| setting != "seed").enumerate() {
        let distinct = gathered(values.iter(), |(_, value)| value.clone());
        if distinct.len() > 1 {
            let values: Vec<String> = distinct.into_iter().map(|(value, _)| value).collect();
            figures.push(figure(groups, at, setting, &values)?);
        }
    }
    Ok(figures)
}

fn figure(groups: &[Group<'_>], at: usize, setting: &str, values: &[String]) -> Result<Figure> {
    let swept = groups.iter().filter(|group| value(group, setting).is_some());
    let mut series = gathered(swept, |group| {
        let result = group.first();
        (result.kind, result.stage.clone(), result.depth, result.fraction.to_bits(), others(group, setting))
    });
    let all = series.len();
    // Where all cannot be shown, linear evaluation of the encoder's output comes first.
    series.sort_by_key(|(key, _)| (key.0 != EvaluationKind::LinearEval || key.2 != Some(0)) && all > SERIES_AT_MOST);
    series.truncate(SERIES_AT_MOST);
    let scale = Scale::of(values);
    let naming = Naming::of(&series.iter().map(|(_, members)| members[0]).collect::<Vec<_>>()).without_variant();
    let count = series.len();
    let lines: Vec<Line> = series
        .iter()
        .enumerate()
        .map(|(at, (key, members))| {
            let name = if count > 1 { joined(&[&naming.differing(members[0]), &key.4]) } else { String::new() };
            line_of_groups(name, (at, count), members, |group| scale.place(value(group, setting).unwrap_or_default()))
        })
        .collect();
    let shown: Vec<&Group<'_>> = series.iter().flat_map(|(_, members)| members.clone()).collect();
    let y = Axis::percent("Accuracy on the test set", reach(&lines));
    let x = scale.axis(setting);
    let chart = LineChart::single(Panel { heading: String::new(), x, y, lines, rules: Vec::new() });
    let caption = intervals_caption(&shown) + singles_caption(&shown) + &left_out_caption(count, all, "summary.csv");
    let name = format!("sweep-{}", at + 1);
    Figure::draw(Section::Results, &name, &format!("Accuracy by {setting}"), caption, &chart)
}

fn value<'a>(group: &Group<'a>, setting: &str) -> Option<&'a str> {
    group.first().values.iter().find(|(name, _)| name == setting).map(|(_, value)| value.as_str())
}

/// The other swept settings, which tell series apart.
fn others(group: &Group<'_>, setting: &str) -> String {
    let other = group.first().values.iter().filter(|(name, _)| name != setting && name != "seed");
    other.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}

/// Values of a setting: numbers at their place, anything else in a row.
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

    fn place(&self, value: &str) -> f64 {
        match self {
            Self::Numbers(_) => value.parse().unwrap_or(f64::NAN),
            Self::Names(names) => names.iter().position(|name| name == value).map_or(f64::NAN, |at| at as f64),
        }
    }
}
