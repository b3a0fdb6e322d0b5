//! Accuracy by fraction of the labels: linear evaluation against supervised training.

use crate::base::Result;
use crate::render::charts::{Line, LineChart, Panel};
use crate::render::draw::Axis;
use crate::render::groups::{Group, gathered};
use crate::render::plots::{
    Figure, SERIES_AT_MOST, Section, guessing_rules, intervals_caption, left_out_caption, line_of_groups, reach,
    singles_caption,
};
use crate::render::words::{self, Naming};

pub(crate) fn figure(groups: &[Group<'_>], guessing: Option<f64>) -> Result<Option<Figure>> {
    let mut series = series(groups);
    if !series.iter().any(|members| fractions(members).len() > 1) {
        return Ok(None);
    }
    let all = series.len();
    series.truncate(SERIES_AT_MOST);
    let count = series.len();
    let naming = Naming::of(&series.iter().map(|members| members[0]).collect::<Vec<_>>()).without_fraction();
    let lines: Vec<Line> = series
        .iter()
        .enumerate()
        .map(|(at, members)| {
            let name = if count > 1 { naming.name(members[0]) } else { String::new() };
            line_of_groups(name, (at, count), members, |group| group.first().fraction)
        })
        .collect();
    let shown: Vec<&Group<'_>> = series.concat();
    let y = Axis::percent("Accuracy on the test set", reach(&lines).into_iter().chain(guessing));
    let x = Axis::at_values("Fraction of the training labels", fractions(&shown), words::share);
    let chart = LineChart::single(Panel { heading: String::new(), x, y, lines, rules: guessing_rules(guessing) });
    let caption = intervals_caption(&shown) + singles_caption(&shown) + &left_out_caption(count, all, "summary.csv");
    let title = "Accuracy by fraction of the labels";
    Figure::draw(Section::Results, "label-efficiency", title, caption, &chart).map(Some)
}

/// A pipeline names a stage a fraction, so a series crosses stages; where two have one fraction, stages stay apart.
fn series<'a, 'b>(groups: &'b [Group<'a>]) -> Vec<Vec<&'b Group<'a>>> {
    let across = gathered(groups.iter(), |group| (like(group), String::new()));
    let ambiguous = across.iter().any(|(_, members)| fractions(members).len() < members.len());
    let series =
        if ambiguous { gathered(groups.iter(), |group| (like(group), group.first().stage.clone())) } else { across };
    series.into_iter().map(|(_, members)| members).collect()
}

/// Equal for groups that differ in their fraction and stage alone.
fn like(group: &Group<'_>) -> (crate::render::data::EvaluationKind, Option<String>, Option<usize>, String) {
    let result = group.first();
    (result.kind, result.from.clone(), result.depth, group.variant.clone())
}

fn fractions(groups: &[&Group<'_>]) -> Vec<f64> {
    let mut fractions: Vec<f64> = groups.iter().map(|group| group.first().fraction).collect();
    fractions.sort_by(f64::total_cmp);
    fractions.dedup();
    fractions
}
