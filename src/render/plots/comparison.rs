//! Every accuracy as a bar: supervised against linear evaluation against nearest neighbors.

use crate::base::Result;
use crate::render::charts::{Bar, BarChart};
use crate::render::data::EvaluationKind;
use crate::render::draw::{Axis, style};
use crate::render::groups::Group;
use crate::render::plots::{Figure, Section, intervals_caption, left_out_caption};
use crate::render::words::{self, Naming};

/// More bars than this no longer compare at a glance.
const BARS_AT_MOST: usize = 24;

pub(crate) fn figure(groups: &[Group<'_>], guessing: Option<f64>) -> Result<Option<Figure>> {
    if groups.is_empty() {
        return Ok(None);
    }
    let shown: Vec<&Group<'_>> = groups.iter().take(BARS_AT_MOST).collect();
    let naming = Naming::of(&shown);
    let bars = shown.iter().map(|group| bar(group, naming)).collect();
    let reach = shown.iter().flat_map(|group| [group.mean, group.interval.1]);
    let chart =
        BarChart { bars, rule: guessing, axis: Axis::from_zero("Accuracy on the test set", reach.chain(guessing)) };
    let guessing = guessing.map(|share| format!(" The line is at {}, what guessing gets.", words::percent(share)));
    let caption = intervals_caption(&shown)
        + &guessing.unwrap_or_default()
        + &left_out_caption(shown.len(), groups.len(), "summary.csv");
    Figure::draw(Section::Results, "comparison", "Accuracy of every evaluation", caption, &chart).map(Some)
}

fn bar(group: &Group<'_>, naming: Naming) -> Bar {
    let color = kind_color(group.first().kind);
    Bar { name: naming.name(group), value: group.mean, interval: group.interval, color }
}

fn kind_color(kind: EvaluationKind) -> plotters::style::RGBColor {
    match kind {
        EvaluationKind::LinearEval => style::PALETTE[0],
        EvaluationKind::Supervised => style::PALETTE[1],
        EvaluationKind::Knn => style::PALETTE[2],
    }
}
