//! Accuracy by fraction of the labels: linear evaluation against supervised training.

use crate::base::Result;
use crate::render::charts::{Line, LineChart, Panel};
use crate::render::draw::{Axis, style};
use crate::render::groups::Group;
use crate::render::plots::{Figure, SERIES_AT_MOST, Section, gathered, intervals_caption, left_out_caption};
use crate::render::words::{self, Naming};

pub(crate) fn figure(groups: &[Group<'_>]) -> Result<Option<Figure>> {
    let mut series = gathered(groups.iter(), |group| {
        let result = group.first();
        (result.kind, result.from.clone(), result.depth, group.variant.clone())
    });
    // A pipeline names a stage a fraction, so a series crosses stages; two at one fraction are told apart by theirs.
    if series.iter().any(|(_, members)| fractions(members).len() < members.len()) {
        series = gathered(groups.iter(), |group| {
            let result = group.first();
            (result.kind, result.from.clone(), result.depth, group.variant.clone() + "\n" + &result.stage)
        });
    }
    if !series.iter().any(|(_, members)| fractions(members).len() > 1) {
        return Ok(None);
    }
    let all = series.len();
    series.truncate(SERIES_AT_MOST);
    let naming = Naming::of(&series.iter().map(|(_, members)| members[0]).collect::<Vec<_>>()).without_fraction();
    let count = series.len();
    let lines: Vec<Line> =
        series.iter().enumerate().map(|(at, (_, members))| line(at, count, members, naming)).collect();
    let shown: Vec<&Group<'_>> = series.iter().flat_map(|(_, members)| members.clone()).collect();
    let reach = lines.iter().flat_map(|line| line.intervals.iter().flat_map(|(low, high)| [*low, *high]));
    let y = Axis::percent("Accuracy on the test set", reach.collect::<Vec<_>>());
    let x = Axis::at_values("Fraction of the training labels", fractions(&shown), words::share);
    let chart = LineChart::single(Panel { heading: String::new(), x, y, lines, rules: Vec::new() });
    let caption = intervals_caption(&shown) + &left_out_caption(count, all, "summary.csv");
    let title = "Accuracy by fraction of the labels";
    Figure::draw(Section::Results, "label-efficiency", title, caption, &chart).map(Some)
}

fn fractions(groups: &[&Group<'_>]) -> Vec<f64> {
    let mut fractions: Vec<f64> = groups.iter().map(|group| group.first().fraction).collect();
    fractions.sort_by(f64::total_cmp);
    fractions.dedup();
    fractions
}

fn line(at: usize, count: usize, members: &[&Group<'_>], naming: Naming) -> Line {
    // Whiskers of several series at one fraction stand side by side.
    let shift = 1.0 + 0.025 * (at as f64 - (count as f64 - 1.0) / 2.0);
    let mut members = members.to_vec();
    members.sort_by(|a, b| a.first().fraction.total_cmp(&b.first().fraction));
    let points = members.iter().map(|group| (group.first().fraction * shift, group.mean)).collect();
    let several = members.iter().filter(|group| group.results.len() > 1);
    let singles = several
        .flat_map(|group| group.results.iter().map(|result| (result.fraction * shift, result.accuracy)))
        .collect();
    let intervals = members.iter().map(|group| group.drawn()).collect();
    Line { intervals, singles, marked: true, ..Line::new(naming.name(members[0]), style::color(at, count), points) }
}
