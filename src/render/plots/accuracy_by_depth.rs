//! Accuracy by depth of the features, with the supervised baseline as a level.

use crate::base::Result;
use crate::render::charts::{Line, LineChart, Panel};
use crate::render::data::EvaluationKind;
use crate::render::draw::{Axis, style};
use crate::render::groups::{Group, gathered};
use crate::render::plots::{
    Figure, SERIES_AT_MOST, Section, guessing_rules, intervals_caption, left_out_caption, line_of_groups, reach,
    singles_caption,
};
use crate::render::words::{self, Naming};
use plotters::style::RGBColor;

/// More levels than this hide the lines.
const LEVELS_AT_MOST: usize = 3;

pub(crate) fn figure(groups: &[Group<'_>], guessing: Option<f64>) -> Result<Option<Figure>> {
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
    let count = series.len();
    let firsts: Vec<&Group<'_>> = series.iter().map(|(_, members)| members[0]).collect();
    let levels = levels(groups, &firsts);
    let named = count + levels.len() > 1;
    let naming =
        Naming::of(&[firsts.clone(), levels.iter().map(|(group, _)| *group).collect()].concat()).without_depth();
    let name = |group: &Group<'_>| if named { naming.name(group) } else { String::new() };
    let place = |group: &Group<'_>| {
        let depth = group.first().depth;
        depths.iter().position(|&other| Some(other) == depth).map_or(f64::NAN, |place| place as f64)
    };
    let x = Axis::categories("Features", depths.iter().map(|&depth| label(&deep, depth)).collect());
    let mut lines: Vec<Line> = series
        .iter()
        .enumerate()
        .map(|(at, (_, members))| line_of_groups(name(members[0]), (at, count), members, place))
        .collect();
    let ends = [x.low, x.high];
    lines.extend(levels.iter().map(|(group, color)| level(name(group), group, *color, ends)));
    let means = levels.iter().map(|(group, _)| group.mean);
    let y = Axis::percent("Accuracy on the test set", reach(&lines).into_iter().chain(means).chain(guessing));
    let chart = LineChart::single(Panel { heading: String::new(), x, y, lines, rules: guessing_rules(guessing) });
    let caption = format!(
        "h is the output of the encoder; the others come after a layer of the projection head. {}{}{}{}",
        if levels.is_empty() { "" } else { "Dashed: supervised training with as many labels. " },
        intervals_caption(&deep),
        singles_caption(&deep),
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
    let at_depth = groups.iter().map(|group| group.first()).filter(|result| result.depth == Some(depth));
    let mut labels = at_depth.map(|result| &result.depth_label);
    match labels.next() {
        // On an axis of layers there is no place for more.
        Some(first) if !first.is_empty() && labels.all(|label| label == first) => first.replace("projection ", ""),
        _ => format!("depth {depth}"),
    }
}

/// Supervised baselines with as many labels as a series of linear evaluation has, in its color.
fn levels<'a, 'b>(groups: &'b [Group<'a>], series: &[&Group<'_>]) -> Vec<(&'b Group<'a>, RGBColor)> {
    let linear = |other: &&Group<'_>| other.first().kind == EvaluationKind::LinearEval;
    let like = |group: &Group<'_>| {
        series.iter().position(|other| linear(other) && other.first().fraction == group.first().fraction)
    };
    let baselines = groups.iter().filter(|group| group.first().kind == EvaluationKind::Supervised);
    let levels: Vec<_> =
        baselines.filter_map(|group| like(group).map(|at| (group, style::color(at, series.len())))).collect();
    if levels.len() <= LEVELS_AT_MOST { levels } else { Vec::new() }
}

fn level(name: String, group: &Group<'_>, color: RGBColor, ends: [f64; 2]) -> Line {
    let points = ends.map(|x| (x, group.mean)).to_vec();
    let name = if name.is_empty() { name } else { format!("{name}: {}", words::percent(group.mean)) };
    Line { dashed: true, ..Line::new(name, color, points).thin() }
}
