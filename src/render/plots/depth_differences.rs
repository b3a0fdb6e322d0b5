//! The layers of the head as differences to the encoder's output, image by image.

use crate::base::Result;
use crate::render::charts::{Line, LineChart, Panel, Rule};
use crate::render::comparisons::{Comparison, Question, compare, pairs};
use crate::render::draw::{Axis, style};
use crate::render::groups::{Group, gathered};
use crate::render::plots::{Figure, SERIES_AT_MOST, Section, left_out_caption};
use crate::render::words::Naming;

pub(crate) fn figure(groups: &[Group<'_>]) -> Result<Option<Figure>> {
    let measured: Vec<&Group<'_>> = groups.iter().filter(|group| group.mean.is_finite()).collect();
    let comparisons = compare(Question::Depth, pairs(Question::Depth, &measured));
    let mut series = gathered(&comparisons, |comparison| {
        let result = comparison.second.first();
        (
            result.kind,
            result.stage.clone(),
            result.from.clone(),
            result.fraction.to_bits(),
            comparison.second.variant.clone(),
        )
    });
    if series.is_empty() {
        return Ok(None);
    }
    let all = series.len();
    series.truncate(SERIES_AT_MOST);
    let count = series.len();
    let firsts: Vec<&Group<'_>> = series.iter().map(|(_, members)| members[0].second).collect();
    let naming = Naming::of(&firsts).without_depth();
    let name = |group: &Group<'_>| if count > 1 { naming.name(group) } else { String::new() };
    let lines: Vec<Line> = series
        .iter()
        .enumerate()
        .map(|(at, (_, members))| line(name(members[0].second), (at, count), members))
        .collect();
    let deepest = comparisons.iter().filter_map(|comparison| comparison.first.first().depth).max().unwrap_or(0);
    let layers = (0..=deepest).map(|depth| if depth == 0 { "h".into() } else { format!("projection layer {depth}") });
    let x = Axis::categories("Features", layers.collect());
    let reach = lines.iter().flat_map(|line| &line.intervals).flat_map(|(low, high)| [*low, *high]);
    let y = Axis::points("Points above or below h", reach.chain([0.0]));
    let rules = vec![Rule { y: 0.0, text: "h".into() }];
    let chart = LineChart::single(Panel { heading: String::new(), x, y, lines, rules });
    let caption = format!(
        "Difference of the accuracy on the test set to that on h, image by image; whiskers are its 95 % intervals, not \
         corrected for their number.{}",
        left_out_caption(count, all, "comparisons.csv")
    );
    Figure::draw(Section::Results, "depth-differences", "Layers of the head against h", caption, &chart).map(Some)
}

/// Differences by depth, with h itself at 0.
fn line(name: String, (at, count): (usize, usize), members: &[&Comparison<'_, '_>]) -> Line {
    let depth = |comparison: &Comparison<'_, '_>| comparison.first.first().depth.unwrap_or(0) as f64;
    let mut members = members.to_vec();
    members.sort_by(|a, b| depth(a).total_cmp(&depth(b)));
    let value = |comparison: &&Comparison<'_, '_>| (depth(comparison), comparison.difference.value);
    let points = std::iter::once((0.0, 0.0)).chain(members.iter().map(value)).collect();
    let intervals = std::iter::once((0.0, 0.0)).chain(members.iter().map(|comparison| comparison.difference.interval));
    let line = Line::new(name, style::color(at, count), points).dodged(at, count);
    Line { intervals: intervals.collect(), marked: true, ..line }
}
