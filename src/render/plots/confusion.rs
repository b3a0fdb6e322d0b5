//! Confusion matrices of the evaluations that validation chooses.

use crate::base::Result;
use crate::render::charts::Heatmap;
use crate::render::groups::{Group, gathered};
use crate::render::plots::{Figure, Section};
use crate::render::verdict::choice::choose;
use crate::render::words::{self, Naming};

/// More matrices than this are not looked at.
const MATRICES_AT_MOST: usize = 6;
/// More cells than this make SVG within a page slow.
const SVG_CELLS_AT_MOST: usize = 900;

pub(crate) fn figures(groups: &[Group<'_>]) -> Result<Vec<Figure>> {
    let with_counts: Vec<&Group<'_>> = groups.iter().filter(|group| is_square(&group.confusion())).collect();
    let shown = best(with_counts);
    let naming = Naming::of(&shown).with_kind_and_depth().with_variant();
    shown.iter().enumerate().map(|(at, group)| figure(at, group, naming)).collect()
}

fn is_square(counts: &[Vec<usize>]) -> bool {
    !counts.is_empty() && counts.iter().all(|row| row.len() == counts.len())
}

/// All, or where they are many that of each kind and label fraction which validation chooses.
fn best<'a, 'b>(groups: Vec<&'b Group<'a>>) -> Vec<&'b Group<'a>> {
    if groups.len() <= MATRICES_AT_MOST {
        return groups;
    }
    let learned = groups.into_iter().filter(|group| !group.first().is_untrained);
    let kinds = gathered(learned, |group| (group.first().kind, group.first().fraction.to_bits()));
    // Without validation images the first of a kind is shown, not the best on the test set.
    let chosen = |(_, members): (_, Vec<&'b Group<'a>>)| match choose(&members) {
        Some(choice) => Some(choice.group),
        None => members.first().copied(),
    };
    kinds.into_iter().filter_map(chosen).take(MATRICES_AT_MOST).collect()
}

fn figure(at: usize, group: &Group<'_>, naming: Naming) -> Result<Figure> {
    let name = naming.name(group);
    let heading = format!("{name}: {}", words::percent(group.mean));
    let chart = Heatmap { heading, classes: group.first().classes.clone(), counts: group.confusion() };
    let seeds = group.results.len();
    let caption = if seeds > 1 { format!("Summed over {seeds} seeds.") } else { String::new() };
    let heavy = chart.cells() > SVG_CELLS_AT_MOST;
    let (file, title) = (format!("confusion-{}", at + 1), format!("Confusion matrix, {name}"));
    let figure = Figure::draw(Section::Confusion, &file, &title, caption, &chart)?;
    Ok(Figure { heavy, ..figure })
}
