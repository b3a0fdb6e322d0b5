//! Accuracy by depth of the features, with the supervised baseline as a level.

use crate::base::Result;
use crate::render::charts::{Line, LineChart, Panel, Rule};
use crate::render::data::EvaluationKind;
use crate::render::draw::{Axis, style};
use crate::render::groups::Group;
use crate::render::plots::{Figure, SERIES_AT_MOST, Section, gathered, intervals_caption, left_out_caption};
use crate::render::words::{self, Naming};

/// More levels than this hide the lines.
const RULES_AT_MOST: usize = 3;
/// Series stand this far apart at a depth, so that their whiskers do not hide each other.
const DODGE: f64 = 0.05;

pub(crate) fn figure(groups: &[Group<'_>]) -> Result<Option<Figure>> {
    let deep: Vec<&Group<'_>> = groups.iter().filter(|group| group.first().depth.is_some()).collect();
    let depths = depths(&deep);
    if depths.len() < 2 {
        return Ok(None);
    }
    let mut series = gathered(deep.iter().copied(), |group| {
        let result = group.first();
        (result.kind, result.stage.clone(), result.from.clone(), result.fraction.to_bits(), group.variant.clone())
    });
    let all = series.len();
    series.truncate(SERIES_AT_MOST);
    let naming = Naming::of(&series.iter().map(|(_, members)| members[0]).collect::<Vec<_>>()).without_depth();
    let count = series.len();
    let lines: Vec<Line> =
        series.iter().enumerate().map(|(at, (_, members))| line(at, count, members, &depths, naming)).collect();
    let rules = rules(groups, &series.iter().flat_map(|(_, members)| members.clone()).collect::<Vec<_>>());
    let reach = lines.iter().flat_map(|line| line.intervals.iter().flat_map(|(low, high)| [*low, *high]));
    let y = Axis::percent("Accuracy on the test set", reach.chain(rules.iter().map(|rule| rule.y)));
    let x = Axis::categories("Features", depths.iter().map(|&depth| label(&deep, depth)).collect());
    let chart = LineChart::single(Panel { heading: String::new(), x, y, lines, rules });
    let caption = format!(
        "Depth 0 is the output of the encoder; the others come after a layer of the projection head. {}{}",
        intervals_caption(&deep),
        left_out_caption(count, all, "summary.csv")
    );
    Figure::draw(Section::Results, "accuracy-by-depth", "Accuracy by depth of the features", caption, &chart).map(Some)
}

fn depths(groups: &[&Group<'_>]) -> Vec<usize> {
    let mut depths: Vec<usize> = groups.iter().filter_map(|group| group.first().depth).collect();
    depths.sort_unstable();
    depths.dedup();
    depths
}

/// The depth in words if the groups agree on them.
fn label(groups: &[&Group<'_>], depth: usize) -> String {
    let mut labels = groups
        .iter()
        .map(|group| group.first())
        .filter(|result| result.depth == Some(depth))
        .map(|result| &result.depth_label);
    match labels.next() {
        Some(first) if !first.is_empty() && labels.all(|label| label == first) => first.clone(),
        _ => format!("depth {depth}"),
    }
}

fn line(at: usize, count: usize, members: &[&Group<'_>], depths: &[usize], naming: Naming) -> Line {
    let shift = (at as f64 - (count as f64 - 1.0) / 2.0) * DODGE;
    let mut members = members.to_vec();
    members.sort_by_key(|group| group.first().depth);
    let x = |group: &Group<'_>| {
        let depth = group.first().depth;
        depths.iter().position(|&other| Some(other) == depth).map_or(f64::NAN, |place| place as f64 + shift)
    };
    let name = if count > 1 { naming.name(members[0]) } else { String::new() };
    let points = members.iter().map(|group| (x(group), group.mean)).collect();
    let several = members.iter().filter(|group| group.results.len() > 1);
    let singles = several.flat_map(|group| group.results.iter().map(|result| (x(group), result.accuracy))).collect();
    let intervals = members.iter().map(|group| group.drawn()).collect();
    Line { intervals, singles, marked: true, ..Line::new(name, style::color(at, count), points) }
}

/// Supervised baselines with as many labels as the lines have.
fn rules(groups: &[Group<'_>], shown: &[&Group<'_>]) -> Vec<Rule> {
    let compared = |group: &&Group<'_>| shown.iter().any(|other| other.first().fraction == group.first().fraction);
    let baselines = groups.iter().filter(|group| group.first().kind == EvaluationKind::Supervised).filter(compared);
    let baselines: Vec<&Group<'_>> = baselines.collect();
    if baselines.len() > RULES_AT_MOST {
        return Vec::new();
    }
    let naming = Naming::of(&baselines);
    let text = |group: &Group<'_>| {
        let named = if baselines.len() > 1 { format!(", {}", naming.name(group)) } else { String::new() };
        format!("supervised with the same labels{named}: {}", words::percent(group.mean))
    };
    baselines.iter().map(|group| Rule { y: group.mean, text: text(group) }).collect()
}
