//! Test accuracy of every evaluation as a bar chart.

use crate::base::Result;
use crate::render::charts::{Bar, BarChart};
use crate::render::data::EvaluationKind;
use crate::render::draw::{Axis, style};
use crate::render::groups::Group;
use crate::render::plots::{Figure, Section, intervals_caption, omitted_caption};
use crate::render::words::{self, Naming};

/// Maximum number of bars.
const MAX_BARS: usize = 24;

pub(crate) fn figure(groups: &[Group<'_>], majority: Option<f64>) -> Result<Option<Figure>> {
    if groups.is_empty() {
        return Ok(None);
    }
    let shown: Vec<&Group<'_>> = groups.iter().take(MAX_BARS).collect();
    let naming = Naming::of(&shown);
    let bars = shown.iter().map(|group| bar(group, naming)).collect();
    let ends = shown.iter().flat_map(|group| [group.mean, group.interval.1]);
    let chart = BarChart { bars, reference: majority, axis: Axis::from_zero("Test accuracy", ends.chain(majority)) };
    let baseline =
        majority.map(|rate| format!(" The vertical line is the majority-class baseline ({}).", words::percent(rate)));
    let caption = intervals_caption(&shown)
        + &baseline.unwrap_or_default()
        + &omitted_caption(shown.len(), groups.len(), "summary.csv");
    Figure::draw(Section::Results, "comparison", "Test accuracy of every evaluation", caption, &chart).map(Some)
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
