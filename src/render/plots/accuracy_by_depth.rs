//! Accuracy by depth of the features, with supervised baselines as horizontal lines.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel};
use crate::render::data::EvaluationKind;
use crate::render::draw::Axis;
use crate::render::groups::{Group, group_by};
use crate::render::plots::looks::looks;
use crate::render::plots::{
    Figure, MAX_BASELINES, Names, Section, interval_ends, intervals_caption, keep_prominent, lines_of_series,
    majority_line, omitted_caption, singles_caption,
};
use crate::render::words::Naming;

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
    let mut baselines = baselines(groups, &series.iter().map(|(_, members)| members[0]).collect::<Vec<_>>());
    let all = series.len() + baselines.len();
    keep_prominent(&mut series, |(_, members)| members[0]);
    baselines.truncate(MAX_BASELINES);
    let count = series.len();
    let firsts: Vec<&Group<'_>> =
        series.iter().map(|(_, members)| members[0]).chain(baselines.iter().copied()).collect();
    let naming = Naming::of(&firsts).without_depth();
    let names = Names::of(firsts.iter().map(|group| naming.name(group)).collect());
    let name = |at: usize| if firsts.len() > 1 { names.each[at].clone() } else { String::new() };
    let looks = looks(&firsts, true);
    let position = |group: &Group<'_>| {
        let depth = group.first().depth;
        depths.iter().position(|&other| Some(other) == depth).map_or(f64::NAN, |at| at as f64)
    };
    let x = Axis::categories("Features", depths.iter().map(|&depth| label(&deep, depth)).collect());
    let members: Vec<&[&Group<'_>]> = series.iter().map(|(_, members)| members.as_slice()).collect();
    let lines = lines_of_series(&members, &baselines, (&name, &looks), [x.low, x.high], position);
    let means = baselines.iter().map(|group| group.mean);
    let y = Axis::percent("Test accuracy", interval_ends(&lines).into_iter().chain(means).chain(majority));
    let chart =
        LineChart::single(LinePanel { heading: String::new(), x, y, lines, reference_lines: majority_line(majority) });
    let caption = format!(
        "h is the encoder output; projection layer k is the output of the k-th layer of the projection head, the last \
         of which is z. {}{}{}{}{}",
        if baselines.is_empty() { "" } else { "Without markers: supervised training with the same labels. " },
        intervals_caption(&deep),
        singles_caption(&deep),
        names.caption(),
        omitted_caption(count + baselines.len(), all, "summary.csv")
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
        Some(first) if !first.is_empty() && labels.all(|label| label == first) => first.clone(),
        _ if depth == 0 => "h".to_owned(),
        _ => format!("projection layer {depth}"),
    }
}

/// Returns the supervised networks that were trained with the same fraction of the labels as one of the series.
fn baselines<'a, 'b>(groups: &'b [Group<'a>], series: &[&Group<'_>]) -> Vec<&'b Group<'a>> {
    let is_compared = |group: &Group<'_>| series.iter().any(|other| other.first().fraction == group.first().fraction);
    let supervised = |group: &&Group<'_>| group.first().kind == EvaluationKind::Supervised && group.mean.is_finite();
    groups.iter().filter(supervised).filter(|group| is_compared(group)).collect()
}
