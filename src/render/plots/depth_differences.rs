//! Paired differences in accuracy between the projection layers and h, the encoder output.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel, LineSeries, Look, ReferenceLine};
use crate::render::comparisons::{Comparison, Question, compare, pairs};
use crate::render::draw::Axis;
use crate::render::groups::{self, Group, group_by};
use crate::render::plots::looks::looks;
use crate::render::plots::{Figure, MAX_SERIES, Names, Section, omitted_caption};
use crate::render::words::Naming;

pub(crate) fn figure(groups: &[Group<'_>]) -> Result<Option<Figure>> {
    let measured = groups::measured(groups);
    let comparisons = compare(Question::Depth, pairs(Question::Depth, &measured));
    let mut series = group_by(&comparisons, |comparison| {
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
    series.truncate(MAX_SERIES);
    let count = series.len();
    let firsts: Vec<&Group<'_>> = series.iter().map(|(_, members)| members[0].second).collect();
    let naming = Naming::of(&firsts).without_depth();
    let names = Names::of(firsts.iter().map(|group| naming.name(group)).collect());
    let name = |at: usize| if count > 1 { names.each[at].clone() } else { String::new() };
    let looks = looks(&firsts, true);
    let lines: Vec<LineSeries> = (0..count).map(|at| line(name(at), looks[at], (at, count), &series[at].1)).collect();
    let deepest = comparisons.iter().filter_map(|comparison| comparison.first.first().depth).max().unwrap_or(0);
    let layers = (0..=deepest).map(|depth| if depth == 0 { "h".into() } else { format!("projection layer {depth}") });
    let x = Axis::categories("Features", layers.collect());
    let ends = lines.iter().flat_map(|line| &line.intervals).flat_map(|(low, high)| [*low, *high]);
    let y = Axis::points("Difference from h (percentage points)", ends.chain([0.0]));
    let reference_lines = vec![ReferenceLine { y: 0.0, text: "h".into() }];
    let chart = LineChart::single(LinePanel { heading: String::new(), x, y, lines, reference_lines });
    let caption = format!(
        "Difference in test accuracy from h (encoder output), paired by test image and by seed. Whiskers are 95 % \
         confidence intervals, not adjusted for multiple comparisons.{}{}",
        names.caption(),
        omitted_caption(count, all, "comparisons.csv")
    );
    Figure::draw(Section::Results, "depth-differences", "Projection layers vs. h", caption, &chart).map(Some)
}

/// Returns the differences by depth, with h itself at 0.
fn line(name: String, look: Look, (at, count): (usize, usize), members: &[&Comparison<'_, '_>]) -> LineSeries {
    let depth = |comparison: &Comparison<'_, '_>| comparison.first.first().depth.unwrap_or(0) as f64;
    let mut members = members.to_vec();
    members.sort_by(|a, b| depth(a).total_cmp(&depth(b)));
    let value = |comparison: &&Comparison<'_, '_>| (depth(comparison), comparison.difference.value);
    let points = std::iter::once((0.0, 0.0)).chain(members.iter().map(value)).collect();
    let intervals = std::iter::once((0.0, 0.0)).chain(members.iter().map(|comparison| comparison.difference.interval));
    let line = LineSeries::new(name, look, points).dodged(at, count);
    LineSeries { intervals: intervals.collect(), marked: true, ..line }
}
