//! Test accuracy of every evaluation as a bar chart.

use crate::base::Result;
use crate::render::charts::{Bar, BarChart};
use crate::render::draw::{Axis, Family, Ink};
use crate::render::groups::Group;
use crate::render::plots::{Figure, Names, Section, intervals_caption, omitted_caption};
use crate::render::words::{self, Naming};

/// Maximum number of bars.
const MAX_BARS: usize = 14;

pub(crate) fn figure(groups: &[Group<'_>], majority: Option<f64>) -> Result<Option<Figure>> {
    if groups.is_empty() {
        return Ok(None);
    }
    let shown: Vec<&Group<'_>> = groups.iter().take(MAX_BARS).collect();
    let naming = Naming::of(&shown);
    let names = Names::of(shown.iter().map(|group| naming.name(group)).collect());
    let bars = shown.iter().zip(&names.each).map(|(group, name)| bar(group, name)).collect();
    let ends = shown.iter().flat_map(|group| [group.mean, group.interval.1]);
    let chart = BarChart { bars, reference: majority, axis: Axis::from_zero("Test accuracy", ends.chain(majority)) };
    let baseline =
        majority.map(|rate| format!(" The vertical line is the majority-class baseline ({}).", words::percent(rate)));
    let caption = intervals_caption(&shown)
        + &baseline.unwrap_or_default()
        + &names.caption()
        + &omitted_caption(shown.len(), groups.len(), "summary.csv");
    Figure::draw(Section::Results, "comparison", "Test accuracy of every evaluation", caption, &chart).map(Some)
}

fn bar(group: &Group<'_>, name: &str) -> Bar {
    let ink = Ink::Of(Family::of(group.first()), 0);
    Bar { name: name.to_owned(), value: group.mean, interval: group.interval, ink }
}
