//! Accuracy by depth of the features, with supervised baselines as horizontal lines.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel, LineSeries};
use crate::render::data::EvaluationKind;
use crate::render::draw::{Axis, style};
use crate::render::groups::{Group, group_by};
use crate::render::plots::{
    Figure, MAX_SERIES, Section, interval_ends, intervals_caption, line_of_groups, majority_line, omitted_caption,
    singles_caption,
};
use crate::render::words::{self, Naming};
use plotters::style::RGBColor;

/// Maximum number of baselines; more would hide the lines.
const MAX_BASELINES: usize = 3;

pub(crate) fn figure(groups: &[Group<'_>], majority: Option<f64>) -> Result<Option<Figure>> {
    let deep: Vec<&Group<'_>> = groups.iter().filter(|group| group.first().depth.is_some()).collect();
    let depths = depths(&deep);
    if depths.len() < 2 {
        return Ok(None);
    }
    let mut series = group_by(deep.iter().copied(), |group| {
        let result = group.first();
        (result.kind, result.stage.clone(), result.from.clone(), result.fraction.to_bits(), group.variant.clone())
    });
    let all = series.len();
    series.truncate(MAX_SERIES);
    let count = series.len();
    let firsts: Vec<&Group<'_>> = series.iter().map(|(_, members)| members[0]).collect();
    let baselines = baselines(groups, &firsts);
    let named = count + baselines.len() > 1;
    let naming =
        Naming::of(&[firsts.clone(), baselines.iter().map(|(group, _)| *group).collect()].concat()).without_depth();
    let name = |group: &Group<'_>| if named { naming.name(group) } else { String::new() };
    let position = |group: &Group<'_>| {
        let depth = group.first().depth;
        depths.iter().position(|&other| Some(other) == depth).map_or(f64::NAN, |at| at as f64)
    };
    let x = Axis::categories("Features", depths.iter().map(|&depth| label(&deep, depth)).collect());
    let mut lines: Vec<LineSeries> = series
        .iter()
        .enumerate()
        .map(|(at, (_, members))| line_of_groups(name(members[0]), (at, count), members, position))
        .collect();
    let ends = [x.low, x.high];
    lines.extend(baselines.iter().map(|(group, color)| baseline_line(name(group), group, *color, ends)));
    let means = baselines.iter().map(|(group, _)| group.mean);
    let y = Axis::percent("Test accuracy", interval_ends(&lines).into_iter().chain(means).chain(majority));
    let chart =
        LineChart::single(LinePanel { heading: String::new(), x, y, lines, reference_lines: majority_line(majority) });
    let caption = format!(
        "h is the encoder output; layer k is projection layer k, the last of which gives z. {}{}{}{}",
        if baselines.is_empty() { "" } else { "Dashed: supervised training with the same fraction of the labels. " },
        intervals_caption(&deep),
        singles_caption(&deep),
        omitted_caption(count, all, "summary.csv")
    );
    Figure::draw(Section::Results, "accuracy-by-depth", "Test accuracy by depth of the features", caption, &chart)
        .map(Some)
}

fn depths(groups: &[&Group<'_>]) -> Vec<usize> {
    let mut depths: Vec<usize> = groups.iter().filter_map(|group| group.first().depth).collect();
    depths.sort_unstable();
    depths.dedup();
    depths
}

/// Returns the name of a depth if the groups agree on it.
fn label(groups: &[&Group<'_>], depth: usize) -> String {
    let at_depth = groups.iter().map(|group| group.first()).filter(|result| result.depth == Some(depth));
    let mut labels = at_depth.map(|result| &result.depth_label);
    match labels.next() {
        // Shortened because ticks have little room; the caption explains it.
        Some(first) if !first.is_empty() && labels.all(|label| label == first) => first.replace("projection ", ""),
        _ => format!("depth {depth}"),
    }
}

/// Returns the supervised baselines with the same fraction of the labels as a series of linear evaluations, in its
/// color.
fn baselines<'a, 'b>(groups: &'b [Group<'a>], series: &[&Group<'_>]) -> Vec<(&'b Group<'a>, RGBColor)> {
    let linear = |other: &&Group<'_>| other.first().kind == EvaluationKind::LinearEval;
    let like = |group: &Group<'_>| {
        series.iter().position(|other| linear(other) && other.first().fraction == group.first().fraction)
    };
    let supervised = groups.iter().filter(|group| group.first().kind == EvaluationKind::Supervised);
    let baselines: Vec<_> =
        supervised.filter_map(|group| like(group).map(|at| (group, style::color(at, series.len())))).collect();
    if baselines.len() <= MAX_BASELINES { baselines } else { Vec::new() }
}

fn baseline_line(name: String, group: &Group<'_>, color: RGBColor, ends: [f64; 2]) -> LineSeries {
    let points = ends.map(|x| (x, group.mean)).to_vec();
    let name = if name.is_empty() { name } else { format!("{name}: {}", words::percent(group.mean)) };
    LineSeries { dashed: true, ..LineSeries::new(name, color, points).thin() }
}
