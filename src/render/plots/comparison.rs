//! Every accuracy as a bar: supervised against linear evaluation against nearest neighbours.

use crate::base::Result;
use crate::render::charts::{Bar, BarChart};
use crate::render::data::EvaluationKind;
use crate::render::draw::{Axis, style};
use crate::render::groups::Group;
use crate::render::plots::{Figure, Section, intervals_caption, left_out_caption};
use crate::render::words::Naming;

/// More bars than this no longer compare at a glance.
const BARS_AT_MOST: usize = 24;

pub(crate) fn figure(groups: &[Group<'_>]) -> Result<Option<Figure>> {
    if groups.is_empty() {
        return Ok(None);
    }
    let shown = most_accurate(groups);
    let naming = Naming::of(&shown);
    let bars = shown.iter().map(|group| bar(group, naming)).collect();
    let reach = shown.iter().flat_map(|group| [group.mean, group.interval().1]);
    let chart = BarChart { bars, axis: Axis::from_zero("Accuracy on the test set", reach) };
    let caption = intervals_caption(&shown) + &left_out_caption(shown.len(), groups.len(), "summary.csv");
    Figure::draw(Section::Results, "comparison", "Accuracy of every evaluation", caption, &chart).map(Some)
}

/// The groups with the highest accuracies, in their old order.
fn most_accurate<'a, 'b>(groups: &'b [Group<'a>]) -> Vec<&'b Group<'a>> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by(|&a, &b| groups[b].mean.total_cmp(&groups[a].mean));
    order.truncate(BARS_AT_MOST);
    order.sort_unstable();
    order.into_iter().map(|at| &groups[at]).collect()
}

fn bar(group: &Group<'_>, naming: Naming) -> Bar {
    let color = kind_color(group.first().kind);
    Bar { name: naming.name(group), value: group.mean, interval: group.interval(), color }
}

fn kind_color(kind: EvaluationKind) -> plotters::style::RGBColor {
    match kind {
        EvaluationKind::LinearEval => style::PALETTE[0],
        EvaluationKind::Supervised => style::PALETTE[1],
        EvaluationKind::Knn => style::PALETTE[2],
    }
}
