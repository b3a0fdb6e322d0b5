//! Accuracy by fraction of the labels: linear evaluation and supervised training.

use crate::base::Result;
use crate::render::charts::{LineChart, LinePanel, LineSeries};
use crate::render::data::EvaluationKind;
use crate::render::draw::Axis;
use crate::render::groups::{Group, group_by};
use crate::render::plots::looks::looks;
use crate::render::plots::{
    Figure, Names, Section, interval_ends, intervals_caption, keep_prominent, line_of_groups, majority_line,
    omitted_caption, singles_caption,
};
use crate::render::words::{self, Naming};

pub(crate) fn figure(groups: &[Group<'_>], majority: Option<f64>) -> Result<Option<Figure>> {
    let mut series = series(groups);
    if !series.iter().any(|members| fractions(members).len() > 1) {
        return Ok(None);
    }
    let all = series.len();
    keep_prominent(&mut series, |members| members[0]);
    let count = series.len();
    let firsts: Vec<&Group<'_>> = series.iter().map(|members| members[0]).collect();
    let naming = Naming::of(&firsts).without_fraction();
    let names = Names::of(firsts.iter().map(|group| naming.name(group)).collect());
    let name = |at: usize| if count > 1 { names.each[at].clone() } else { String::new() };
    let looks = looks(&firsts, false);
    let line =
        |at: usize| line_of_groups(name(at), looks[at], (at, count), &series[at], |group| group.first().fraction);
    let lines: Vec<LineSeries> = (0..count).map(line).collect();
    let shown: Vec<&Group<'_>> = series.concat();
    let y = Axis::percent("Test accuracy", interval_ends(&lines).into_iter().chain(majority));
    let ticks = fractions(&shown).into_iter().map(|fraction| (fraction, words::label_fraction(fraction))).collect();
    let x = Axis::at_values("Fraction of the training labels", ticks);
    let chart =
        LineChart::single(LinePanel { heading: String::new(), x, y, lines, reference_lines: majority_line(majority) });
    let caption = intervals_caption(&shown)
        + singles_caption(&shown)
        + &names.caption()
        + &omitted_caption(count, all, "summary.csv");
    let title = "Test accuracy by fraction of the labels";
    Figure::draw(Section::Results, "label-efficiency", title, caption, &chart).map(Some)
}

/// Groups results into series. A pipeline may have one stage per fraction, so a series spans stages unless two stages
/// have the same fraction.
fn series<'a, 'b>(groups: &'b [Group<'a>]) -> Vec<Vec<&'b Group<'a>>> {
    let across = group_by(groups.iter(), |group| (series_key(group), String::new()));
    let ambiguous = across.iter().any(|(_, members)| fractions(members).len() < members.len());
    let series = if ambiguous {
        group_by(groups.iter(), |group| (series_key(group), group.first().stage.clone()))
    } else {
        across
    };
    series.into_iter().map(|(_, members)| members).collect()
}

/// Returns a key that is equal for groups that differ only in fraction and stage.
fn series_key(group: &Group<'_>) -> (EvaluationKind, Option<String>, String, Option<usize>, String) {
    let result = group.first();
    (result.kind, result.from.clone(), result.dataset.clone(), result.depth, group.variant.clone())
}

fn fractions(groups: &[&Group<'_>]) -> Vec<f64> {
    let mut fractions: Vec<f64> = groups.iter().map(|group| group.first().fraction).collect();
    fractions.sort_by(f64::total_cmp);
    fractions.dedup();
    fractions
}
